"""The file search tool of responses: rounds of searches, citations that are proven, and documents that stay data."""

import re
from typing import Any

import openai
import pytest
import pytest_asyncio

from tests.scenarios.deck import Deck, eventually
from tests.upstream import Step
from tests.upstream.script import ToolCall

GATE = "The access code of the gate is heliotrope and it is changed every quarter."
LEAVE = "Employees are entitled to twenty-five days of paid vacation in every calendar year."
TIME: Any = {"type": "function", "name": "get_time", "parameters": {"type": "object", "properties": {}}}
ORDER = [
    "created",
    "in_progress",
    "output_item.added",
    "file_search_call.in_progress",
    "file_search_call.searching",
    "file_search_call.completed",
    "output_item.done",
    "output_item.added",
    "content_part.added",
    "output_text.delta",
    "output_text.annotation.added",
    "output_text.done",
    "content_part.done",
    "output_item.done",
    "completed",
]
"""OpenAI's, for a streamed answer that was searched for; deltas and annotations as often as there are any."""


def searching(*queries: str, call_id: str = "call_s") -> ToolCall:
    listed = ", ".join(f'"{query}"' for query in queries)
    return ToolCall(id=call_id, name="file_search", arguments=f'{{"queries": [{listed}]}}')


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def files(product: Deck) -> dict[str, str]:
    """The ids of two files by their names, and of the store that they are in."""
    client = product.client()
    store = await client.vector_stores.create(name="searched by responses")
    ids = {"store": store.id}
    for name, text in (("gate.txt", GATE), ("leave.txt", LEAVE)):
        file = await client.files.create(file=(name, text.encode()), purpose="assistants")
        await client.vector_stores.files.create(vector_store_id=store.id, file_id=file.id, attributes={"of": name})
        ids[name] = file.id

    async def completed() -> int:
        return (await client.vector_stores.retrieve(store.id)).file_counts.completed

    await eventually(completed, lambda count: count == 2)
    return ids


@pytest.fixture
def tool(files: dict[str, str]) -> Any:
    return {"type": "file_search", "vector_store_ids": [files["store"]], "max_num_results": 1}


def prompts(deck: Deck) -> list[list[dict[str, Any]]]:
    return [entry.body["messages"] for entry in deck.upstream.journal.of("chat")]


async def test_a_streamed_search_has_the_events_of_openais_reference_in_their_order(
    deck: Deck, tool: Any, files: dict[str, str]
) -> None:
    deck.upstream.script(
        "chat",
        Step(tool_calls=(searching("access code of the gate"),)),
        Step(text='The code is "access code of the gate is heliotrope" [doc1], I think [doc7].'),
    )
    stream = await deck.client().responses.create(model="chat", input="The code?", tools=[tool], stream=True)
    events = [event async for event in stream]
    types = [event.type for event in events]
    assert [kind for kind, before in zip(types, ["", *types], strict=False) if kind != before] == [
        f"response.{name}" for name in ORDER
    ]
    assert [event.sequence_number for event in events] == list(range(len(events)))
    text = 'The code is "access code of the gate is heliotrope", I think.'
    assert "".join(event.delta for event in events if event.type.endswith("text.delta")) == text
    (annotation,) = [event.annotation for event in events if event.type.endswith("annotation.added")]
    index = text.index(", I think")
    assert annotation.to_dict() == {
        "type": "file_citation",
        "file_id": files["gate.txt"],
        "filename": "gate.txt",
        "index": index,
    }
    response = events[-1].response
    assert response.output[0].queries == ["access code of the gate"]
    assert response.output[0].results is None
    assert response.output[1].content[0].annotations[0].file_id == files["gate.txt"]
    entries = deck.upstream.journal.of("chat")
    assert response.usage.input_tokens == sum(entry.prompt_tokens for entry in entries)
    assert response.usage.output_tokens == sum(entry.completion_tokens for entry in entries)


