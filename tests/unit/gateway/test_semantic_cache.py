"""The semantic cache: which questions count as the same, and all that must keep them apart.

The scripted model's vectors are bags of words, in which short ones weigh little; the similarity that is asked for here
is so low that only the rules keep questions apart.
"""

from dataclasses import replace
from typing import Any

import pytest

from shared.gateway import decisive
from shared.gateway.chat import Retrieval
from shared.ports.keys import Caller
from shared.wire.cache import CacheWish
from tests.unit.gateway.conftest import Bench, call
from tests.unit.gateway.test_cache import answer, asked, served, streamed
from tests.unit.gateway.test_streams import text_of
from tests.upstream import Step

LOW = 0.5
ONE = "Please explain the colour of the evening sky in harbours"
ALIKE = "Explain the colour of an evening sky in harbours, please"
SYSTEM = [{"role": "system", "content": "Be brief."}]


def user(text: str) -> dict[str, Any]:
    return {"role": "user", "content": text}


class TestAQuestionThatMeansTheSame:
    @pytest.mark.parametrize("other", ["Explain the colour of an evening sky in harbours", f"  {ONE}?!"])
    async def test_has_the_same_answer_and_says_how_alike_it_is(self, bench: Bench, other: str) -> None:
        chat = bench.cached(similarity=LOW)
        _, one = await answer(chat, asked(ONE))
        relayed = await chat.complete(asked(other))
        assert relayed.headers["x-flightdeck-cache"] == "semantic"
        assert 0.9 < float(relayed.headers["x-flightdeck-cache-similarity"]) <= 1
        assert served(bench) == 1
        assert one["choices"][0]["message"]["content"].encode() in relayed.body
        assert one["id"].encode() not in relayed.body

    async def test_is_told_as_a_stream_with_its_usage_and_metered_as_a_hit(self, bench: Bench) -> None:
        bench.upstream.script("chat", Step(chunks=("One ", "two.")))
        chat = bench.cached(similarity=LOW)
        _, plain = await answer(chat, asked(ONE))
        hit, events = await streamed(chat, replace(asked(f"{ONE}?", stream=True), include_usage=True))
        assert (hit, text_of(events), events[-1]) == ("semantic", "One two.", "[DONE]")
        assert events[-2]["usage"] == plain["usage"]
        used = [(one.operation, one.source) for one in bench.meter.attempts]
        assert used.count(("completions", "cache")) == 1
        assert used.count(("completions", "api")) == 1
        assert used.count(("embeddings", "retrieval")) == 2

    async def test_is_found_where_a_stream_was_kept(self, bench: Bench) -> None:
        chat = bench.cached(similarity=LOW)
        await streamed(chat, asked(ONE, stream=True))
        assert (await answer(chat, asked(f"{ONE}?")))[0] == "semantic"

    async def test_is_asked_for_no_vector_when_it_is_the_very_same(self, bench: Bench) -> None:
        chat = bench.cached(similarity=LOW)
        assert [(await answer(chat, asked(ONE)))[0] for _ in range(2)] == ["miss", "hit"]
        assert len(bench.upstream.journal.of("embedding")) == 1


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("May the staff park in the yard", "May the staff not park in the yard"),
        ("Darf das Personal im Hof parken", "Darf das Personal nicht im Hof parken"),
        ("can visitors enter", "can't visitors enter"),
        ("how do visitors enter", "when do visitors enter"),
        ("what is 3 percent of the price", "what is 5 percent of the price"),
        ("compare 3 with 5", "compare 5 with 3"),
        ("the train from paris to london", "the train from london to paris"),
        ("the train from paris to london", "please the train from london to paris"),
        ("what is the capital of France", "what is the capital of Spain"),
        ("explain list.sort in python", "explain list.pop in python"),
        ("the highest tower of the town", "the lowest tower of the town"),
        ("\u4eca\u5929\u4e0b\u96e8\u5417", "\u4eca\u5929\u4e0d\u4e0b\u96e8\u5417"),
        ("explain the evening sky", "explain the rules of chess openings"),
    ],
)
async def test_a_question_that_differs_in_what_decides_is_no_hit(bench: Bench, one: str, other: str) -> None:
    chat = bench.cached(similarity=LOW)
    await answer(chat, asked(one))
    assert (await answer(chat, asked(other)))[0] == "miss"
    assert served(bench) == 2


