"""What telemetry tells of an upload and of a grounded chat: one connected trace each, and nothing anybody wrote."""

import json
import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from local.azurite import Azurite
from tests.scenarios.deck import KEYS, Deck, eventually, running
from tests.upstream import ScriptedUpstream

SECRET = "The xyzzy lever opens the plugh door."
CALLER = "00-{}-00f067aa0ba902b7-01"


@dataclass(frozen=True)
class Observed:
    """A product that writes its telemetry to a file."""

    deck: Deck
    file: Path

    def lines(self) -> list[dict[str, Any]]:
        if not self.file.exists():
            return []
        return [json.loads(line) for line in self.file.read_text().splitlines(keepends=True) if line.endswith("\n")]

    def trace(self, trace_id: str) -> "Trace":
        spans = [line for line in self.lines() if "context" in line]
        return Trace([span for span in spans if span["context"]["trace_id"] == f"0x{trace_id}"])

    def points(self, metric: str) -> list[dict[str, Any]]:
        found = [line for line in self.lines() if "resource_metrics" in line]
        scopes = [scope for line in found for one in line["resource_metrics"] for scope in one["scope_metrics"]]
        metrics = [one for scope in scopes for one in scope["metrics"]]
        return [point for m in metrics if m["name"] == metric for point in m["data"]["data_points"]]


@dataclass(frozen=True)
class Trace:
    spans: list[dict[str, Any]]

    @property
    def names(self) -> list[str]:
        return sorted(span["name"] for span in self.spans)

    def find(self, name: str) -> dict[str, Any]:
        return next(span for span in self.spans if span["name"] == name)

    def parents(self, name: str) -> list[str]:
        """The names of the spans above this one, the nearest first."""
        by_id = {f"0x{span['context']['span_id'].removeprefix('0x')}": span for span in self.spans}
        above, span = [], self.find(name)
        while span["parent_id"] in by_id:
            span = by_id[span["parent_id"]]
            above.append(span["name"])
        return above

    def roots(self) -> set[str]:
        ids = {span["context"]["span_id"] for span in self.spans}
        return {span["parent_id"] for span in self.spans if span["parent_id"] not in ids}


@pytest_asyncio.fixture(loop_scope="session")
async def observed(tmp_path: Path, own_azurite: Azurite, upstream: ScriptedUpstream) -> AsyncIterator[Observed]:
    upstream.steps.reset()
    file = tmp_path / "telemetry.jsonl"
    async with running(tmp_path, own_azurite, upstream, {"FLIGHTDECK_TRACES": f"file://{file}"}) as deck:
        yield Observed(deck, file)


async def _seen(observed: Observed, trace_id: str, *names: str) -> Trace:
    async def look() -> Trace:
        return observed.trace(trace_id)

    return await eventually(look, lambda trace: set(names) <= set(trace.names), timeout_s=30)


async def test_an_upload_is_one_trace_to_the_end_of_its_indexing(observed: Observed) -> None:
    trace_id = "4bf92f3577b34da6a3ce929d0e0e4736"
    client = observed.deck.client()
    store = await client.vector_stores.create(name="manuals")
    file = await client.files.create(file=("press.txt", SECRET.encode()), purpose="assistants")
    headers = {"traceparent": CALLER.format(trace_id)}
    await client.vector_stores.files.create(store.id, file_id=file.id, extra_headers=headers)

    trace = await _seen(observed, trace_id, "create_vector_store_file", "index_document", "process documents")
    indexing = ["index_document", "process documents", "create_vector_store_file"]
    for stage in ("download", "extract", "embed", "write", "publish"):
        assert trace.parents(stage) == indexing, stage
    assert trace.parents("embeddings embedding") == ["embed", *indexing]
    assert trace.roots() == {"0x00f067aa0ba902b7"}
    assert trace.find("index_document")["attributes"]["flightdeck.tenant"] == "acme"
    assert trace.find("process documents")["kind"] == "SpanKind.CONSUMER"


