"""LlamaIndex's OpenAI classes: chat, streams, tools, structured output, embeddings."""

import asyncio
from typing import Any

import openai
import pytest
from llama_index.core.base.llms.types import ChatMessage
from llama_index.core.tools import FunctionTool
from llama_index.embeddings.openai import OpenAIEmbedding
from llama_index.llms.openai import OpenAI
from llama_index.llms.openai_like import OpenAILike
from pydantic import BaseModel

ASKED = [ChatMessage(role="user", content="Say something.")]
CALL = {"id": "call_a", "name": "weather", "arguments": '{"city": "Oslo"}', "pieces": 4}
EVENT = '{"name": "fair", "people": ["Ann", "Bo"]}'


class Event(BaseModel):
    """What happens."""

    name: str
    people: list[str]


def weather(city: str) -> str:
    """The weather of a city."""
    return f"Cold in {city}."


@pytest.fixture
def chat(product: Any) -> OpenAILike:
    """For models that its table of OpenAI's names does not know."""
    return OpenAILike(
        model="chat",
        api_base=product.base_url,
        api_key=product.key,
        is_chat_model=True,
        is_function_calling_model=True,
        max_retries=0,
    )


@pytest.fixture(params=["OpenAI", "OpenAILike"])
def either(request: pytest.FixtureRequest, product: Any, chat: OpenAILike) -> OpenAI:
    """OpenAI's own class wants a name of OpenAI's: the catalogue has one."""
    if request.param == "OpenAILike":
        return chat
    return OpenAI(model="gpt-4o-mini", api_base=product.base_url, api_key=product.key, max_retries=0)


def test_an_answer(either: OpenAI) -> None:
    answer = either.chat(ASKED)
    assert answer.message.content == "Scripted answer."
    assert answer.raw.usage.total_tokens > 0


def test_a_stream(either: OpenAI, upstream: Any) -> None:
    upstream.script({"chunk_count": 50})
    parts = list(either.stream_chat(ASKED))
    assert "".join(part.delta or "" for part in parts) == "".join(f" w{n}" for n in range(50))
    assert parts[-1].message.content == "".join(f" w{n}" for n in range(50))


def test_a_completion_is_asked_for_as_a_chat(either: OpenAI) -> None:
    assert either.complete("Say something.").text == "Scripted answer."
    assert "".join(part.delta or "" for part in either.stream_complete("Say something.")) == "Scripted answer."


@pytest.mark.parametrize("streamed", [False, True], ids=["plain", "streamed"])
def test_a_tool_is_called(either: OpenAI, upstream: Any, *, streamed: bool) -> None:
    upstream.script({"tool_calls": [CALL]})
    tools = [FunctionTool.from_defaults(weather)]
    if streamed:
        *_, answer = either.stream_chat_with_tools(tools, user_msg="Do I need a coat?")
    else:
        answer = either.chat_with_tools(tools, user_msg="Do I need a coat?")
    (call,) = either.get_tool_calls_from_response(answer)
    assert (call.tool_id, call.tool_name, call.tool_kwargs) == ("call_a", "weather", {"city": "Oslo"})


def test_a_tool_is_called_and_its_result_answered(either: OpenAI, upstream: Any) -> None:
    upstream.script({"tool_calls": [CALL]}, {"text": "Take a coat."})
    answer = either.predict_and_call([FunctionTool.from_defaults(weather)], user_msg="Do I need a coat?")
    assert str(answer.response) == "Cold in Oslo."
    history = [*ASKED, either.chat_with_tools([FunctionTool.from_defaults(weather)], chat_history=ASKED).message]
    assert history[-1].content == "Take a coat."


def test_an_answer_of_a_given_structure(product: Any, upstream: Any) -> None:
    model = OpenAI(model="gpt-4o-mini", api_base=product.base_url, api_key=product.key, max_retries=0)
    upstream.script({"text": EVENT})
    found = model.as_structured_llm(Event).chat(ASKED).raw
    assert found == Event(name="fair", people=["Ann", "Bo"])


def test_an_answer_of_a_given_structure_by_a_tool(chat: OpenAILike, upstream: Any) -> None:
    upstream.script({"tool_calls": [{"name": "Event", "arguments": EVENT}]})
    assert chat.as_structured_llm(Event).chat(ASKED).raw == Event(name="fair", people=["Ann", "Bo"])


def test_the_asynchronous_calls(either: OpenAI) -> None:
    async def main() -> None:
        assert (await either.achat(ASKED)).message.content == "Scripted answer."
        parts = [part.delta or "" async for part in await either.astream_chat(ASKED)]
        assert "".join(parts) == "Scripted answer."

    asyncio.run(main())


def test_refusals(product: Any, chat: OpenAILike, upstream: Any) -> None:
    upstream.script({"error": "content_filter"})
    with pytest.raises(openai.BadRequestError):
        chat.chat(ASKED)
    stranger = OpenAILike(model="nope", api_base=product.base_url, api_key=product.key, is_chat_model=True)
    with pytest.raises(openai.NotFoundError):
        stranger.chat(ASKED)


def test_embeddings(product: Any) -> None:
    embeddings = OpenAIEmbedding(model_name="embedding", api_base=product.base_url, api_key=product.key, dimensions=64)
    one, two = embeddings.get_text_embedding_batch(["one", "two"])
    assert (len(one), len(two)) == (64, 64)
    assert embeddings.get_query_embedding("one") == one
    assert asyncio.run(embeddings.aget_text_embedding("one")) == one
