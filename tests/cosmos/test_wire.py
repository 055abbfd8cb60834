"""What goes over the wire, method by method: where to, in which partition, under which limits."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from shared.adapters.cosmos.account import CosmosAccount
from shared.adapters.cosmos.chunks import CosmosChunks
from shared.adapters.cosmos.names import joined
from shared.adapters.cosmos.records import CosmosRecords
from shared.adapters.cosmos.usage import CosmosUsageLedger
from shared.errors import ConflictError
from shared.ports.filters import Combined, OneOf, Ordered
from shared.ports.records import FileRecord
from tests.contracts.stores import AT, DIMENSIONS, X, chunk, event, file_record
from tests.cosmos.fake import FakeCosmos
from tests.cosmos.fake.grammar import parse

TENANT, STORE = "ten|ant/é", 'st"ore|x'


class Session:
    """Every method of every adapter, called once or more for one tenant."""

    def __init__(self, account: CosmosAccount) -> None:
        self.files = CosmosRecords(account, FileRecord)
        self.ledger = CosmosUsageLedger(account)
        self.chunks = CosmosChunks(account, dimensions=DIMENSIONS, embedding_model="test")

    async def records(self) -> None:
        first = await self.files.create(file_record("f'; --", tenant=TENANT))
        second = await self.files.replace(replace(first.value, filename="n"), if_match=first.etag)
        await self.files.get(TENANT, first.value.id)
        await self.files.list(TENANT, where={"filename": "n'"}, after="z'", before="a'", limit=7)
        await self.files.delete(TENANT, first.value.id, if_match=second.etag)

    async def usage(self) -> None:
        for name in ("1", "2", "1"):
            await self.ledger.record(event(name, tenant=TENANT))
        for width_s in (60, 3600):
            await self.ledger.totals(TENANT, "completions", start=AT, end=AT.replace(month=4), width_s=width_s)  # type: ignore[arg-type]

    async def passages(self) -> None:
        for generation in (1, 2):
            many = [self._chunk(f"c'{number}", generation, number) for number in range(150)]
            await self.chunks.put(many)
            await self.chunks.publish(TENANT, STORE, "d'", generation)
        await self.chunks.put([self._chunk("other", 1, 0, document_id="e'")])
        await self.search()
        await self.chunks.list(TENANT, STORE, "d'")
        await self.chunks.sweep(TENANT, STORE, "d'")
        await self.chunks.retire(TENANT, STORE, "d'", 3)
        await self.chunks.drop_store(TENANT, STORE)

    async def search(self) -> None:
        found = await self.chunks.search(
            TENANT,
            STORE,
            vector=X,
            text="some 'words'",
            principals=["p'"],
            limit=5,
            document_ids=["d'", "e'"],
            filters=Combined("and", (OneOf("k'", ("v'", 7)), Ordered("n'; --", "lt", "z'"))),
        )
        assert len(found.by_vector) == len(found.by_text) == 5

    def _chunk(self, name: str, generation: int, ordinal: int, document_id: str = "d'"):
        fields = {"tenant": TENANT, "store_id": STORE, "document_id": document_id, "generation": generation}
        fields["attributes"] = {"k'": 7.0, "n'; --": "a"}
        return chunk(name, ordinal=ordinal, **fields)


@pytest.fixture(params=["records", "usage", "passages"])
async def said(request: pytest.FixtureRequest, fake: FakeCosmos, account: CosmosAccount) -> tuple[str, FakeCosmos]:
    act: Callable[[], Awaitable[None]] = getattr(Session(account), request.param)
    await act()
    return request.param, fake


async def test_every_request_names_one_partition_and_it_is_the_tenants(said: tuple[str, FakeCosmos]) -> None:
    what, fake = said
    expected = {
        "records": {TENANT},
        "usage": {joined(TENANT, "202603"), joined(TENANT, "202604")},
        "passages": {joined(TENANT, STORE), joined("_system")},
    }
    keys = [entry.partition for entry in fake.journal.entries]
    assert all(len(key) == 1 for key in keys)
    assert {key[0] for key in keys} == expected[what]


async def test_every_batch_is_atomic_and_within_the_limits(said: tuple[str, FakeCosmos]) -> None:
    _, fake = said
    for entry in fake.journal.of("batch"):
        assert entry.headers["x-ms-cosmos-batch-atomic"].lower() == "true"
        assert entry.headers["x-ms-cosmos-batch-continue-on-error"].lower() == "false"
        assert 1 <= len(entry.body) <= 100
        for operation in entry.body:
            assert len((operation.get("resourceBody") or {}).get("operations", ())) <= 10


async def test_every_query_is_of_our_grammar_and_carries_nothing_from_outside(said: tuple[str, FakeCosmos]) -> None:
    _, fake = said
    queries = fake.journal.of("query")
    assert queries
    for entry in queries:
        parse(entry.sql)
        assert not re.search(r"['\"]", entry.sql)
        assert set(re.findall(r"@\w+", entry.sql)) == entry.parameters.keys()
        numbers = re.findall(r"(?<![\w@.])\d+", entry.sql)
        assert all(re.search(rf"TOP {number}\b", entry.sql) for number in numbers)


async def test_every_ranking_has_a_literal_top(fake: FakeCosmos, account: CosmosAccount) -> None:
    await Session(account).passages()
    ranked = [entry.sql for entry in fake.journal.of("query") if "VectorDistance" in entry.sql or "RANK" in entry.sql]
    assert len(ranked) == 2
    assert all(re.match(r"\s*SELECT TOP 5 ", sql) for sql in ranked)


async def test_a_search_names_each_moving_document_with_its_live_generation(
    fake: FakeCosmos, account: CosmosAccount
) -> None:
    await Session(account).passages()
    vector = next(entry for entry in fake.journal.of("query") if "VectorDistance" in entry.sql)
    assert "(c.document != @document0 OR c.generation = @generation0)" in vector.sql
    assert (vector.parameters["@document0"], vector.parameters["@generation0"]) == ("d'", 2)
    assert "NOT ARRAY_CONTAINS(@hidden, c.document)" in vector.sql
    assert vector.parameters["@hidden"] == ["e'"]


async def test_both_queries_of_a_search_are_under_way_at_once(
    fake: FakeCosmos, account: CosmosAccount, chunks: CosmosChunks
) -> None:
    vector = fake.faults.hold(lambda request: b"ORDER BY VectorDistance" in request.raw)
    text = fake.faults.hold(lambda request: b"ORDER BY RANK" in request.raw)
    searching = asyncio.create_task(chunks.search("t", "s", vector=X, text="words", principals=(), limit=1))
    await asyncio.wait_for(asyncio.gather(vector.reached.wait(), text.reached.wait()), 10)
    vector.released.set()
    text.released.set()
    await searching


async def test_a_settled_store_is_searched_in_four_requests(fake: FakeCosmos, chunks: CosmosChunks) -> None:
    await chunks.put([chunk("c")])
    await chunks.publish("t", "s", "d", 1)
    await chunks.sweep("t", "s", "d")
    fake.journal.clear()
    found = await chunks.search("t", "s", vector=X, text="words", principals=(), limit=1)
    assert sorted(fake.journal.kinds()) == ["query", "query", "read", "read"]
    assert found.cost == pytest.approx(sum(entry.charge for entry in fake.journal.entries), abs=0.01)


async def test_the_ledger_writes_an_event_in_one_batch(fake: FakeCosmos, ledger: CosmosUsageLedger) -> None:
    await ledger.record(event("1"))
    fake.journal.clear()
    await ledger.record(event("2"))
    (batch,) = fake.journal.entries
    create, patch = batch.body
    assert (create["operationType"], patch["operationType"]) == ("Create", "Patch")
    assert {change["op"] for change in patch["resourceBody"]["operations"]} == {"incr"}
    assert create["resourceBody"]["ttl"] == 40 * 86400


async def test_an_event_is_forgotten_after_its_time_and_the_sums_are_not(
    fake: FakeCosmos, ledger: CosmosUsageLedger
) -> None:
    await ledger.record(event("1"))
    fake.skew_s = 41 * 86400
    minutes = await ledger.totals("t", "completions", start=AT.replace(hour=0), end=AT.replace(hour=23), width_s=60)
    hours = await ledger.totals("t", "completions", start=AT.replace(hour=0), end=AT.replace(hour=23), width_s=3600)
    assert (len(minutes), len(hours)) == (0, 1)


async def test_costs_are_what_the_service_charged(fake: FakeCosmos, files: CosmosRecords[FileRecord]) -> None:
    created = await files.create(file_record("f"))
    read = await files.get("t", "f")
    page = await files.list("t")
    assert [entry.charge for entry in fake.journal.entries] == [created.cost, read.cost, page.cost]
    assert min(created.cost, read.cost, page.cost) > 0
    with pytest.raises(ConflictError):
        await files.create(file_record("f"))


async def test_the_sdk_sends_text_as_it_is_and_asks_for_no_other_consistency(
    fake: FakeCosmos, files: CosmosRecords[FileRecord]
) -> None:
    await files.create(file_record("f", filename="日本"))
    (entry,) = fake.journal.entries
    assert int(entry.headers["content-length"]) < 400
    assert "x-ms-consistency-level" not in entry.headers
