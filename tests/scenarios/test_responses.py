"""Responses through the unmodified client: plain, streamed, continued, kept, and with functions of the client's."""

import json
from typing import Any

import openai
import pytest
from pydantic import BaseModel

from tests.scenarios.deck import Deck, eventually
from tests.upstream import Step
from tests.upstream.script import ToolCall

WEATHER: Any = {
    "type": "function",
    "name": "get_weather",
    "description": "The weather.",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
}
TIME: Any = {"type": "function", "name": "get_time", "parameters": {"type": "object", "properties": {}}}


async def streamed(deck: Deck, **asked: Any) -> list[Any]:
    return [event async for event in await deck.client().responses.create(model="chat", stream=True, **asked)]


async def read_into(seen: list[Any], deck: Deck, **asked: Any) -> None:
    async for event in await deck.client().responses.create(model="chat", stream=True, **asked):
        seen.append(event)  # noqa: PERF401 -- what came before it raised is of interest


def sent(deck: Deck, call: int = -1) -> dict[str, Any]:
    """What the model was asked."""
    return deck.upstream.journal.of("chat")[call].body


class TestPlain:
    async def test_a_text_is_answered_with_a_message_and_its_usage(self, deck: Deck) -> None:
        response = await deck.client().responses.create(
            model="chat", input="Say something.", instructions="Be brief.", metadata={"a": "b"}, temperature=0.5
        )
        assert response.output_text == "Scripted answer."
        assert (response.status, response.error, response.metadata) == ("completed", None, {"a": "b"})
        assert response.instructions == "Be brief."
        assert response.usage is not None
        assert response.usage.total_tokens == response.usage.input_tokens + response.usage.output_tokens > 0
        assert sent(deck) == {
            "model": "chat",
            "messages": [
                {"role": "system", "content": "Be brief."},
                {"role": "user", "content": "Say something."},
            ],
            "temperature": 0.5,
        }

    async def test_parameters_reach_the_model_by_the_names_that_it_knows(self, deck: Deck) -> None:
        schema = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}
        response = await deck.client().responses.create(
            model="chat",
            input=[
                {"role": "developer", "content": "Be kind."},
                {
                    "role": "user",
                    "content": [
                        {"type": "input_text", "text": "What is this?"},
                        {"type": "input_image", "image_url": "https://example.com/a.png", "detail": "low"},
                    ],
                },
            ],
            text={"format": {"type": "json_schema", "name": "x", "schema": schema, "strict": True}, "verbosity": "low"},
            reasoning={"effort": "low"},
            max_output_tokens=50,
            top_p=0.5,
            safety_identifier="who",
            prompt_cache_key="k",
            service_tier="auto",
            tools=[WEATHER],
            tool_choice={"type": "function", "name": "get_weather"},
            parallel_tool_calls=False,
        )
        asked = sent(deck)
        assert asked["messages"][0] == {"role": "system", "content": "Be kind."}
        assert asked["messages"][1]["content"] == [
            {"type": "text", "text": "What is this?"},
            {"type": "image_url", "image_url": {"url": "https://example.com/a.png", "detail": "low"}},
        ]
        assert asked["response_format"] == {
            "type": "json_schema",
            "json_schema": {"name": "x", "schema": schema, "strict": True},
        }
        function = {name: value for name, value in WEATHER.items() if name != "type"}
        assert asked["tools"] == [{"type": "function", "function": function}]
        assert asked["tool_choice"] == {"type": "function", "function": {"name": "get_weather"}}
        named = ("verbosity", "reasoning_effort", "max_completion_tokens", "top_p", "safety_identifier")
        assert [asked[name] for name in named] == ["low", "low", 50, 0.5, "who"]
        assert (asked["prompt_cache_key"], asked["service_tier"], asked["parallel_tool_calls"]) == ("k", "auto", False)
        assert response.text is not None
        assert response.text.format is not None
        assert response.text.format.type == "json_schema"

    async def test_an_answer_that_reaches_its_limit_is_incomplete_and_says_why(self, deck: Deck) -> None:
        deck.upstream.script("chat", Step(chunk_count=9), Step(chunk_count=9))
        response = await deck.client().responses.create(model="chat", input="Go on.", max_output_tokens=3)
        assert (response.status, response.output_text) == ("incomplete", " w0 w1 w2")
        assert response.incomplete_details is not None
        assert response.incomplete_details.reason == "max_output_tokens"
        last = (await streamed(deck, input="Go on.", max_output_tokens=3))[-1]
        assert (last.type, last.response.output[0].status) == ("response.incomplete", "incomplete")

    async def test_an_answer_is_parsed_into_the_shape_that_was_asked_for(self, deck: Deck) -> None:
        class Person(BaseModel):
            name: str

        deck.upstream.script("chat", Step(text='{"name": "Ada"}'))
        response = await deck.client().responses.parse(model="chat", input="Who?", text_format=Person)
        assert response.output_parsed == Person(name="Ada")

    async def test_a_file_that_was_uploaded_is_read_by_the_model(self, deck: Deck) -> None:
        client = deck.client()
        text = await client.files.create(file=("a.txt", b"All is well."), purpose="user_data")
        scan = await client.files.create(file=("b.pdf", b"%PDF-\xff"), purpose="user_data")
        parts: Any = [{"type": "input_file", "file_id": file.id} for file in (text, scan)]
        asked: Any = {"model": "chat", "input": [{"role": "user", "content": parts}], "temperature": 0}
        made, _ = await client.responses.create(**asked), await client.responses.create(**asked)
        assert len(deck.upstream.journal.of("chat")) == 2
        (message,) = sent(deck)["messages"]
        assert message["content"][0] == {"type": "text", "text": "a.txt:\nAll is well."}
        assert message["content"][1]["file"]["filename"] == "b.pdf"
        assert message["content"][1]["file"]["file_data"].endswith(";base64,JVBERi3/")
        with pytest.raises(openai.NotFoundError):
            await deck.client("acme-nobody").responses.retrieve(made.id)
        with pytest.raises(openai.NotFoundError, match=text.id):
            await deck.client("other").responses.create(model="chat", input=[{"role": "user", "content": parts}])

    async def test_a_conversation_that_is_too_long_is_made_to_fit_if_that_is_wanted(self, deck: Deck) -> None:
        items: Any = [{"role": "user", "content": "word " * 1500}, {"role": "user", "content": "The last."}]
        items = [items[0]] * 3 + items[1:]
        await deck.client().responses.create(model="chat", input=items, instructions="Be brief.", truncation="auto")
        assert [len(message["content"].split()) for message in sent(deck)["messages"]] == [2, 1500, 2]

    async def test_the_azure_client_gets_the_same(self, deck: Deck) -> None:
        client = deck.azure_client()
        made = await client.responses.create(model="chat", input="One.")
        assert (await client.responses.retrieve(made.id)).output_text == "Scripted answer."
        assert [item.id async for item in client.responses.input_items.list(made.id)] != []
        with pytest.raises(openai.BadRequestError, match="synchronous"):
            await client.responses.cancel(made.id)
        await client.responses.delete(made.id)
        with pytest.raises(openai.NotFoundError, match=made.id):
            await client.responses.retrieve(made.id)


