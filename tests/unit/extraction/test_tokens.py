"""Token counts agree with OpenAI's tokenizer."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from shared.adapters.tokens import O200kTokens
from shared.ports.tokens import TokenCounter


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("hello world", 2),
        ("漢字かな交じり文", 7),
        ("👩\u200d👩\u200d👧\u200d👦", 11),
        ("def f(x):\n\treturn  x", 7),
        ("Ünïcödé" * 50, 250),
        ("1234567890" * 9, 30),
    ],
)
def test_counts_are_those_of_another_implementation(text: str, tokens: int) -> None:
    """As the tokenizer of semantic-text-splitter, which is another Rust implementation, counts for gpt-4o."""
    counter: TokenCounter = O200kTokens()
    assert counter.count(text) == tokens


def test_a_special_token_in_a_text_is_counted_as_ordinary_text() -> None:
    assert O200kTokens().count("<|endoftext|>") > 1
    assert O200kTokens().count("") == 0


def test_threads_may_share_a_counter_from_the_start() -> None:
    counter = O200kTokens()
    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(counter.count, ["hello world"] * 64)) == {2}