async def test_a_dropped_blob_begins_a_trace_of_its_own(observed: Observed) -> None:
    store = await observed.deck.client().vector_stores.create(name="manuals")
    async with observed.deck.blobs() as blobs:
        await blobs.get_blob_client("documents", f"acme/{store.id}/press.txt").upload_blob(SECRET.encode())

    async def look() -> list[dict[str, Any]]:
        return [line for line in observed.lines() if line.get("name") == "index_document"]

    indexed = (await eventually(look, bool))[0]
    trace = await _seen(observed, indexed["context"]["trace_id"].removeprefix("0x"), "process documents")
    assert trace.find("process documents")["parent_id"] is None


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "streamed"])
async def test_a_grounded_chat_is_one_trace_with_what_it_used(observed: Observed, stream: bool) -> None:
    trace_id = "0af7651916cd43dd8448eb211c80319c"
    client = observed.deck.client()
    store = await client.vector_stores.create(name="manuals")
    file = await client.files.create(file=("press.txt", SECRET.encode()), purpose="assistants")
    await client.vector_stores.files.create_and_poll(file.id, vector_store_id=store.id)

    source = {"type": "vector_store", "parameters": {"vector_store_ids": [store.id]}}
    question = [{"role": "user", "content": "What does the xyzzy lever open?"}]
    async with observed.deck.http() as http:
        answer = await http.post(
            "/v1/chat/completions",
            json={"model": "chat", "messages": question, "stream": stream, "data_sources": [source]},
            headers={"traceparent": CALLER.format(trace_id)},
        )
    assert answer.status_code == 200

    trace = await _seen(
        observed, trace_id, "create_chat_completion", "retrieval", "chat chat", "embeddings embedding", "process usage"
    )
    assert trace.roots() == {"0x00f067aa0ba902b7"}
    assert trace.parents("chat chat") == ["create_chat_completion"]
    assert trace.parents("embeddings embedding") == ["retrieval", "create_chat_completion"]
    assert trace.find("retrieval")["attributes"]["flightdeck.passages"] == 1
    chat = trace.find("chat chat")["attributes"]
    assert chat["gen_ai.operation.name"] == "chat"
    assert chat["gen_ai.provider.name"] == "openai"
    assert chat["gen_ai.request.model"] == "chat"
    assert chat["gen_ai.request.stream"] is stream
    assert chat["gen_ai.response.id"]
    assert chat["gen_ai.response.model"]
    assert chat["gen_ai.response.finish_reasons"] == ["stop"]
    assert chat["gen_ai.usage.input_tokens"] > 0
    assert chat["gen_ai.usage.output_tokens"] > 0
    assert chat["gen_ai.usage.cache_read.input_tokens"] == 0
    assert chat["gen_ai.usage.reasoning.output_tokens"] == 0
    assert ("gen_ai.response.time_to_first_chunk" in chat) is stream
    assert chat["flightdeck.tenant"] == "acme"


async def test_metrics_have_the_conventions_buckets_and_no_tenant(observed: Observed) -> None:
    client = observed.deck.client()
    messages = [{"role": "user", "content": "Say something."}]
    async for _ in await client.chat.completions.create(model="chat", messages=messages, stream=True):
        pass

    async def look() -> list[dict[str, Any]]:
        return observed.points("gen_ai.client.token.usage")

    points = await eventually(look, lambda found: len(found) >= 2)
    assert {point["attributes"]["gen_ai.token.type"] for point in points} == {"input", "output"}
    assert points[0]["explicit_bounds"] == [4**n for n in range(14)]
    durations = observed.points("gen_ai.client.operation.duration")
    assert durations[0]["explicit_bounds"][:3] == [0.01, 0.02, 0.04]
    assert observed.points("gen_ai.server.time_to_first_token")
    assert observed.points("gen_ai.server.time_per_output_token")
    assert observed.points("gen_ai.server.request.duration")
    assert "acme" not in json.dumps([*points, *durations])


async def test_nothing_that_anybody_wrote_is_in_traces_or_log_lines(
    caplog: pytest.LogCaptureFixture, tmp_path: Path, own_azurite: Azurite, upstream: ScriptedUpstream
) -> None:
    caplog.set_level(logging.INFO, "local")
    trace_id = "a3ce929d0e0e47364bf92f3577b34da6"
    file = tmp_path / "telemetry.jsonl"
    async with running(tmp_path, own_azurite, upstream, {"FLIGHTDECK_TRACES": f"file://{file}"}) as deck:
        await deck.client().chat.completions.create(
            model="chat",
            messages=[{"role": "user", "content": SECRET}],
            extra_headers={"traceparent": CALLER.format(trace_id)},
        )
        await _seen(Observed(deck, file), trace_id, "create_chat_completion")
    lines = [line for line in caplog.text.splitlines() if "create_chat_completion status=200" in line]
    assert [f"trace_id={trace_id}" in line for line in lines] == [True]
    for told in (caplog.text, file.read_text()):
        assert "xyzzy" not in told
        assert "Scripted answer" not in told
        assert KEYS["acme"] not in told
