"""What every `Records` adapter promises."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path

import pytest

from shared.adapters.cosmos.records import CosmosRecords
from shared.adapters.cosmos.sizes import CosmosSizedRecords
from shared.adapters.memory.records import MemoryRecords
from shared.adapters.memory.sizes import MemorySizedRecords
from shared.adapters.sqlite.connection import SqliteDatabase
from shared.adapters.sqlite.records import SqliteRecords
from shared.adapters.sqlite.sizes import SqliteSizedRecords
from shared.errors import (
    ConflictError,
    InvalidRequestError,
    NotFoundError,
    PlatformError,
    PreconditionFailedError,
    TooLargeError,
)
from shared.ports.audit import AuditRecord
from shared.ports.completions import CompletionRecord
from shared.ports.conversations import ConversationRecord
from shared.ports.keys import KeyLimits, KeyRecord
from shared.ports.records import (
    MAX_RECORD_BYTES,
    CursorRecord,
    DocumentRecord,
    FileBatchRecord,
    FileRecord,
    FolderRecord,
    LastError,
    Record,
    Records,
    TenantRecord,
    UploadPartRecord,
    UploadRecord,
    VectorStoreRecord,
)
from shared.ports.responses import (
    Argued,
    Begun,
    Calling,
    Citation,
    Closed,
    Ended,
    Found,
    FoundText,
    Queued,
    Refused,
    ResponseRecord,
    Said,
    Searching,
    Spent,
)
from tests.contracts.stores import AT, document_record, file_record
from tests.cosmos.worlds import STORES

SIZED = (FileRecord, UploadPartRecord)
MOVES = (
    Queued(),
    Begun(),
    Searching(("q",)),
    Found((FoundText("f", "a.txt", 0.5, "text", 3, 1, {"a": 1.5, "b": True, "c": "d"}), FoundText("f", "b", 1, ""))),
    Said(("pieces ", "of it")),
    Refused(("no",)),
    Closed((Citation("f", "a.txt", 3),), whole=False),
    Calling("call_1", "function"),
    Argued(("{", "}")),
    Ended("incomplete", AT, Spent(1, 2, 3, 4), "max_output_tokens", "code", "message"),
)

type Make = Callable[[type[Record]], Records[Record]]

HOSTILE = (
    "it's",
    'say "hi"',
    "a:b|c",
    "50%_",
    "); DROP TABLE records; --",
    "日本語",
    "naïve",
    "🙂",
    "a\0b",
    "tab\tnl\n",
)


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[SqliteDatabase]:
    database = SqliteDatabase(tmp_path / "flightdeck.db")
    yield database
    await database.close()


@pytest.fixture(params=STORES)
def make(request: pytest.FixtureRequest) -> Make:
    """Opens the records of one type; twice the same type may be asked for only where two mean the same store."""
    if request.param == "memory":
        return lambda of: MemorySizedRecords(of) if of in SIZED else MemoryRecords(of)
    if request.param.startswith("cosmos"):
        account = request.getfixturevalue("cosmos").under(request.param)
        return lambda of: CosmosSizedRecords(account, of) if of in SIZED else CosmosRecords(account, of)
    database = request.getfixturevalue("database")
    return lambda of: SqliteSizedRecords(database, of) if of in SIZED else SqliteRecords(database, of)


@pytest.fixture
def files(make: Make) -> Records[FileRecord]:
    return make(FileRecord)  # type: ignore[return-value]


async def ids(files: Records[FileRecord], **options: object) -> tuple[list[str], bool]:
    page = await files.list("t", **options)  # type: ignore[arg-type]
    return [stored.value.id for stored in page.items], page.has_more


async def fill(files: Records[FileRecord], letters: str = "abcdefg") -> None:
    for letter in letters:
        await files.create(file_record(letter))


class TestOneRecord:
    @pytest.mark.parametrize(
        "record",
        [
            file_record("f"),
            VectorStoreRecord("v", "t", "docs", AT, metadata={"a": "b", "": "日本"}),
            VectorStoreRecord("v", "t", "docs", AT, description="what", expires_days=3, active_at=AT),
            FileBatchRecord("b", "t", "v", AT, ("file-1", "file-2"), cancelled=True),
            UploadRecord("u", "t", "a.txt", "batch", "text/plain", 2**33, AT, AT, "f", 3600, "completed", ("p", "q")),
            UploadPartRecord("p", "t", "u", 2**26, 64, AT),
            file_record("f", expires_at=AT),
            FolderRecord("folder/with slash", "t", "v"),
            TenantRecord("acme"),
            CompletionRecord("c", "t", AT, "chat", '{"id":"c"}', {"a": "b"}),
            ConversationRecord("conv", "t", AT, {"a": "b"}, "deleted"),
            CursorRecord("reconcile_documents", '{"after":"b"}'),
            KeyRecord("key_1", "hmac", "t"),
            KeyRecord(
                "key_1",
                "hmac",
                "t",
                principals=("user:ann", "staff"),
                name="Ann's",
                scopes=("models", "admin"),
                limits=KeyLimits(requests=10),
                created_at=AT,
                expires_at=AT,
            ),
            ResponseRecord("resp_1", "t", AT, {"model": "chat", "n": [1]}, ({"type": "x"},), limits=KeyLimits(1)),
            ResponseRecord("resp_2", "t", AT, {}, (), MOVES, ("staff",), key_id="key_1", claim="m", claimed_until=AT),
            AuditRecord("audit_1", "t", "api_key.created", AT, None, "other", "key_1", {"scopes": ("a", "b"), "n": 1}),
            document_record("d"),
            document_record(
                "d",
                state="failed",
                blob_etag='"0x8"',
                claim="message",
                claimed_until=AT,
                last_error=LastError("invalid_file", "It is \0 damaged."),
                attributes={"text": "1", "number": 1.5, "yes": True},
                timings_ms={"extract": 12},
            ),
        ],
        ids=lambda record: type(record).__name__,
    )
    async def test_every_type_comes_back_as_it_was_written(self, make: Make, record: Record) -> None:
        records = make(type(record))
        created = await records.create(record)
        read = await records.get(record.tenant, record.id)
        assert created == read
        assert read.value == record
        assert type(read.value) is type(record)

    async def test_types_of_attributes_are_kept(self, make: Make) -> None:
        records = make(DocumentRecord)
        await records.create(document_record("d", attributes={"a": True, "b": 1.0, "c": "true"}))
        read = (await records.get("t", "d")).value
        assert isinstance(read, DocumentRecord)
        assert [type(value) for value in read.attributes.values()] == [bool, float, str]

    async def test_a_record_that_is_not_there_is_not_found(self, files: Records[FileRecord]) -> None:
        with pytest.raises(NotFoundError, match="'nowhere'"):
            await files.get("t", "nowhere")

    async def test_a_taken_id_is_a_conflict_and_changes_nothing(self, files: Records[FileRecord]) -> None:
        first = await files.create(file_record("f"))
        with pytest.raises(ConflictError):
            await files.create(file_record("f", filename="other"))
        assert await files.get("t", "f") == first

    async def test_one_id_may_stand_in_two_types(self, make: Make) -> None:
        await make(FileRecord).create(file_record("same"))
        await make(DocumentRecord).create(document_record("same"))

    @pytest.mark.parametrize("text", HOSTILE)
    async def test_any_text_may_be_an_id_and_a_value(self, files: Records[FileRecord], text: str) -> None:
        record = file_record(text, filename=text, purpose=text)
        await files.create(record)
        await files.create(file_record("other"))
        assert (await files.get("t", text)).value == record
        page = await files.list("t", where={"filename": text, "purpose": text})
        assert [stored.value for stored in page.items] == [record]

    async def test_half_a_surrogate_pair_is_refused_as_the_callers_mistake(self, files: Records[FileRecord]) -> None:
        with pytest.raises(InvalidRequestError):
            await files.create(file_record("f", filename="\ud800"))
        with pytest.raises((InvalidRequestError, NotFoundError)):
            await files.get("t", "\ud800")


class TestEtags:
    async def test_every_write_gives_a_new_etag(self, files: Records[FileRecord]) -> None:
        first = await files.create(file_record("f"))
        second = await files.replace(first.value, if_match=first.etag)
        third = await files.replace(first.value, if_match=second.etag)
        await files.delete("t", "f")
        again = await files.create(first.value)
        assert len({first.etag, second.etag, third.etag, again.etag}) == 4

    async def test_a_replacement_is_what_is_read_next(self, files: Records[FileRecord]) -> None:
        first = await files.create(file_record("f"))
        second = await files.replace(replace(first.value, filename="new"), if_match=first.etag)
        assert await files.get("t", "f") == second
        assert second.value.filename == "new"

    async def test_an_old_etag_replaces_nothing(self, files: Records[FileRecord]) -> None:
        first = await files.create(file_record("f"))
        second = await files.replace(file_record("f", filename="second"), if_match=first.etag)
        with pytest.raises(PreconditionFailedError):
            await files.replace(file_record("f", filename="third"), if_match=first.etag)
        assert await files.get("t", "f") == second

    async def test_replacing_what_is_gone_is_not_found(self, files: Records[FileRecord]) -> None:
        first = await files.create(file_record("f"))
        await files.delete("t", "f")
        with pytest.raises(NotFoundError):
            await files.replace(first.value, if_match=first.etag)

    async def test_an_old_etag_deletes_nothing_and_the_new_one_does(self, files: Records[FileRecord]) -> None:
        first = await files.create(file_record("f"))
        second = await files.replace(first.value, if_match=first.etag)
        with pytest.raises(PreconditionFailedError):
            await files.delete("t", "f", if_match=first.etag)
        with pytest.raises(PreconditionFailedError):
            await files.delete("t", "f", if_match="")
        await files.delete("t", "f", if_match=second.etag)
        with pytest.raises(NotFoundError):
            await files.delete("t", "f")

    async def test_of_many_creates_at_once_exactly_one_wins(self, files: Records[FileRecord]) -> None:
        values = [file_record("f", filename=str(number)) for number in range(12)]
        results = await asyncio.gather(*(files.create(value) for value in values), return_exceptions=True)
        (winner,) = [result for result in results if not isinstance(result, ConflictError)]
        assert await files.get("t", "f") == winner

    async def test_of_many_replacements_at_once_exactly_one_wins(self, files: Records[FileRecord]) -> None:
        first = await files.create(file_record("f"))
        values = [file_record("f", filename=str(number)) for number in range(12)]
        writes = (files.replace(value, if_match=first.etag) for value in values)
        results = await asyncio.gather(*writes, return_exceptions=True)
        (winner,) = [result for result in results if not isinstance(result, PreconditionFailedError)]
        assert await files.get("t", "f") == winner


class TestSize:
    # The Cosmos SDK hands large bodies to aiohttp as they are.
    @pytest.mark.filterwarnings("ignore:Sending a large body directly:ResourceWarning")
    async def test_a_record_of_two_megabytes_is_kept_and_a_larger_one_refused(self, files: Records[FileRecord]) -> None:
        await files.create(file_record("f", filename="x" * (MAX_RECORD_BYTES - 1000)))
        with pytest.raises(TooLargeError):
            await files.create(file_record("g", filename="x" * MAX_RECORD_BYTES))

    async def test_size_is_counted_in_bytes_not_characters(self, files: Records[FileRecord]) -> None:
        stored = await files.create(file_record("f"))
        with pytest.raises(TooLargeError):
            await files.replace(file_record("f", filename="語" * (MAX_RECORD_BYTES // 2)), if_match=stored.etag)
        assert await files.get("t", "f") == stored


class TestTenants:
    async def test_two_tenants_with_the_same_ids_never_meet(self, files: Records[FileRecord]) -> None:
        mine = await files.create(file_record("f", tenant="t", filename="mine"))
        theirs = await files.create(file_record("f", tenant="u", filename="theirs"))
        assert (await files.get("t", "f")).value.filename == "mine"
        assert [stored.value.tenant for stored in (await files.list("u")).items] == ["u"]
        await files.replace(replace(mine.value, filename="changed"), if_match=mine.etag)
        await files.delete("t", "f")
        assert await files.get("u", "f") == theirs

    async def test_another_tenants_record_is_not_there(self, files: Records[FileRecord]) -> None:
        stored = await files.create(file_record("f", tenant="u"))
        with pytest.raises(NotFoundError):
            await files.get("t", "f")
        with pytest.raises(NotFoundError):
            await files.replace(file_record("f", tenant="t"), if_match=stored.etag)
        with pytest.raises(NotFoundError):
            await files.delete("t", "f", if_match=stored.etag)
        assert await ids(files) == ([], False)

    @pytest.mark.parametrize("separator", ["|", "/", ":", "\0", "'", '"', "%"])
    async def test_separators_in_names_do_not_join_tenants(self, files: Records[FileRecord], separator: str) -> None:
        await files.create(file_record(f"b{separator}c", tenant="a"))
        with pytest.raises(NotFoundError):
            await files.get(f"a{separator}b", "c")
        assert (await files.list(f"a{separator}b")).items == ()


class TestPages:
    async def test_the_newest_come_first_unless_asked_otherwise(self, files: Records[FileRecord]) -> None:
        await fill(files, "bac")
        assert await ids(files) == (["c", "b", "a"], False)
        assert await ids(files, order="asc") == (["a", "b", "c"], False)

    async def test_twenty_a_page_unless_asked_otherwise(self, files: Records[FileRecord]) -> None:
        await fill(files, "abcdefghijklmnopqrstu")
        found, more = await ids(files)
        assert (len(found), found[-1], more) == (20, "b", True)

    @pytest.mark.parametrize(
        ("options", "expected"),
        [
            ({"limit": 3}, ("gfe", True)),
            ({"limit": 3, "after": "e"}, ("dcb", True)),
            ({"limit": 3, "after": "d"}, ("cba", False)),
            ({"limit": 3, "after": "a"}, ("", False)),
            ({"limit": 3, "before": "d"}, ("gfe", False)),
            ({"limit": 2, "before": "d"}, ("fe", True)),
            ({"limit": 2, "before": "g"}, ("", False)),
            ({"limit": 2, "after": "f", "before": "b"}, ("ed", True)),
            ({"limit": 3, "after": "f", "before": "b"}, ("edc", False)),
            ({"limit": 3, "order": "asc"}, ("abc", True)),
            ({"limit": 3, "order": "asc", "after": "c"}, ("def", True)),
            ({"limit": 3, "order": "asc", "after": "d"}, ("efg", False)),
            ({"limit": 3, "order": "asc", "before": "d"}, ("abc", False)),
            ({"limit": 2, "order": "asc", "before": "d"}, ("bc", True)),
            ({"limit": 2, "order": "asc", "after": "b", "before": "f"}, ("cd", True)),
            ({"limit": 3, "order": "asc", "after": "b", "before": "f"}, ("cde", False)),
            ({"limit": 7}, ("gfedcba", False)),
        ],
        ids=str,
    )
    async def test_a_page_is_the_right_stretch_in_the_right_order(
        self, files: Records[FileRecord], options: dict[str, object], expected: tuple[str, bool]
    ) -> None:
        await fill(files)
        assert await ids(files, **options) == (list(expected[0]), expected[1])

    async def test_a_walk_goes_on_after_its_last_record_was_deleted(self, files: Records[FileRecord]) -> None:
        await fill(files)
        assert await ids(files, limit=3) == (["g", "f", "e"], True)
        await files.delete("t", "e")
        assert await ids(files, limit=3, after="e") == (["d", "c", "b"], True)

    async def test_a_walk_meets_each_record_once_while_others_come_and_go(self, files: Records[FileRecord]) -> None:
        await fill(files)
        seen, after = list[str](), None
        for _ in range(4):
            found, _more = await ids(files, limit=2, after=after)
            seen += found
            after = found[-1] if found else after
            await files.create(file_record(f"z{len(seen)}"))
            if after and after != "a":
                await files.delete("t", after)
        assert seen == list("gfedcba")

    @pytest.mark.parametrize("limit", [0, -1])
    async def test_a_limit_below_one_is_refused(self, files: Records[FileRecord], limit: int) -> None:
        with pytest.raises(InvalidRequestError):
            await files.list("t", limit=limit)

    async def test_ids_are_ordered_by_code_point(self, files: Records[FileRecord]) -> None:
        names = ["A", "a", "é", "日", "\uffff", "🙂"]
        for name in reversed(names):
            await files.create(file_record(name))
        assert await ids(files, order="asc") == (names, False)


class TestWhere:
    async def test_only_records_that_match_every_equality_are_listed(self, make: Make) -> None:
        documents = make(DocumentRecord)
        for number, (store, state) in enumerate([("s", "ready"), ("s", "failed"), ("r", "ready")]):
            await documents.create(document_record(str(number), store_id=store, state=state))
        page = await documents.list("t", where={"store_id": "s", "state": "ready"})
        assert [stored.value.id for stored in page.items] == ["0"]

    async def test_paging_and_conditions_go_together(self, files: Records[FileRecord]) -> None:
        for number in range(10):
            await files.create(file_record(str(number), purpose="odd" if number % 2 else "even"))
        assert await ids(files, where={"purpose": "odd"}, limit=2, after="7") == (["5", "3"], True)
        assert await ids(files, where={"purpose": "odd"}, limit=2, after="5") == (["3", "1"], False)

    async def test_text_never_equals_a_number_or_nothing(self, make: Make) -> None:
        documents = make(DocumentRecord)
        await documents.create(document_record("d", generation=1))
        assert (await documents.list("t", where={"generation": "1"})).items == ()
        assert (await documents.list("t", where={"claim": "null"})).items == ()

    @pytest.mark.parametrize("name", ["nope", "body", "id' OR '1'='1", "$.id"])
    async def test_a_field_that_the_type_lacks_is_refused(self, files: Records[FileRecord], name: str) -> None:
        with pytest.raises(PlatformError):
            await files.list("t", where={name: "x"})
