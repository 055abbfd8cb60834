"""LangChain's OpenAI classes: chat, streams, tools, structured output, embeddings, retries."""

import asyncio
from typing import Any

import openai
import pytest
from langchain_core.messages import AIMessageChunk, HumanMessage, ToolMessage
from langchain_core.tools import tool
from langchain_openai import AzureChatOpenAI, AzureOpenAIEmbeddings, ChatOpenAI, OpenAIEmbeddings
from pydantic import BaseModel

VERSION = "2025-04-01-preview"
CALL = {"id": "call_a", "name": "weather", "arguments": '{"city": "Oslo"}', "pieces": 4}


class Event(BaseModel):
    """What happens."""

    name: str
    people: list[str]


@tool
def weather(city: str) -> str:
    """The weather of a city."""
    return f"Cold in {city}."


@pytest.fixture(params=["ChatOpenAI", "AzureChatOpenAI"])
def chat(request: pytest.FixtureRequest, product: Any) -> ChatOpenAI | AzureChatOpenAI:
    if request.param == "ChatOpenAI":
        return ChatOpenAI(model="chat", base_url=product.base_url, api_key=product.key, max_retries=0)
    return AzureChatOpenAI(
        azure_deployment="chat",
        azure_endpoint=product.url,
        api_key=product.key,
        api_version=VERSION,
        max_retries=0,
    )


def test_an_answer_with_its_usage(chat: ChatOpenAI) -> None:
    answer = chat.invoke("Say something.")
    assert answer.content == "Scripted answer."
    assert answer.usage_metadata
    assert answer.usage_metadata["total_tokens"] > 0
    assert answer.response_metadata["finish_reason"] == "stop"


def test_a_stream_with_its_usage(chat: ChatOpenAI, upstream: Any) -> None:
    upstream.script({"chunk_count": 50})
    whole: Any = None
    for chunk in chat.stream("Say something.", stream_usage=True):
        assert isinstance(chunk, AIMessageChunk)
        whole = chunk if whole is None else whole + chunk
    assert whole.content == "".join(f" w{n}" for n in range(50))
    assert whole.usage_metadata["output_tokens"] == 50


@pytest.mark.parametrize("streamed", [False, True], ids=["plain", "streamed"])
def test_a_tool_is_called_and_its_result_answered(chat: ChatOpenAI, upstream: Any, *, streamed: bool) -> None:
    upstream.script({"tool_calls": [CALL]}, {"text": "Take a coat."})
    bound = chat.bind_tools([weather])
    asked: list[Any] = [HumanMessage("Do I need a coat?")]
    if streamed:
        first, *rest = bound.stream(asked)
        answer = sum(rest, first)
    else:
        answer = bound.invoke(asked)
    (call,) = answer.tool_calls
    assert (call["name"], call["args"], call["id"]) == ("weather", {"city": "Oslo"}, "call_a")
    result = weather.invoke(call)
    assert isinstance(result, ToolMessage)
    assert bound.invoke([*asked, answer, result]).content == "Take a coat."
    assert upstream.bodies()[1]["messages"][2] == {
        "role": "tool",
        "tool_call_id": "call_a",
        "content": "Cold in Oslo.",
    }


@pytest.mark.parametrize("method", ["json_schema", "function_calling", "json_mode"])
def test_an_answer_of_a_given_structure(chat: ChatOpenAI, upstream: Any, method: Any) -> None:
    told = '{"name": "fair", "people": ["Ann", "Bo"]}'
    calling = method == "function_calling"
    upstream.script({"tool_calls": [{"name": "Event", "arguments": told}]} if calling else {"text": told})
    found = chat.with_structured_output(Event, method=method).invoke("What happens? Answer in JSON.")
    assert found == Event(name="fair", people=["Ann", "Bo"])


def test_the_asynchronous_calls_and_a_batch(chat: ChatOpenAI) -> None:
    async def main() -> None:
        assert [answer.content for answer in await chat.abatch(["one", "two"])] == ["Scripted answer."] * 2
        assert "".join([str(chunk.content) async for chunk in chat.astream("three")]) == "Scripted answer."

    asyncio.run(main())


def test_refusals_and_retries(product: Any, upstream: Any) -> None:
    chat = ChatOpenAI(model="chat", base_url=product.base_url, api_key=product.key, max_retries=2)
    upstream.script({"status": 503, "retry_after_s": 0.2, "retry_after_form": "milliseconds"})
    assert chat.invoke("hi").content == "Scripted answer."
    upstream.script({"error": "content_filter"})
    with pytest.raises(openai.BadRequestError):
        chat.invoke("hi")
    with pytest.raises(openai.NotFoundError):
        ChatOpenAI(model="nope", base_url=product.base_url, api_key=product.key).invoke("hi")
    with pytest.raises(openai.AuthenticationError):
        ChatOpenAI(model="chat", base_url=product.base_url, api_key="wrong").invoke("hi")


def test_embeddings_that_the_class_cuts_into_tokens_itself(product: Any) -> None:
    embeddings = OpenAIEmbeddings(
        model="embedding",
        base_url=product.base_url,
        api_key=product.key,
        dimensions=64,
        check_embedding_ctx_length=False,
    )
    assert [len(vector) for vector in embeddings.embed_documents(["one", "two"])] == [64, 64]
    assert embeddings.embed_query("one") == embeddings.embed_documents(["one"])[0]


def test_embeddings_by_azures_paths(product: Any) -> None:
    embeddings = AzureOpenAIEmbeddings(
        azure_deployment="embedding",
        azure_endpoint=product.url,
        api_key=product.key,
        api_version=VERSION,
        check_embedding_ctx_length=False,
    )
    assert len(embeddings.embed_query("one")) == 384
