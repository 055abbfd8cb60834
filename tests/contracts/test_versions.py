"""Two releases over one store: what the earlier wrote is upgraded, what the later wrote is refused and kept."""

import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

import pytest

from shared.adapters.cosmos.records import CosmosRecords
from shared.adapters.memory.records import MemoryRecords, Rows
from shared.adapters.sqlite.connection import SqliteDatabase
from shared.adapters.sqlite.records import SqliteRecords
from shared.errors import NewerDataError, PreconditionFailedError
from shared.ports.codec import Codec
from shared.ports.records import FileRecord, Records
from shared.ports.upgrades import UPGRADES
from shared.wire import messages
from shared.wire.messages import QueueMessage
from shared.wire.versions import Fields, Upgrades, latest
from tests.contracts.conftest import Cosmos
from tests.contracts.shapes import MESSAGES, RECORDS, noted, shape, version
from tests.contracts.stores import file_record
from tests.cosmos.worlds import SOME_STORES

DATA = Path(__file__).parent / "data"
FIRST_ITEMS: Sequence[dict[str, Any]] = json.loads((DATA / "cosmos-1.json").read_text())
"""Written by the release of 21 November 2026, the last one that put no version on records."""


def rename_purpose(stored: Fields) -> Fields:
    return {**stored, "purpose": f"upgraded {stored['purpose']}"}


class Release(Protocol):
    def __call__(self, upgrades: Upgrades) -> Records[FileRecord]: ...


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[SqliteDatabase]:
    database = SqliteDatabase(tmp_path / "flightdeck.db")
    yield database
    await database.close()


@pytest.fixture(params=SOME_STORES)
def release(request: pytest.FixtureRequest) -> Release:
    """The files of one store as a release sees them whose `FileRecord` has come so many upgrades far."""
    if request.param == "memory":
        rows: Rows = {}
        return lambda upgrades: MemoryRecords(FileRecord, upgrades=upgrades, rows=rows)
    if request.param.startswith("cosmos"):
        account = request.getfixturevalue("cosmos").under(request.param)
        return lambda upgrades: CosmosRecords(account, FileRecord, upgrades=upgrades)
    database = request.getfixturevalue("database")
    return lambda upgrades: SqliteRecords(database, FileRecord, upgrades=upgrades)


class TestTwoReleases:
    async def test_what_the_earlier_wrote_is_upgraded_by_the_later_wherever_it_reads(self, release: Release) -> None:
        earlier, later = release([]), release([rename_purpose])
        written = await earlier.create(file_record("f", purpose="old"))
        read = await later.get("t", "f")
        assert (read.value, read.etag) == (file_record("f", purpose="upgraded old"), written.etag)
        assert [stored.value for stored in (await later.list("t")).items] == [read.value]

    async def test_several_upgrades_are_taken_in_order(self, release: Release) -> None:
        await release([]).create(file_record("f", purpose="old"))
        later = release([rename_purpose, lambda stored: {**stored, "purpose": f"{stored['purpose']}, twice"}])
        assert (await later.get("t", "f")).value.purpose == "upgraded old, twice"

    async def test_an_upgrade_is_written_with_the_next_replacement_and_taken_once(self, release: Release) -> None:
        earlier, later = release([]), release([rename_purpose])
        written = await earlier.create(file_record("f", purpose="old"))
        read = await later.get("t", "f")
        replaced = await later.replace(replace(read.value, filename="new"), if_match=read.etag)
        assert (await later.get("t", "f")).value == file_record("f", purpose="upgraded old", filename="new")
        with pytest.raises((PreconditionFailedError, NewerDataError)):
            await earlier.replace(written.value, if_match=written.etag)
        assert (await later.get("t", "f")).etag == replaced.etag

    async def test_what_the_later_wrote_is_refused_by_the_earlier_and_stays(self, release: Release) -> None:
        earlier, later = release([]), release([rename_purpose])
        written = await later.create(file_record("f"))
        clear = r"FileRecord 'f' has version 2, which a later release wrote; this release knows 1\. Deploy that release"
        for call in (
            earlier.get("t", "f"),
            earlier.list("t"),
            earlier.delete("t", "f"),
            earlier.delete("t", "f", if_match=written.etag),
            earlier.replace(file_record("f"), if_match="another"),
        ):
            with pytest.raises(NewerDataError, match=clear) as refused:
                await call
            assert (refused.value.status, refused.value.code, refused.value.retryable) == (503, "newer_data", True)
        assert await later.get("t", "f") == written

    async def test_the_earlier_goes_on_with_what_it_wrote_itself(self, release: Release) -> None:
        earlier, later = release([]), release([rename_purpose])
        mine = await earlier.create(file_record("a"))
        await later.create(file_record("b"))
        await earlier.replace(replace(mine.value, filename="new"), if_match=mine.etag)
        assert (await earlier.get("t", "a")).value.filename == "new"
        await earlier.delete("t", "a")


class TestFirstRecords:
    @pytest.mark.parametrize("item", FIRST_ITEMS, ids=lambda item: item["type"])
    async def test_records_without_a_version_are_read_and_replaced(self, cosmos: Cosmos, item: dict[str, Any]) -> None:
        cosmos.fake.containers["records"].partitions["t"][item["id"]] = dict(item)
        (record_type,) = [one for one in RECORDS if one.__name__ == item["type"]]
        records: CosmosRecords[Any] = CosmosRecords(cosmos.account, record_type)
        read = await records.get("t", item["key"])
        assert (read.value.id, read.value.tenant, read.etag) == (item["key"], "t", item["_etag"])
        await records.replace(read.value, if_match=read.etag)
        written = cosmos.fake.containers["records"].partitions["t"][item["id"]]["record"]
        assert written["schema_version"] == Codec(record_type).version

    def test_there_is_one_of_every_type_that_had_no_version(self) -> None:
        assert len({item["type"] for item in FIRST_ITEMS}) == len(FIRST_ITEMS) == 4


class TestShapes:
    @pytest.mark.parametrize("written", [*RECORDS, *MESSAGES], ids=lambda one: one.__name__)
    def test_what_is_written_changes_its_shape_only_with_its_version(self, written: type[Any]) -> None:
        """Fails after a change? Append an upgrade (`wire.versions`), then run `python -m tests.contracts.shapes`."""
        versions = noted()[written.__name__]
        assert list(versions) == [str(number) for number in range(1, version(written) + 1)]
        assert versions[str(version(written))] == shape(written)

    def test_every_message_there_is_has_its_shape_noted(self) -> None:
        assert {*QueueMessage.__subclasses__()} == {*MESSAGES}

    @pytest.mark.parametrize("message", MESSAGES, ids=lambda one: one.__name__)
    def test_a_message_says_the_version_that_its_upgrades_lead_to(self, message: type[QueueMessage]) -> None:
        kind = message.model_fields["kind"].default
        assert version(message) == latest(messages.UPGRADES.get(kind, ()))

    def test_only_what_there_is_has_upgrades(self) -> None:
        assert UPGRADES.keys() <= {one.__name__ for one in RECORDS}
        assert messages.UPGRADES.keys() <= {one.model_fields["kind"].default for one in MESSAGES}