@pytest.mark.parametrize("stream", [False, True])
async def test_a_model_may_search_again_and_cite_what_any_search_has_found(
    deck: Deck, tool: Any, files: dict[str, str], *, stream: bool
) -> None:
    deck.upstream.script(
        "chat",
        Step(tool_calls=(searching("access code of the gate"),)),
        Step(tool_calls=(searching("days of paid vacation", "access code of the gate", call_id="call_t"),)),
        Step(text="Heliotrope [doc1]. Twenty-five [doc2]."),
    )
    results: Any = ["file_search_call.results"]
    asked: Any = {"model": "chat", "input": "Both?", "tools": [{**tool, "max_num_results": 2}], "include": results}
    if stream:
        async with deck.client().responses.stream(**asked) as events:
            response = await events.get_final_response()
    else:
        response = await deck.client().responses.create(**asked)
    first, second, message = response.output
    assert first.type == second.type == "file_search_call"
    assert message.type == "message"
    assert first.results is not None
    assert first.results[0].attributes == {"of": "gate.txt"}
    assert first.results[0].text == GATE
    assert response.output_text == "Heliotrope. Twenty-five."
    cited = [(one.filename, one.index) for one in message.content[0].annotations]
    assert cited == [("gate.txt", len("Heliotrope.") - 1), ("leave.txt", len(response.output_text) - 1)]
    last = prompts(deck)[-1]
    assert [one["role"] for one in last] == ["system", "user", "assistant", "tool", "assistant", "tool"]
    assert "[doc1]" in last[3]["content"]
    assert "Found again: [doc1] [doc2]" in last[5]["content"].replace("[doc2] [doc1]", "[doc1] [doc2]")
    kept = await deck.client().responses.retrieve(response.id)
    assert kept.output[0].to_dict()["results"] is None
    shown = await deck.client().responses.retrieve(response.id, include=results)
    assert shown.output[0].to_dict() == first.to_dict()


async def test_no_document_gets_out_of_its_fence_or_into_a_system_message(deck: Deck, tool: Any) -> None:
    deck.upstream.script("chat", Step(tool_calls=(searching("access code of the gate"),)))
    await deck.client().responses.create(model="chat", input="The code?", instructions="Be brief.", tools=[tool])
    rules, instructions, question, _, result = prompts(deck)[-1]
    assert [rules["role"], instructions["role"], question["role"]] == ["system", "system", "user"]
    (fence,) = set(re.findall(r"PASSAGES-[0-9a-f]{16}", rules["content"]))
    before, inside, after = result["content"].split(fence)
    assert (result["role"], before, after) == ("tool", "", "")
    assert "heliotrope" in inside


@pytest.mark.parametrize("arguments", ["{", '{"queries": []}', '{"queries": [1]}', "[]"])
async def test_arguments_that_cannot_be_read_are_told_to_the_model(deck: Deck, tool: Any, arguments: str) -> None:
    deck.upstream.script("chat", Step(tool_calls=(ToolCall(name="file_search", arguments=arguments),)))
    response = await deck.client().responses.create(model="chat", input="The code?", tools=[tool])
    assert response.output_text == "Scripted answer."
    assert prompts(deck)[-1][-1]["content"] == "Give `queries`, a list of texts to search for."


async def test_a_model_that_never_stops_searching_is_stopped(deck: Deck, tool: Any) -> None:
    deck.upstream.script("chat", default=Step(tool_calls=(searching("gate"),)))
    with pytest.raises(openai.InternalServerError, match="goes on searching"):
        await deck.client().responses.create(model="chat", input="The code?", tools=[tool], max_tool_calls=2)
    first, *_, last = deck.upstream.journal.of("chat")
    assert "tool_choice" not in first.body
    assert last.body["tool_choice"] == "none"
    assert len(deck.upstream.journal.of("chat")) == 3