class TestFunctions:
    async def test_calls_go_to_the_client_and_their_outputs_to_the_model(self, deck: Deck) -> None:
        calls = (
            ToolCall(id="call_w", name="get_weather", arguments='{"city": "Oslo"}'),
            ToolCall(id="call_t", name="get_time"),
        )
        deck.upstream.script("chat", Step(tool_calls=calls), Step(text="Cold, at noon."))
        client = deck.client()
        first = await client.responses.create(model="chat", input="Oslo?", tools=[WEATHER, TIME])
        made = [(item.call_id, item.name, item.arguments) for item in first.output if item.type == "function_call"]
        assert made == [("call_w", "get_weather", '{"city": "Oslo"}'), ("call_t", "get_time", "{}")]
        second = await client.responses.create(
            model="chat",
            previous_response_id=first.id,
            input=[
                {"type": "function_call_output", "call_id": "call_w", "output": "-4"},
                {"type": "function_call_output", "call_id": "call_t", "output": "12:00"},
            ],
            tools=[WEATHER, TIME],
        )
        assert second.output_text == "Cold, at noon."
        messages = sent(deck)["messages"]
        assert [message["role"] for message in messages] == ["user", "assistant", "tool", "tool"]
        assert [call["id"] for call in messages[1]["tool_calls"]] == ["call_w", "call_t"]
        assert [(one["tool_call_id"], one["content"]) for one in messages[2:]] == [
            ("call_w", "-4"),
            ("call_t", "12:00"),
        ]

    async def test_items_of_an_answer_can_be_sent_back_by_a_client_that_keeps_them_itself(self, deck: Deck) -> None:
        deck.upstream.script("chat", Step(tool_calls=(ToolCall(name="get_time"),)))
        client = deck.client()
        first = await client.responses.create(model="chat", input="When?", tools=[TIME], store=False)
        items: list[Any] = [{"role": "user", "content": "When?"}, *[item.to_dict() for item in first.output]]
        items.append({"type": "function_call_output", "call_id": "call_1", "output": "noon"})
        await client.responses.create(model="chat", input=items, tools=[TIME], store=False)
        assert [message["role"] for message in sent(deck)["messages"]] == ["user", "assistant", "tool"]

    async def test_a_call_without_its_output_and_an_output_without_its_call_are_refused(self, deck: Deck) -> None:
        client = deck.client()
        output: Any = {"type": "function_call_output", "call_id": "call_9", "output": "-4"}
        with pytest.raises(openai.BadRequestError, match=r"No tool call found for .* 'call_9'"):
            await client.responses.create(model="chat", input=[output])
        call: Any = {"type": "function_call", "call_id": "call_8", "name": "get_time", "arguments": "{}"}
        with pytest.raises(openai.BadRequestError, match="No tool output found for function call 'call_8'"):
            await client.responses.create(model="chat", input=[call])


