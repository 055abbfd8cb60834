"""Responses: plain, streamed, parsed, continued, in the background, and grounded in files with citations."""

import json
from typing import Any

import openai
import pytest
from pydantic import BaseModel

WEATHER: Any = {
    "type": "function",
    "name": "weather",
    "parameters": {
        "type": "object",
        "properties": {"city": {"type": "string"}},
        "required": ["city"],
        "additionalProperties": False,
    },
    "strict": True,
}
CALL = {"id": "call_a", "name": "weather", "arguments": '{"city": "Oslo"}', "pieces": 4}
MESSAGE = [
    *("output_item.added", "content_part.added", "output_text.delta", "output_text.done"),
    *("content_part.done", "output_item.done"),
]
SEARCH = [
    *("output_item.added", "file_search_call.in_progress", "file_search_call.searching"),
    *("file_search_call.completed", "output_item.done"),
]


class Event(BaseModel):
    name: str
    people: list[str]


def course(events: list[Any]) -> list[str]:
    """The types of the events, those that repeat said once."""
    types = [event.type.removeprefix("response.") for event in events]
    return [kind for kind, before in zip(types, ["", *types], strict=False) if kind != before]


def test_a_plain_response(either: openai.OpenAI) -> None:
    made = either.responses.create(model="chat", input="Say something.", instructions="Be brief.", metadata={"a": "b"})
    assert (made.object, made.status, made.output_text) == ("response", "completed", "Scripted answer.")
    assert made.metadata == {"a": "b"}
    assert made.usage
    assert made.usage.total_tokens == made.usage.input_tokens + made.usage.output_tokens > 0
    assert made._request_id
    assert either.responses.retrieve(made.id).output_text == "Scripted answer."
    items = either.responses.input_items.list(made.id)
    assert [item.content[0].text for item in items] == ["Say something."]  # type: ignore[union-attr]
    either.responses.delete(made.id)
    with pytest.raises(openai.NotFoundError):
        either.responses.retrieve(made.id)


def test_a_stream_in_the_order_of_openais_events(client: openai.OpenAI, upstream: Any) -> None:
    upstream.script({"chunk_count": 100})
    with client.responses.create(model="chat", input="Speak.", stream=True) as stream:
        events: list[Any] = list(stream)
    assert course(events) == ["created", "in_progress", *MESSAGE, "completed"]
    assert [event.sequence_number for event in events] == list(range(len(events)))
    deltas = [event.delta for event in events if event.type == "response.output_text.delta"]
    assert "".join(deltas) == events[-1].response.output_text == "".join(f" w{n}" for n in range(100))


def test_the_streaming_helper_gives_the_final_response(either: openai.OpenAI) -> None:
    with either.responses.stream(model="chat", input="Speak.") as stream:
        text = "".join(event.delta for event in stream if event.type == "response.output_text.delta")
        final = stream.get_final_response()
    assert text == final.output_text == "Scripted answer."


def test_a_response_is_parsed_into_the_type_that_was_asked_for(client: openai.OpenAI, upstream: Any) -> None:
    told = {"text": '{"name": "fair", "people": ["Ann", "Bo"]}'}
    upstream.script(told, told)
    made = client.responses.parse(model="chat", input="What happens?", text_format=Event)
    assert made.output_parsed == Event(name="fair", people=["Ann", "Bo"])
    with client.responses.stream(model="chat", input="What happens?", text_format=Event) as stream:
        assert stream.get_final_response().output_parsed == Event(name="fair", people=["Ann", "Bo"])


@pytest.mark.parametrize("streamed", [False, True], ids=["plain", "streamed"])
@pytest.mark.parametrize("how", ["previous_response_id", "conversation", "by hand"])
def test_a_function_is_called_and_its_result_answered(
    client: openai.OpenAI, upstream: Any, how: str, *, streamed: bool
) -> None:
    upstream.script({"tool_calls": [CALL]}, {"text": "Take a coat."})

    def ask(given: Any, **continued: Any) -> Any:
        if not streamed:
            return client.responses.create(model="chat", input=given, tools=[WEATHER], **continued)
        with client.responses.stream(model="chat", input=given, tools=[WEATHER], **continued) as stream:
            return stream.get_final_response()

    kept: Any = {"conversation": client.conversations.create().id} if how == "conversation" else {}
    asked: Any = [{"role": "user", "content": "Do I need a coat?"}]
    first = ask(asked, **kept)
    (call,) = [item for item in first.output if item.type == "function_call"]
    assert (call.call_id, call.name, json.loads(call.arguments)) == ("call_a", "weather", {"city": "Oslo"})
    result: Any = {"type": "function_call_output", "call_id": call.call_id, "output": "cold"}
    if how == "previous_response_id":
        second = ask([result], previous_response_id=first.id)
    elif how == "conversation":
        second = ask([result], **kept)
    else:
        sent_back = {"type": "function_call", "call_id": call.call_id, "name": call.name, "arguments": call.arguments}
        second = ask([*asked, sent_back, result])
    assert second.output_text == "Take a coat."
    assert [message["role"] for message in upstream.bodies()[1]["messages"]] == ["user", "assistant", "tool"]