@pytest.mark.parametrize("choice", ["required", {"type": "file_search"}])
async def test_a_search_that_must_be_made_is_made_once(deck: Deck, tool: Any, choice: Any) -> None:
    deck.upstream.script("chat", Step(tool_calls=(searching("gate"),)))
    await deck.client().responses.create(model="chat", input="The code?", tools=[tool], tool_choice=choice)
    first, second = deck.upstream.journal.of("chat")
    assert first.body["tool_choice"] in ("required", {"type": "function", "function": {"name": "file_search"}})
    assert "tool_choice" not in second.body


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("over", ["previous_response_id", "conversation"])
async def test_an_agent_with_two_functions_and_searches_goes_on_turn_by_turn(
    deck: Deck, tool: Any, over: str, *, stream: bool
) -> None:
    deck.upstream.script(
        "chat",
        Step(tool_calls=(ToolCall(id="call_time", name="get_time"),)),
        Step(tool_calls=(searching("access code of the gate"), ToolCall(id="call_place", name="get_place"))),
        Step(tool_calls=(searching("days of paid vacation", call_id="call_u"),)),
        Step(text="At noon in Oslo the code is heliotrope [doc1]; there is leave [doc2]."),
        Step(text="You are welcome."),
    )
    client = deck.client()
    place = {**TIME, "name": "get_place"}
    outputs = {"get_time": "noon", "get_place": "Oslo"}
    conversation = await client.conversations.create() if over == "conversation" else None
    previous: Any = None

    async def turn(given: Any) -> Any:
        asked: Any = {"model": "chat", "tools": [tool, TIME, place], "input": given}
        if conversation is not None:
            asked["conversation"] = conversation.id
        elif previous is not None:
            asked["previous_response_id"] = previous.id
        if not stream:
            return await client.responses.create(**asked)
        async with client.responses.stream(**asked) as events:
            return await events.get_final_response()

    turns: list[list[str]] = []
    given: Any = "The code, the leave, the time and the place?"
    while given:
        previous = await turn(given)
        turns.append([item.type for item in previous.output])
        calls = [item for item in previous.output if item.type == "function_call"]
        given = [{"type": "function_call_output", "call_id": c.call_id, "output": outputs[c.name]} for c in calls]
    assert turns == [["function_call"], ["function_call", "file_search_call"], ["file_search_call", "message"]]
    assert [one.filename for one in previous.output[1].content[0].annotations] == ["gate.txt", "leave.txt"]
    previous = await turn("Thanks.")
    assert previous.output_text == "You are welcome."
    told = [one for one in prompts(deck)[-1] if one["role"] != "system"]
    assert [one["role"] for one in told] == ["user", *["assistant", "tool"] * 2, "assistant", "user"]
    assert [one["content"] for one in told if one["role"] == "tool"] == ["noon", "Oslo"]
    assert all("heliotrope" not in str(one) for one in told[:-2])
    shown = [one for one in prompts(deck)[2] if "heliotrope" in str(one["content"])]
    assert [one["role"] for one in shown] == ["tool"]


async def test_what_was_found_for_one_is_not_read_by_another_who_may_not_search_it(deck: Deck, tool: Any) -> None:
    made = await deck.client().responses.create(model="chat", input="The code?", tools=[tool])
    stranger = deck.client("acme-nobody")
    with pytest.raises(openai.NotFoundError, match=made.id):
        await stranger.responses.retrieve(made.id)
    with pytest.raises(openai.NotFoundError, match=made.id):
        await stranger.responses.create(model="chat", input="And?", previous_response_id=made.id)
    follower = await deck.client().responses.create(model="chat", input="And?", previous_response_id=made.id)
    with pytest.raises(openai.NotFoundError, match=follower.id):
        await stranger.responses.retrieve(follower.id)


@pytest.mark.parametrize("stream", [False, True])
async def test_a_store_that_is_not_there_is_refused_before_anything_is_asked(deck: Deck, *, stream: bool) -> None:
    tool: Any = {"type": "file_search", "vector_store_ids": ["vs_nope"]}
    with pytest.raises(openai.NotFoundError, match="vs_nope"):
        await deck.client().responses.create(model="chat", input="The code?", tools=[tool], stream=stream)
    assert deck.upstream.journal.of("chat") == []
