"""From the queue's bytes into the ledger, and the messages that do not get there."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from shared.adapters.memory.blobs import MemoryBlobs
from shared.adapters.memory.clock import ManualClock
from shared.adapters.memory.records import MemoryRecords
from shared.errors import PoisonMessageError
from shared.metering.meter import QueueMeter
from shared.metering.recording import POISON, UsageRecorder
from shared.ports.erasure import ErasureRecord
from shared.ports.records import TenantRecord
from shared.ports.usage import Consumption, UsageEvent, UsageLedger, UsageTotal
from shared.retrieval.tenants import Tenants
from shared.tenancy.erased import RememberedErasures
from shared.tenancy.secrets import Pepper
from shared.wire.messages import ParkedMessage
from shared.wire.usage import UsageMessage, parse_usage
from tests.unit.metering.conftest import NOON, attempt, event
from tests.unit.metering.room import Room


@pytest.fixture
def shelf() -> MemoryBlobs:
    return MemoryBlobs()


@pytest.fixture
def recorder(ledger: UsageLedger, shelf: MemoryBlobs) -> UsageRecorder:
    erasures = RememberedErasures(MemoryRecords(ErasureRecord), Pepper(b"pepper"), ManualClock(), ttl_s=30)
    return UsageRecorder(ledger, shelf, Tenants(MemoryRecords(TenantRecord)), erasures)


def body(of: UsageEvent) -> bytes:
    return UsageMessage.model_validate(of).model_dump_json().encode()


async def content(shelf: MemoryBlobs, name: str) -> bytes:
    return b"".join([piece async for piece in shelf.read(POISON, name)])


async def total(ledger: UsageLedger) -> list[UsageTotal]:
    return list(await ledger.totals("acme", "completions", start=NOON, end=NOON + timedelta(hours=1), width_s=3600))


class TestRecording:
    async def test_the_event_that_is_read_is_the_event_that_was_written(self) -> None:
        written = event("usage_1", key_id=None, ttft_ms=None)
        assert UsageMessage.model_validate(written) == parse_usage(body(written))

    async def test_a_tripled_message_is_counted_once(self, recorder: UsageRecorder, ledger: UsageLedger) -> None:
        message = parse_usage(body(event("usage_1", input_tokens=10)))
        assert [await recorder.record(message) for _ in range(3)] == [True, False, False]
        (row,) = await total(ledger)
        assert (row.requests, row.input_tokens) == (1, 10)

    async def test_a_deferred_copy_is_the_same_event(self, recorder: UsageRecorder) -> None:
        message = parse_usage(body(event("usage_1")))
        assert await recorder.record(message)
        assert not await recorder.record(message.model_copy(update={"deferrals": 1}))

    async def test_what_a_call_used_reaches_the_ledger_through_meter_and_queue(
        self, recorder: UsageRecorder, ledger: UsageLedger, room: Room, clock: ManualClock
    ) -> None:
        meter = QueueMeter(room, clock, {})
        meter.reserve(attempt()).settle(Consumption(200, input_tokens=9, output_tokens=4, cached_tokens=3))
        await meter.drain()
        for message in await room.take():
            await recorder.record(message)
        (row,) = await total(ledger)
        assert (row.requests, row.input_tokens, row.output_tokens, row.cached_tokens) == (1, 9, 4, 3)

    async def test_a_crashed_call_reaches_the_ledger_as_its_reservation(
        self, recorder: UsageRecorder, ledger: UsageLedger, room: Room, clock: ManualClock
    ) -> None:
        meter = QueueMeter(room, clock, {})
        meter.reserve(attempt(reserved_input_tokens=77))
        await meter.drain()
        for message in await room.surface():
            assert message.estimated
            await recorder.record(message)
        assert [row.input_tokens for row in await total(ledger)] == [77]


class TestMessagesThatCannotBeRead:
    @pytest.mark.parametrize(
        ("change", "reason"),
        [
            ({"version": 3}, "version 3 is newer"),
            ({"tenant": None}, "tenant: Input should be a valid string"),
            ({"at": "2026-03-04T12:00:00"}, "at: Input should have timezone info"),
            ({"surprise": 1}, "surprise: Extra inputs"),
            ({"kind": "document"}, "kind: Input should be 'usage'"),
        ],
    )
    def test_the_reason_names_the_field(self, change: dict[str, object], reason: str) -> None:
        fields = json.loads(body(event("usage_1"))) | change
        with pytest.raises(PoisonMessageError, match=reason):
            parse_usage(json.dumps(fields).encode())

    def test_what_is_no_json_is_poison(self) -> None:
        with pytest.raises(PoisonMessageError, match="Not a JSON object"):
            parse_usage(b"\xff")


class TestParkedMessages:
    PARKED = ParkedMessage(code="poison_message", reason="Message version 9 is newer.", body='{"version":9}')

    async def test_one_is_kept_whole_in_a_blob_and_in_the_log(
        self, recorder: UsageRecorder, shelf: MemoryBlobs, caplog: pytest.LogCaptureFixture
    ) -> None:
        name = await recorder.keep(self.PARKED)
        assert ParkedMessage.model_validate_json(await content(shelf, name)) == self.PARKED
        assert 'body={"version":9}' in caplog.text

    async def test_a_redelivered_one_is_kept_once_and_another_one_apart(
        self, recorder: UsageRecorder, shelf: MemoryBlobs
    ) -> None:
        first = await recorder.keep(self.PARKED)
        assert await recorder.keep(self.PARKED) == first
        other = self.PARKED.model_copy(update={"body": "{}"})
        assert json.loads(await content(shelf, await recorder.keep(other)))["body"] == "{}"
        assert json.loads(await content(shelf, first))["body"] == self.PARKED.body

    async def test_its_body_counts_when_it_is_put_back(
        self, recorder: UsageRecorder, shelf: MemoryBlobs, ledger: UsageLedger
    ) -> None:
        text = body(replace(event("usage_1"), input_tokens=33)).decode()
        name = await recorder.keep(ParkedMessage(code="server_error", reason="The ledger was down.", body=text))
        kept = ParkedMessage.model_validate_json(await content(shelf, name))
        await recorder.record(parse_usage(kept.body.encode()))
        assert [row.input_tokens for row in await total(ledger)] == [33]