@pytest.mark.parametrize("streamed", [False, True], ids=["plain", "streamed"])
def test_an_answer_out_of_files_cites_them(client: openai.OpenAI, upstream: Any, *, streamed: bool) -> None:
    store = client.vector_stores.create(name="cited")
    gate = ("gate.txt", b"The northern gate is painted red.")
    file = client.vector_stores.files.upload_and_poll(vector_store_id=store.id, file=gate, poll_interval_ms=100)
    assert file.status == "completed"
    tool: Any = {"type": "file_search", "vector_store_ids": [store.id]}
    searching = {"tool_calls": [{"name": "file_search", "arguments": '{"queries": ["northern gate"]}'}]}
    upstream.script(searching, {"text": "The northern gate is painted red [doc1]."})
    asked: Any = {"model": "chat", "input": "Which colour?", "tools": [tool], "include": ["file_search_call.results"]}
    if streamed:
        with client.responses.stream(**asked) as stream:
            events: list[Any] = list(stream)
            made: Any = stream.get_final_response()
        annotated = [*MESSAGE[:3], "output_text.annotation.added", *MESSAGE[3:]]
        assert [kind for kind in course(events) if kind not in MESSAGE[2:3]] == [
            kind for kind in ["created", "in_progress", *SEARCH, *annotated, "completed"] if kind not in MESSAGE[2:3]
        ]
    else:
        made = client.responses.create(**asked)
    search, message = made.output
    assert (search.type, search.status) == ("file_search_call", "completed")
    assert [(hit.file_id, hit.filename) for hit in search.results] == [(file.id, "gate.txt")]
    (annotation,) = message.content[0].annotations
    assert (annotation.type, annotation.file_id, annotation.filename) == ("file_citation", file.id, "gate.txt")
    assert "painted red" in made.output_text


def test_a_response_in_the_background_is_polled_and_streamed_from_where_one_left(
    client: openai.OpenAI, eventually: Any
) -> None:
    made = client.responses.create(model="chat", input="Take your time.", background=True)
    assert made.status in ("queued", "in_progress")
    done = eventually(lambda: client.responses.retrieve(made.id), lambda seen: seen.status == "completed")
    assert done.output_text == "Scripted answer."
    with client.responses.retrieve(made.id, stream=True) as stream:
        events = list(stream)
    assert course(events)[-1] == "completed"
    with client.responses.retrieve(made.id, stream=True, starting_after=1) as stream:
        assert [event.sequence_number for event in stream] == [event.sequence_number for event in events[2:]]


def test_a_response_in_the_background_is_cancelled(client: openai.OpenAI, upstream: Any) -> None:
    upstream.script({"first_byte_s": 30})
    made = client.responses.create(model="chat", input="Take your time.", background=True)
    assert client.responses.cancel(made.id).status == "cancelled"
    assert client.responses.retrieve(made.id).status == "cancelled"


@pytest.mark.parametrize("fault", ["cut", "abort"])
def test_a_stream_that_breaks_raises(client: openai.OpenAI, upstream: Any, fault: str) -> None:
    upstream.script({"chunks": ["a ", "b ", "c "], "fault": fault, "after_chunks": 2})
    with pytest.raises((openai.APIError, RuntimeError)):
        list(client.responses.create(model="chat", input="Speak.", stream=True))
    client.with_options(max_retries=5).responses.create(model="chat", input="Be well.", store=False)


def test_refusals(client: openai.OpenAI, product: Any) -> None:
    with pytest.raises(openai.BadRequestError):
        client.responses.create(model="chat", input=[], max_output_tokens=-1)
    with pytest.raises(openai.NotFoundError):
        client.responses.create(model="nope", input="hi")
    with pytest.raises(openai.NotFoundError):
        client.responses.create(model="chat", input="hi", previous_response_id="resp_nope")
    made = client.responses.create(model="chat", input="hi")
    with openai.OpenAI(base_url=product.base_url, api_key=product.other_key, max_retries=0) as stranger:
        with pytest.raises(openai.NotFoundError):
            stranger.responses.retrieve(made.id)
        with pytest.raises(openai.NotFoundError):
            stranger.responses.create(model="chat", input="hi", previous_response_id=made.id)
