"""Embeddings through the gateway."""

import asyncio
import base64
import json
import math
import struct

import pytest

from shared.errors import OverloadedError, UpstreamError
from shared.gateway.embeddings import CatalogueEmbedder, EmbeddingCall
from tests.unit.gateway.conftest import CALLER, Bench
from tests.upstream import Step


async def test_an_embedding_answer_is_relayed_and_metered(bench: Bench) -> None:
    body: dict[str, object] = {"input": ["one two", "three"], "encoding_format": "base64"}
    answer = json.loads((await bench.embeddings.create(EmbeddingCall(CALLER, "embed", body))).body)
    packed = base64.b64decode(answer["data"][0]["embedding"])
    assert len(struct.unpack(f"<{len(packed) // 4}f", packed)) == 384
    assert bench.meter.only.input_tokens == answer["usage"]["prompt_tokens"]
    assert bench.meter.attempts[0].operation == "embeddings"


async def test_our_own_vectors_have_unit_length_and_the_order_of_the_texts(bench: Bench) -> None:
    embedder = CatalogueEmbedder(bench.embeddings, "embed")
    found = await embedder.embed(CALLER, ["alpha beta", "gamma"], source="indexing")
    again = await embedder.embed(CALLER, ["gamma"], source="retrieval")
    assert [math.isclose(math.hypot(*vector), 1, rel_tol=1e-6) for vector in found.vectors] == [True, True]
    assert found.vectors[1] == again.vectors[0]
    assert [attempt.source for attempt in bench.meter.attempts] == ["indexing", "retrieval"]


async def test_a_failure_is_metered_and_raised(bench: Bench) -> None:
    bench.upstream.script("embedding", Step(status=500))
    with pytest.raises(OverloadedError):
        await CatalogueEmbedder(bench.embeddings, "embed").embed(CALLER, ["a"], source="indexing")
    assert bench.meter.only.status == 503


async def test_an_answer_that_cannot_be_read_is_an_upstream_error(bench: Bench) -> None:
    bench.upstream.script("embedding", Step(fault="malformed"))
    with pytest.raises(UpstreamError):
        await CatalogueEmbedder(bench.embeddings, "embed").embed(CALLER, ["a"], source="indexing")


@pytest.mark.parametrize(
    ("given", "tokens"), [("one two three", 3), (["one two", "three"], 3), ([7, 8], 2), ([[7, 8, 9], [10]], 4)]
)
async def test_a_client_that_leaves_is_metered_by_our_own_count(bench: Bench, given: object, tokens: int) -> None:
    bench.upstream.script("embedding", Step(first_byte_s=30))
    body: dict[str, object] = {"input": given}
    asking = asyncio.create_task(bench.embeddings.create(EmbeddingCall(CALLER, "embed", body)))
    await bench.upstream.journal.wait_until(lambda journal: len(journal.of("embedding")) == 1)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert (bench.meter.only.status, bench.meter.only.input_tokens, bench.meter.only.estimated) == (499, tokens, True)
