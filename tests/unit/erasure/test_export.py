"""A tenant exported into one archive, which every ZIP program reads, whatever dies on the way."""

import contextlib
import io
import json
import zipfile
from typing import Any

import pytest

from shared.adapters.memory.records import MemoryRecords
from shared.errors import NotFoundError
from shared.ports.blobs import FILES
from shared.ports.exports import EXPORTS, ExportRecord
from shared.ports.keys import Caller, KeyRecord
from shared.ports.records import DocumentRecord, FileRecord, VectorStoreRecord
from shared.tenancy.audit import AuditLog
from shared.tenancy.export_sources import ConversationLines, FileContents, RecordLines, UsageLines, without_hash
from shared.tenancy.exporting import Exporting
from shared.wire.exports import parse_export
from tests.unit.erasure.test_erasure import OPERATOR, OTHER, Estate
from tests.unit.retrieval.world import CALLER, TENANT, Fuse, Fused, Killed

CHIEF = Caller(TENANT, "key_chief", scopes=("admin",))


class Exporter:
    """Processes that export an estate."""

    def __init__(self, estate: Estate) -> None:
        self.estate = estate
        self.records = MemoryRecords(ExportRecord)
        self.budget_s, self.slice_bytes = 20.0, 10**6

    def process(self, fuse: Fuse) -> Exporting:
        estate, world = self.estate, self.estate.world

        def fused(adapter: object) -> Any:
            return Fused(adapter, fuse)

        blobs = fused(world.blobs)
        return Exporting(
            records=fused(self.records),
            sources={
                "keys": RecordLines(fused(estate.keys), KeyRecord, without_hash),
                "vector_stores": RecordLines(fused(world.stores), VectorStoreRecord),
                "documents": RecordLines(fused(world.documents), DocumentRecord),
                "file_records": RecordLines(fused(world.files), FileRecord),
                "files": FileContents(fused(world.files), blobs, self.slice_bytes),
                "conversations": ConversationLines(fused(estate.conversations), fused(estate.items)),
                "usage": UsageLines(fused(estate.ledger), world.clock),
            },
            blobs=blobs,
            queues=fused(world.queues),
            audit=AuditLog(fused(estate.audits), world.clock),
            clock=world.clock,
            budget_s=self.budget_s,
        )

    async def deliver(self, fuse: Fuse) -> int:
        taken = await self.estate.world.queues.take("exports", hide_s=1)
        for message in taken:
            with contextlib.suppress(Killed):
                await self.process(fuse).run(parse_export(message.body))
                await self.estate.world.queues.delete("exports", message.receipt)
        return len(taken)

    async def finished(self) -> zipfile.ZipFile:
        messages = 0
        while (await self.process(Fuse()).look(CHIEF, TENANT)).status != "completed":
            self.estate.world.clock.advance(2)
            messages += await self.deliver(Fuse())
            assert messages < 500
        download = await self.process(Fuse()).content(CHIEF, TENANT)
        archive = zipfile.ZipFile(io.BytesIO(b"".join([piece async for piece in download.content])))
        assert archive.testzip() is None
        return archive


@pytest.fixture
async def exporter() -> Exporter:
    estate = Estate()
    await estate.fill(CALLER)
    await estate.fill(OTHER)
    return Exporter(estate)


async def test_all_that_a_tenant_has_is_in_it_and_nothing_that_opens_anything(exporter: Exporter) -> None:
    assert (await exporter.process(Fuse()).ask(CHIEF, TENANT)).status == "in_progress"
    archive = await exporter.finished()
    contents = {name.split("/")[-1]: archive.read(name) for name in archive.namelist() if name.startswith("files/")}
    assert contents == {"a.txt": b"what is secret\n\nand more", "b.txt": b"dropped text"}
    (key,) = map(json.loads, archive.read("records/KeyRecord.jsonl").splitlines())
    assert (key["id"], key["hmac"]) == (f"key_{TENANT}", "")
    assert archive.read(f"conversations/conv_{TENANT}.jsonl") == b'"hello"\n'
    (total,) = map(json.loads, archive.read("usage.jsonl").splitlines())
    assert (total["requests"], total["cost_microusd"]) == (3, 33)
    everything = b"".join(map(archive.read, archive.namelist()))
    assert b"zeta" not in everything
    assert b"hmac-" not in everything


@pytest.mark.parametrize("steps", range(0, 120, 9))
async def test_an_export_that_dies_anywhere_ends_as_a_whole_one(exporter: Exporter, steps: int) -> None:
    await exporter.process(Fuse()).ask(CHIEF, TENANT)
    await exporter.deliver(Fuse(steps))
    archive = await exporter.finished()
    assert len(archive.namelist()) == len(set(archive.namelist())) == 8


async def test_a_large_file_is_taken_in_slices_and_a_run_in_many_messages(exporter: Exporter) -> None:
    exporter.slice_bytes = 1000
    large = bytes(range(256)) * 14
    await exporter.estate.world.upload(large, "large.bin")
    exporter.budget_s = 0
    await exporter.process(Fuse()).ask(CHIEF, TENANT)
    archive = await exporter.finished()
    (name,) = [name for name in archive.namelist() if name.endswith("large.bin")]
    assert archive.read(name) == large


async def test_a_new_export_takes_the_place_of_the_last(exporter: Exporter) -> None:
    await exporter.process(Fuse()).ask(CHIEF, TENANT)
    before = await exporter.finished()
    await exporter.estate.world.upload("new", "new.txt")
    await exporter.process(Fuse()).ask(CHIEF, TENANT)
    with pytest.raises(NotFoundError):
        await exporter.process(Fuse()).content(CHIEF, TENANT)
    after = await exporter.finished()
    assert len(after.namelist()) == len(before.namelist()) + 1


async def test_another_tenants_export_is_a_missing_one(exporter: Exporter) -> None:
    exporting = exporter.process(Fuse())
    stranger = Caller("zeta", "k", scopes=("admin",))
    for call in (exporting.ask, exporting.look, exporting.content):
        with pytest.raises(NotFoundError, match="No project"):
            await call(stranger, TENANT)
    with pytest.raises(NotFoundError, match="has no export"):
        await exporting.look(OPERATOR, TENANT)
    assert (await exporter.estate.world.blobs.list(EXPORTS)).items == ()
    assert len((await exporter.estate.world.blobs.list(FILES)).items) == 2
