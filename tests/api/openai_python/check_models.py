"""Models, and embeddings in every form in which they can be asked for."""

import asyncio
from typing import Any

import openai
import pytest


def test_models_are_listed_and_retrieved(either: openai.OpenAI) -> None:
    assert {"chat", "embedding"} <= {model.id for model in either.models.list()}


def test_one_model(client: openai.OpenAI) -> None:
    model = client.models.retrieve("chat")
    assert (model.id, model.object) == ("chat", "model")
    with pytest.raises(openai.NotFoundError, match="'nope'"):
        client.models.retrieve("nope")


def test_embeddings_are_the_same_packed_and_plain(either: openai.OpenAI, upstream: Any) -> None:
    texts = ["some words", "others"]
    packed = either.embeddings.create(model="embedding", input=texts)
    plain = either.embeddings.create(model="embedding", input=texts, encoding_format="float")
    asked = [body["encoding_format"] for body in upstream.bodies("embedding") if body["input"] == texts]
    assert asked == ["base64", "float"]
    assert [item.index for item in packed.data] == [0, 1]
    for one, two in zip(packed.data, plain.data, strict=True):
        assert len(one.embedding) == 384
        assert one.embedding == pytest.approx(two.embedding, abs=1e-6)
    assert packed.usage.total_tokens == 3


@pytest.mark.parametrize("given", ["text", ["text"], [1, 2, 3], [[1, 2], [3]]])
def test_embeddings_of_texts_and_tokens_in_fewer_dimensions(client: openai.OpenAI, given: Any) -> None:
    answer = client.embeddings.create(model="embedding", input=given, dimensions=64)
    assert [len(item.embedding) for item in answer.data] == [64] * (2 if given == [[1, 2], [3]] else 1)


def test_embeddings_by_the_asynchronous_client(product: Any) -> None:
    async def main() -> None:
        async with openai.AsyncOpenAI(base_url=product.base_url, api_key=product.key) as client:
            asked = [client.embeddings.create(model="embedding", input=f"text {n}") for n in range(5)]
            assert {len(answer.data[0].embedding) for answer in await asyncio.gather(*asked)} == {384}
            assert "chat" in [model.id async for model in client.models.list()]

    asyncio.run(main())