class TestStreams:
    async def test_a_message_streams_in_the_order_of_openais_events(self, deck: Deck) -> None:
        events = await streamed(deck, input="Say something.")
        assert [event.type for event in events] == [
            "response.created",
            "response.in_progress",
            "response.output_item.added",
            "response.content_part.added",
            "response.output_text.delta",
            "response.output_text.delta",
            "response.output_text.done",
            "response.content_part.done",
            "response.output_item.done",
            "response.completed",
        ]
        assert [event.sequence_number for event in events] == list(range(len(events)))
        assert "".join(event.delta for event in events[4:6]) == "Scripted answer." == events[6].text
        assert events[-1].response.output_text == "Scripted answer."
        assert events[-1].response.usage.total_tokens > 0
        assert len({event.item_id for event in events[3:8]} | {events[2].item.id, events[8].item.id}) == 1

    async def test_calls_stream_their_arguments(self, deck: Deck) -> None:
        calls = (ToolCall(id="a", name="get_weather", arguments='{"city": "Oslo"}'), ToolCall(id="b", name="get_time"))
        deck.upstream.script("chat", Step(tool_calls=calls))
        async with deck.client().responses.stream(model="chat", input="Oslo?", tools=[WEATHER, TIME]) as stream:
            types = [event.type async for event in stream]
            final = await stream.get_final_response()
        one = ["output_item.added", "function_call_arguments.delta", "function_call_arguments.done", "output_item.done"]
        collapsed = [kind for kind, before in zip(types, ["", *types], strict=False) if kind != before]
        course = ["created", "in_progress", *one, *one, "completed"]
        assert collapsed == [f"response.{name}" for name in course]
        assert [item.arguments for item in final.output if item.type == "function_call"] == ['{"city": "Oslo"}', "{}"]

    async def test_events_are_named_and_come_byte_for_byte_again_from_any_number(self, deck: Deck) -> None:
        deck.upstream.script("chat", Step(chunks=("é", '"', "\n", " end")))
        async with deck.http() as http:
            first = await http.post("/v1/responses", json={"model": "chat", "input": "Go.", "stream": True})
            events = first.text.split("\n\n")[:-1]
            response_id = json.loads(events[0].partition("data: ")[2])["response"]["id"]
            again = await http.get(f"/v1/responses/{response_id}", params={"stream": "true", "starting_after": "4"})
        assert first.headers["content-type"].startswith("text/event-stream")
        assert all(event.startswith(f"event: {json.loads(event.partition('data: ')[2])['type']}\n") for event in events)
        assert again.text.split("\n\n")[:-1] == events[5:]

    @pytest.mark.parametrize("fault", ["cut", "abort", "malformed"])
    async def test_a_stream_that_fails_ends_with_the_failure_and_the_client_raises(
        self, deck: Deck, fault: Any
    ) -> None:
        broken = Step(chunks=("a ", "b ", "c"), fault=fault, after_chunks=2, chunk_delay_s=0.1)
        deck.upstream.script("chat", broken, broken)
        seen: list[Any] = []
        with pytest.raises(openai.APIError) as raised:
            await read_into(seen, deck, input="Go.")
        assert seen[-1].type == "response.failed"
        assert seen[-1].response.error.message == raised.value.message
        assert seen[-1].response.output[0].status == "incomplete"
        assert [event.sequence_number for event in seen] == list(range(len(seen)))
        with pytest.raises(openai.APIError):
            async with deck.client().responses.stream(model="chat", input="Go.") as stream:
                await stream.get_final_response()

    async def test_a_model_that_takes_its_time_does_not_keep_the_stream_from_beginning(self, deck: Deck) -> None:
        deck.upstream.script("chat", Step(first_byte_s=30))
        stream = await deck.client().responses.create(model="chat", input="Go.", stream=True)
        began = [(await anext(stream)).type for _ in range(2)]
        assert began == ["response.created", "response.in_progress"]
        assert not deck.upstream.journal.of("chat")[0].finished
        await stream.close()
        await deck.upstream.journal.wait_left(timeout_s=20)


