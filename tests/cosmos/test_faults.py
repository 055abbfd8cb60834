"""How the adapter takes what the service may answer: what it repeats, what it waits for, what it tells the caller."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from shared.adapters.cosmos.account import CosmosAccount
from shared.adapters.cosmos.chunks import CosmosChunks
from shared.adapters.cosmos.records import CosmosRecords
from shared.adapters.cosmos.usage import CosmosUsageLedger
from shared.errors import (
    AmbiguousError,
    CapacityError,
    ConflictError,
    NotFoundError,
    OverloadedError,
    PlatformError,
    PreconditionFailedError,
    RateLimitError,
    TooLargeError,
)
from shared.ports.records import FileRecord
from tests.contracts.stores import AT, X, chunk, event, file_record
from tests.cosmos.fake import FakeCosmos, Fault
from tests.cosmos.fake.faults import Request

ALWAYS = 40
"""More often than anything is tried."""

type Files = CosmosRecords[FileRecord]


def kind(name: str) -> Callable[[Request], bool]:
    return lambda request: request.kind == name


async def total(ledger: CosmosUsageLedger) -> int:
    found = await ledger.totals("t", "completions", start=AT.replace(hour=0), end=AT.replace(hour=23), width_s=3600)
    return sum(one.requests for one in found)


class TestThrottling:
    async def test_the_sdk_waits_as_long_as_the_service_asks(self, fake: FakeCosmos, files: Files) -> None:
        fake.faults.script(*[Fault(429, retry_after_ms=1)] * 9)
        await files.create(file_record("f"))
        assert fake.faults.left == 0

    async def test_a_service_that_stays_busy_is_told_with_its_own_wait(self, fake: FakeCosmos, files: Files) -> None:
        fake.faults.script(*[Fault(429, retry_after_ms=20)] * ALWAYS)
        with pytest.raises(RateLimitError) as caught:
            await files.create(file_record("f"))
        assert caught.value.retry_after_s == 0.02
        assert len(fake.journal.of("create")) == 10

    async def test_a_wait_that_nobody_named_is_a_second(self, fake: FakeCosmos, files: Files) -> None:
        fake.faults.script(*[Fault(429)] * ALWAYS)
        with pytest.raises(RateLimitError) as caught:
            await files.get("t", "f")
        assert caught.value.retry_after_s == 1

    async def test_a_429_inside_a_batch_is_waited_out_by_us(self, fake: FakeCosmos, ledger: CosmosUsageLedger) -> None:
        fake.faults.script(*[Fault(429, inside=True, retry_after_ms=1)] * 4)
        assert await ledger.record(event("1"))
        assert fake.faults.left == 0
        assert await total(ledger) == 1

    async def test_a_batch_that_stays_throttled_is_told(self, fake: FakeCosmos, ledger: CosmosUsageLedger) -> None:
        fake.faults.script(*[Fault(429, inside=True, retry_after_ms=1)] * ALWAYS)
        with pytest.raises(RateLimitError):
            await ledger.record(event("1"))
        assert len(fake.journal.of("batch")) == 6


class TestDoubt:
    @pytest.mark.parametrize("fault", [Fault(408), Fault(503)], ids=str)
    async def test_a_write_that_never_gets_a_clear_answer_is_ambiguous(
        self, fake: FakeCosmos, ledger: CosmosUsageLedger, fault: Fault
    ) -> None:
        fake.faults.script(*[fault] * ALWAYS)
        with pytest.raises(AmbiguousError) as caught:
            await ledger.record(event("1"))
        assert caught.value.retry_after_s
        assert len(fake.journal.of("batch")) == 6

    @pytest.mark.parametrize("status", [410, 449])
    async def test_a_write_that_surely_never_happened_is_not_ambiguous(
        self, fake: FakeCosmos, ledger: CosmosUsageLedger, status: int
    ) -> None:
        fake.faults.script(*[Fault(status)] * ALWAYS)
        with pytest.raises(OverloadedError):
            await ledger.record(event("1"))

    async def test_an_answer_that_was_lost_on_its_way_is_a_doubt(self, fake: FakeCosmos, files: Files) -> None:
        fake.faults.script(Fault(0, after_commit=True))
        stored = await files.create(file_record("f"))
        assert fake.journal.kinds() == ["create", "create", "read"]
        fake.faults.script(Fault(0, after_commit=True))
        await files.delete("t", "f", if_match=stored.etag)
        with pytest.raises(NotFoundError):
            await files.get("t", "f")

    @pytest.mark.parametrize("status", [408, 503])
    async def test_a_read_that_gets_no_answer_is_not_ambiguous(
        self, fake: FakeCosmos, files: Files, status: int
    ) -> None:
        fake.faults.script(*[Fault(status)] * ALWAYS)
        with pytest.raises(OverloadedError):
            await files.get("t", "f")

    async def test_a_create_that_happened_unseen_is_ours_and_no_conflict(self, fake: FakeCosmos, files: Files) -> None:
        fake.faults.script(Fault(408, after_commit=True))
        stored = await files.create(file_record("f"))
        assert await files.get("t", "f") == stored

    async def test_a_create_that_met_somebody_elses_is_a_conflict(self, fake: FakeCosmos, files: Files) -> None:
        await files.create(file_record("f"))
        fake.faults.script(Fault(408))
        with pytest.raises(ConflictError):
            await files.create(file_record("f"))

    async def test_a_replacement_that_happened_unseen_is_ours(self, fake: FakeCosmos, files: Files) -> None:
        first = await files.create(file_record("f"))
        fake.faults.script(Fault(408, after_commit=True))
        second = await files.replace(file_record("f", filename="new"), if_match=first.etag)
        assert await files.get("t", "f") == second

    async def test_an_event_that_was_counted_unseen_is_counted_once_and_said_so(
        self, fake: FakeCosmos, ledger: CosmosUsageLedger
    ) -> None:
        fake.faults.script(Fault(408, after_commit=True))
        assert [await ledger.record(event("1")), await ledger.record(event("1"))] == [True, False]
        fake.faults.script(Fault(408, after_commit=True))
        assert [await ledger.record(event("2")), await ledger.record(event("2"))] == [True, False]
        assert await total(ledger) == 2

    async def test_a_duplicate_whose_first_telling_has_expired_meanwhile_is_not_ours(
        self, fake: FakeCosmos, ledger: CosmosUsageLedger
    ) -> None:
        await ledger.record(event("1"))
        hold = fake.faults.hold(kind("read"))
        telling = asyncio.create_task(ledger.record(event("1")))
        await hold.reached.wait()
        fake.skew_s = 41 * 86400
        hold.released.set()
        assert not await telling

    async def test_a_sweep_counts_what_it_deleted_unseen(self, fake: FakeCosmos, chunks: CosmosChunks) -> None:
        await chunks.put([chunk("a"), chunk("b")])
        await chunks.retire("t", "s", "d", 1)
        fake.faults.script(Fault(408, after_commit=True), when=kind("batch"))
        assert await chunks.sweep("t", "s", "d") == 2


class TestTheLedgersForms:
    async def test_sums_that_appear_in_between_are_added_to(self, fake: FakeCosmos, ledger: CosmosUsageLedger) -> None:
        hold = fake.faults.hold(lambda request: request.kind == "batch" and b"Patch" not in request.raw)
        telling = asyncio.create_task(ledger.record(event("1")))
        await hold.reached.wait()
        await ledger.record(event("2"))
        hold.released.set()
        assert await telling
        assert await total(ledger) == 2

    async def test_a_ledger_that_never_gets_through_says_so(self, fake: FakeCosmos, ledger: CosmosUsageLedger) -> None:
        await ledger.record(event("0"))
        # 404 and 409 in turn, as if others created and deleted the sums.
        fake.faults.script(*[Fault(404, inside=True), Fault(409, inside=True)] * 5, when=kind("batch"))
        with pytest.raises(OverloadedError, match="too many"):
            await ledger.record(event("1"))


class TestContention:
    async def test_a_create_that_meets_a_record_which_is_gone_again_is_repeated(
        self, fake: FakeCosmos, files: Files
    ) -> None:
        fake.faults.script(Fault(409), when=kind("create"))
        await files.create(file_record("f"))
        fake.faults.script(*[Fault(409)] * ALWAYS, when=kind("create"))
        with pytest.raises(OverloadedError, match="too many"):
            await files.create(file_record("g"))

    async def test_a_412_for_an_etag_that_still_stands_is_repeated_but_not_for_ever(
        self, fake: FakeCosmos, files: Files
    ) -> None:
        stored = await files.create(file_record("f"))
        fake.faults.script(*[Fault(412)] * ALWAYS)
        with pytest.raises(OverloadedError):
            await files.replace(file_record("f"), if_match=stored.etag)
        with pytest.raises(OverloadedError):
            await files.delete("t", "f", if_match=stored.etag)

    async def test_an_empty_etag_matches_nothing(self, files: Files) -> None:
        await files.create(file_record("f"))
        with pytest.raises(PreconditionFailedError):
            await files.replace(file_record("f"), if_match="")

    @pytest.mark.parametrize("act", ["put", "publish", "sweep"])
    async def test_a_document_that_never_holds_still_is_told(
        self, fake: FakeCosmos, chunks: CosmosChunks, act: str
    ) -> None:
        await chunks.put([chunk("a")])
        await chunks.publish("t", "s", "d", 2)
        acts: dict[str, Callable[[], Awaitable[object]]] = {
            "put": lambda: chunks.put([chunk("b", generation=2)]),
            "publish": lambda: chunks.publish("t", "s", "d", 2),
            "sweep": lambda: chunks.sweep("t", "s", "d"),
        }
        fake.faults.script(*[Fault(412)] * ALWAYS)
        with pytest.raises(OverloadedError):
            await acts[act]()


class TestRefusals:
    @pytest.mark.parametrize(
        ("status", "error"), [(400, PlatformError), (401, PlatformError), (403, PlatformError), (413, TooLargeError)]
    )
    async def test_what_no_repetition_helps_is_not_repeated(
        self, fake: FakeCosmos, files: Files, status: int, error: type[PlatformError]
    ) -> None:
        fake.faults.script(Fault(status))
        with pytest.raises(error) as caught:
            await files.create(file_record("f"))
        assert not isinstance(caught.value, CapacityError)
        assert caught.value.__cause__ is not None
        assert len(fake.journal.entries) == 1

    async def test_a_500_is_a_lack_of_capacity(self, fake: FakeCosmos, files: Files) -> None:
        fake.faults.script(Fault(500))
        with pytest.raises(OverloadedError):
            await files.get("t", "f")

    async def test_a_partition_that_has_moved_is_found_again_by_the_sdk(self, fake: FakeCosmos, files: Files) -> None:
        await files.create(file_record("f"))
        fake.faults.script(Fault(410, substatus=1002))
        assert (await files.get("t", "f")).value.id == "f"

    async def test_an_account_that_cannot_be_reached_is_a_lack_of_capacity(self) -> None:
        account = CosmosAccount("http://127.0.0.1:9", "a2V5", retry_s=0.001)
        with pytest.raises(OverloadedError):
            await CosmosRecords(account, FileRecord).list("t")
        await account.close()

    async def test_a_missing_container_is_no_missing_record(self, account: CosmosAccount, fake: FakeCosmos) -> None:
        del fake.containers["records"]
        with pytest.raises(PlatformError, match="deploy it first") as caught:
            await CosmosRecords(account, FileRecord).get("t", "f")
        assert not isinstance(caught.value, NotFoundError)

    async def test_a_search_that_fails_in_one_query_fails(self, fake: FakeCosmos, chunks: CosmosChunks) -> None:
        fake.faults.script(*[Fault(503)] * ALWAYS, when=lambda request: b"RANK" in request.raw)
        with pytest.raises(OverloadedError):
            await chunks.search("t", "s", vector=X, text="words", principals=(), limit=1)