@pytest.mark.parametrize(
    "other",
    [
        replace(asked(ALIKE), caller=Caller("other", "key-2")),
        replace(asked(ALIKE), retrieval=Retrieval({"messages": [user(ALIKE)]}, "passages")),
        asked(ALIKE, messages=[*SYSTEM, user(ALIKE)]),
        asked(ALIKE, messages=[user("Hello"), {"role": "assistant", "content": "Hi"}, user(ALIKE)]),
        asked(ALIKE, messages=[{"role": "user", "content": [{"type": "text", "text": ALIKE}]}]),
        asked(ALIKE, tools=[{"type": "function", "function": {"name": "look"}}]),
        asked(ALIKE, seed=7),
        asked(ALIKE, user="another"),
        asked(ALIKE, max_tokens=5),
        asked(ALIKE, wish=CacheWish(read=False)),
        asked(ALIKE, wish=CacheWish(read=False, keep=False)),
        asked(ALIKE, wish=CacheWish(exact=True)),
        asked(ALIKE, wish=CacheWish(tools=True)),
        asked(ALIKE, wish=CacheWish(similarity=0.9999)),
        call(ALIKE),
        asked(ALIKE + " x" * 500),
    ],
    ids=[
        *("tenant", "passages", "instructions", "turns", "image", "tools", "seed", "user", "limit", "no-cache"),
        *("no-store", "exact", "tool-calls", "similarity", "temperature", "length"),
    ],
)
async def test_a_call_that_differs_otherwise_is_no_hit(bench: Bench, other: Any) -> None:
    chat = bench.cached(similarity=LOW)
    await answer(chat, asked(ONE))
    assert (await answer(chat, asked(f"{ONE}?")))[0] == "semantic"
    assert (await answer(chat, other))[0] in (None, "miss")
    assert served(bench) == 2


async def test_a_tenant_whose_policy_does_not_say_so_has_only_the_same_question(bench: Bench) -> None:
    chat = bench.cached(similarity=LOW)
    caller = Caller("plain", "key-3")
    outcomes = [(await answer(chat, replace(asked(text), caller=caller)))[0] for text in (ONE, f"{ONE}?", ONE)]
    assert outcomes == ["miss", "miss", "hit"]
    assert not bench.upstream.journal.of("embedding")


@pytest.mark.parametrize(
    "step",
    [
        Step(finish_reason="length"),
        Step(finish_reason="content_filter"),
        Step(tool_calls=({"name": "look"},)),  # pyright: ignore[reportArgumentType]
    ],
)
async def test_what_is_no_whole_answer_is_given_to_nobody(bench: Bench, step: Step) -> None:
    bench.upstream.script("chat", step)
    chat = bench.cached(similarity=LOW)
    await answer(chat, asked(ONE))
    assert (await answer(chat, asked(f"{ONE}?")))[0] == "miss"


async def test_an_embedding_model_that_is_down_is_a_miss(bench: Bench) -> None:
    chat = bench.cached(similarity=LOW, embedding_model="gone")
    assert [(await answer(chat, asked(text)))[0] for text in (ONE, f"{ONE}?", ONE)] == ["miss", "miss", "hit"]


async def test_of_two_questions_the_one_that_is_more_alike_has_the_answer(bench: Bench) -> None:
    bench.upstream.script("chat", Step(text="Of harbours."), Step(text="Of mountains."))
    chat = bench.cached(similarity=0.9)
    await answer(chat, asked("explain the colour of the evening sky in harbours"))
    await answer(chat, asked("explain the colour of the evening snow of mountains"))
    _, told = await answer(chat, asked("explain a colour of an evening snow of mountains"))
    assert told["choices"][0]["message"]["content"] == "Of mountains."


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Explain the sky", ""),
        ("May I not go?", "I not"),
        ("Is NATO in Paris at 5 pm?", "NATO Paris 5"),
        ("don\u2019t go", "don\u2019t"),
        ("foo_bar(x) = 3", "foo_bar(x = 3"),
    ],
)
def test_names_figures_code_and_negations_decide(text: str, words: str) -> None:
    assert decisive.words_of(text) == words