class TestKept:
    async def test_what_was_said_before_is_said_to_the_model_again_but_not_the_instructions(self, deck: Deck) -> None:
        client = deck.client()
        first = await client.responses.create(model="chat", input="One.", instructions="Be old.")
        second = await client.responses.create(model="chat", input="Two.", previous_response_id=first.id)
        await client.responses.create(
            model="chat", input="Three.", previous_response_id=second.id, instructions="Be new."
        )
        said = [(message["role"], message["content"]) for message in sent(deck)["messages"]]
        answer = ("assistant", "Scripted answer.")
        assert said == [
            ("system", "Be new."),
            ("user", "One."),
            answer,
            ("user", "Two."),
            answer,
            ("user", "Three."),
        ]

    async def test_a_response_is_read_again_as_it_was_and_deleted(self, deck: Deck) -> None:
        client = deck.client()
        made = await client.responses.create(model="chat", input="One.", metadata={"a": "b"})
        assert (await client.responses.retrieve(made.id)).to_dict() == made.to_dict()
        await client.responses.delete(made.id)
        with pytest.raises(openai.NotFoundError, match=made.id):
            await client.responses.retrieve(made.id)
        with pytest.raises(openai.NotFoundError) as refused:
            await client.responses.create(model="chat", input="Two.", previous_response_id=made.id)
        assert (refused.value.param, refused.value.code) == ("previous_response_id", "previous_response_not_found")

    async def test_what_is_not_to_be_stored_is_not_there_afterwards(self, deck: Deck) -> None:
        made = await deck.client().responses.create(model="chat", input="One.", store=False)
        with pytest.raises(openai.NotFoundError):
            await deck.client().responses.retrieve(made.id)

    async def test_input_items_are_listed_page_by_page_in_both_orders(self, deck: Deck) -> None:
        client = deck.client()
        items: Any = [{"role": "user", "content": text} for text in "abcde"]
        made = await client.responses.create(model="chat", input=items)
        newest = [item.content[0].text async for item in client.responses.input_items.list(made.id, limit=2)]
        oldest = [item.content[0].text async for item in client.responses.input_items.list(made.id, order="asc")]
        assert (newest, oldest) == (list("edcba"), list("abcde"))

    async def test_an_item_of_an_earlier_response_can_be_referred_to(self, deck: Deck) -> None:
        client = deck.client()
        first = await client.responses.create(model="chat", input="One.")
        referred: Any = {"type": "item_reference", "id": first.output[0].id}
        await client.responses.create(model="chat", input=[referred, {"role": "user", "content": "Two."}])
        assert [message["content"] for message in sent(deck)["messages"]] == ["Scripted answer.", "Two."]
        with pytest.raises(openai.NotFoundError, match="msg_nobody_0"):
            await client.responses.create(model="chat", input=[{"type": "item_reference", "id": "msg_nobody_0"}])


