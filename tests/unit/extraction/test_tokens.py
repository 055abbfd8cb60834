"""Token counts agree with OpenAI's tokenizer."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from semantic_text_splitter import TextSplitter

from shared.adapters.tokens import O200kTokens
from shared.ports.tokens import TokenCounter


@pytest.mark.parametrize(
    "text",
    [
        "hello world",
        "漢字かな交じり文",
        "👩\u200d👩\u200d👧\u200d👦",
        "def f(x):\n\treturn  x",
        "Ünïcödé" * 50,
        "1234567890" * 9,
    ],
)
def test_counts_are_those_of_another_implementation(text: str) -> None:
    counter: TokenCounter = O200kTokens()
    tokens = counter.count(text)
    assert len(TextSplitter.from_tiktoken_model("gpt-4o", tokens, trim=False).chunks(text)) == 1
    assert len(TextSplitter.from_tiktoken_model("gpt-4o", tokens - 1, trim=False).chunks(text)) > 1


def test_a_special_token_in_a_text_is_counted_as_ordinary_text() -> None:
    assert O200kTokens().count("<|endoftext|>") > 1
    assert O200kTokens().count("") == 0


def test_threads_may_share_a_counter_from_the_start() -> None:
    counter = O200kTokens()
    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(counter.count, ["hello world"] * 64)) == {2}