class TestConversations:
    @pytest.mark.parametrize("how", ["plain", "streamed", "background"])
    async def test_what_is_asked_and_answered_is_added_and_said_to_the_model_again(self, deck: Deck, how: str) -> None:
        client = deck.client()
        conversation = await client.conversations.create()
        asked: Any = {"conversation": {"id": conversation.id}, "background": how == "background"}
        for text in ("One.", "Two."):
            if how == "streamed":
                await streamed(deck, input=text, **asked)
                continue
            made = await client.responses.create(model="chat", input=text, **asked)
            assert made.conversation is not None
            assert made.conversation.id == conversation.id
            await eventually(
                lambda made=made: client.responses.retrieve(made.id), lambda one: one.status == "completed"
            )
        assert [message["content"] for message in sent(deck)["messages"]] == ["One.", "Scripted answer.", "Two."]

    async def test_what_failed_is_not_added(self, deck: Deck) -> None:
        client = deck.client()
        conversation = await client.conversations.create()
        deck.upstream.script("chat", Step(status=400, error="content_filter"))
        with pytest.raises(openai.BadRequestError):
            await client.responses.create(model="chat", input="One.", conversation=conversation.id)
        await client.responses.create(model="chat", input="Two.", conversation=conversation.id)
        assert [message["content"] for message in sent(deck)["messages"]] == ["Two."]


@pytest.mark.parametrize(
    ("asked", "named"),
    [
        ({"input": "x", "tools": [{"type": "web_search"}]}, "web_search"),
        ({"input": "x", "prompt": {"id": "pmpt_1"}}, "prompt"),
        ({"input": "x", "include": ["message.output_text.logprobs"]}, "message.output_text.logprobs"),
        ({"input": [{"type": "mcp_call", "id": "x"}]}, "mcp_call"),
        ({"input": []}, "previous_response_id"),
        ({"input": "x", "tools": [WEATHER, WEATHER]}, "get_weather"),
        ({"input": "x", "tools": [WEATHER], "tool_choice": {"type": "function", "name": "nope"}}, "nope"),
        ({"input": "x", "background": True, "store": False}, "background"),
        ({"input": "x", "max_output_tokens": 0}, "max_output_tokens"),
        ({"input": "x", "previous_response_id": "resp_nope"}, "resp_nope"),
        ({"input": "x", "conversation": "conv_nope"}, "conv_nope"),
        ({"input": "x", "conversation": "conv_a", "previous_response_id": "resp_b"}, "cannot be combined"),
        ({"input": "x", "model": "nope"}, "nope"),
        ({"input": "word " * 9000}, "your input resulted in"),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
async def test_what_cannot_be_done_is_refused_by_its_name(
    deck: Deck, asked: dict[str, Any], named: str, *, stream: bool
) -> None:
    with pytest.raises(openai.APIStatusError, match=named) as refused:
        await deck.client().responses.create(**{"model": "chat", **asked}, stream=stream)
    assert refused.value.status_code in (400, 404)
    assert deck.upstream.journal.of("chat") == []
