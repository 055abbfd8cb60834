"""What an attempt leaves in the queue, whatever happens to it on the way."""

import asyncio
import gc
import json
import logging

import pytest

from shared.adapters.memory.clock import ManualClock
from shared.errors import PlatformError
from shared.metering.meter import RENEWALS, QueueMeter
from shared.metering.outbox import ATTEMPTS, IN_FLIGHT
from shared.ports.models import Price
from shared.ports.usage import Consumption
from tests.unit.metering.conftest import NOON, attempt, nth
from tests.unit.metering.room import Room

PRICES = {"d1": Price(input_microusd=1_000_000, cached_microusd=500_000, output_microusd=3_000_000)}


class Bell:
    """A log filter that lets everything pass and rings at one line."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.rung = asyncio.Event()

    def filter(self, record: logging.LogRecord) -> bool:
        if self.text in record.getMessage():
            self.rung.set()
        return True


USED = Consumption(200, input_tokens=90, output_tokens=40, cached_tokens=30, reasoning_tokens=5, ttft_ms=12)


@pytest.fixture
def meter(room: Room, clock: ManualClock) -> QueueMeter:
    return QueueMeter(room, clock, PRICES, backoff_s=0)


class TestSettling:
    async def test_an_attempt_is_one_visible_message_with_what_it_used(
        self, meter: QueueMeter, room: Room, clock: ManualClock
    ) -> None:
        reservation = meter.reserve(attempt())
        clock.advance(1.5)
        reservation.settle(USED)
        await meter.drain()
        (message,) = await room.take()
        assert room.hidden() == 0
        assert (message.id, message.tenant, message.key_id, message.source) == (nth(1), "acme", "key_1", "api")
        assert (message.input_tokens, message.output_tokens, message.cached_tokens) == (90, 40, 30)
        assert (message.reasoning_tokens, message.ttft_ms, message.duration_ms) == (5, 12, 1500)
        assert (message.status, message.estimated, message.at) == (200, False, NOON)
        assert message.cost_microusd == 60 + 15 + 120

    async def test_until_then_its_estimate_is_hidden_a_minute_beyond_the_deadline(
        self, meter: QueueMeter, room: Room
    ) -> None:
        meter.reserve(attempt(deadline_s=200))
        await meter.drain()
        room.clock.advance(259)
        assert await room.take() == []
        room.clock.advance(1)
        assert len(await room.take()) == 1

    async def test_a_process_that_dies_lets_the_estimate_surface(self, meter: QueueMeter, room: Room) -> None:
        meter.reserve(attempt())
        await meter.drain()
        (message,) = await room.surface()
        assert (message.status, message.estimated, message.duration_ms) == (0, True, None)
        assert (message.input_tokens, message.output_tokens, message.cost_microusd) == (1000, 500, 2500)

    async def test_a_count_of_our_own_stays_marked_as_estimated(self, meter: QueueMeter, room: Room) -> None:
        meter.reserve(attempt()).settle(Consumption(200, input_tokens=7, estimated=True))
        await meter.drain()
        (message,) = await room.take()
        assert (message.status, message.estimated) == (200, True)

    async def test_a_deployment_without_a_price_costs_nothing(self, meter: QueueMeter, room: Room) -> None:
        meter.reserve(attempt(deployment="free")).settle(USED)
        await meter.drain()
        assert [message.cost_microusd for message in await room.take()] == [0]

    async def test_settling_twice_counts_the_first_and_warns(
        self, meter: QueueMeter, room: Room, caplog: pytest.LogCaptureFixture
    ) -> None:
        reservation = meter.reserve(attempt())
        reservation.settle(USED)
        reservation.settle(Consumption(500))
        await meter.drain()
        assert [message.status for message in await room.take()] == [200]
        assert f"usage_settled_twice id={nth(1)}" in caplog.text

    async def test_neither_reserving_nor_settling_waits_for_the_queue(self, meter: QueueMeter, room: Room) -> None:
        room.gate.clear()
        meter.reserve(attempt()).settle(USED)
        await asyncio.sleep(0)
        assert room.calls == ["put"], "settling waits for the put to end, its caller does not"
        room.gate.set()
        await meter.drain()
        assert room.calls == ["put", "update"]

    async def test_a_caller_cancelled_while_settling_is_metered_all_the_same(
        self, meter: QueueMeter, room: Room
    ) -> None:
        room.gate.clear()

        async def call() -> None:
            reservation = meter.reserve(attempt())
            try:
                await asyncio.Event().wait()
            finally:
                reservation.settle(Consumption(499, input_tokens=3))
                await meter.drain()

        caller = asyncio.create_task(call())
        await room.called(1)
        caller.cancel()
        await asyncio.sleep(0)
        caller.cancel()
        with pytest.raises(asyncio.CancelledError):
            await caller
        room.gate.set()
        await meter.drain()
        assert [message.status for message in await room.take()] == [499]

    async def test_writes_are_held_even_if_nobody_else_holds_them(self, meter: QueueMeter, room: Room) -> None:
        room.gate.clear()
        for _ in range(50):
            meter.reserve(attempt()).settle(USED)
        gc.collect()
        await asyncio.sleep(0)
        gc.collect()
        room.gate.set()
        await meter.drain()
        assert len(await room.take()) == 50


async def test_what_was_used_already_is_one_message_that_shows_at_once(meter: QueueMeter, room: Room) -> None:
    meter.count(attempt(), USED)
    await meter.drain()
    (message,) = await room.take()
    assert (message.status, message.input_tokens, message.estimated) == (200, 90, False)
    assert room.calls == ["put"]


class TestAQueueInTrouble:
    async def test_a_reservation_that_could_not_be_put_is_made_good_by_settling(
        self, meter: QueueMeter, room: Room
    ) -> None:
        room.failing = 1
        meter.reserve(attempt()).settle(USED)
        await meter.drain()
        assert room.calls == ["put", "put"]
        assert [message.status for message in await room.take()] == [200]

    @pytest.mark.parametrize("failures", [2, ATTEMPTS])
    async def test_a_queue_that_comes_back_gets_the_event(self, meter: QueueMeter, room: Room, failures: int) -> None:
        room.failing = failures
        meter.reserve(attempt()).settle(USED)
        await meter.drain()
        assert [message.status for message in await room.take()] == [200]

    async def test_a_queue_that_stays_down_leaves_the_whole_event_in_the_log(
        self, meter: QueueMeter, room: Room, caplog: pytest.LogCaptureFixture
    ) -> None:
        room.failing, room.error = -1, PlatformError("The queue refused.")
        meter.reserve(attempt()).settle(USED)
        await meter.drain()
        (record,) = [record for record in caplog.records if record.levelno == logging.ERROR]
        head, _, body = record.getMessage().partition(" event=")
        assert head == f"usage_lost id={nth(1)}"
        assert json.loads(body)["input_tokens"] == 90
        assert len(room.calls) == 1 + ATTEMPTS

    async def test_an_update_that_fails_for_a_while_is_repeated_and_makes_no_second_message(
        self, meter: QueueMeter, room: Room
    ) -> None:
        reservation = meter.reserve(attempt())
        await meter.drain()
        room.failing = 2
        reservation.settle(USED)
        await meter.drain()
        assert room.calls == ["put", "update", "update", "update"]
        assert [message.status for message in await room.take()] == [200]

    async def test_a_reservation_that_surfaced_is_followed_by_the_real_event_under_the_same_id(
        self, meter: QueueMeter, room: Room
    ) -> None:
        reservation = meter.reserve(attempt())
        await meter.drain()
        (estimate,) = await room.surface()
        reservation.settle(USED)
        await meter.drain()
        (real,) = await room.take()
        assert (estimate.id, estimate.status) == (real.id, 0)
        assert real.status == 200

    async def test_a_fault_of_ours_in_the_adapter_is_logged_and_the_event_with_it(
        self, meter: QueueMeter, room: Room, caplog: pytest.LogCaptureFixture
    ) -> None:
        room.failing, room.error = -1, ZeroDivisionError("a bug")
        meter.reserve(attempt()).settle(USED)
        await meter.drain()
        assert "usage_write_failed" in caplog.text
        assert "ZeroDivisionError" in caplog.text
        assert f"usage_lost id={nth(1)}" in caplog.text

    def test_a_process_that_stops_before_the_write_ends_logs_the_event(
        self, clock: ManualClock, caplog: pytest.LogCaptureFixture
    ) -> None:
        async def serve() -> None:
            room = Room(clock)
            room.gate.clear()
            QueueMeter(room, clock, PRICES).reserve(attempt()).settle(USED)
            await asyncio.sleep(0)

        asyncio.run(serve())
        assert f"usage_lost id={nth(1)}" in caplog.text


class TestLongCalls:
    """With no deadline and 20 ms of grace, a reservation is renewed every 10 ms."""

    @pytest.fixture
    def meter(self, room: Room, clock: ManualClock) -> QueueMeter:
        return QueueMeter(room, clock, PRICES, grace_s=0.02, backoff_s=0)

    async def test_a_call_that_outlives_its_deadline_stays_hidden_and_settles_once(
        self, meter: QueueMeter, room: Room
    ) -> None:
        reservation = meter.reserve(attempt(deadline_s=0))
        await room.called(4)
        assert await room.take() == []
        reservation.settle(USED)
        await meter.drain()
        assert set(room.calls[1:]) == {"update"}
        assert [message.status for message in await room.take()] == [200]
        assert room.hidden() == 0

    async def test_a_settled_call_is_renewed_no_more(self, meter: QueueMeter, room: Room) -> None:
        meter.reserve(attempt(deadline_s=0)).settle(USED)
        await meter.drain()
        (settled,) = await room.take()
        slow = meter.reserve(attempt(deadline_s=0))
        await room.called(2 + 3)
        assert {message.id for message in await room.surface()} == {nth(2)} != {settled.id}
        slow.settle(USED)
        await meter.drain()
        assert room.calls.count("put") == 3, "one for each reservation, one for the real event of the second"

    async def test_a_renewal_that_fails_is_tried_again(self, meter: QueueMeter, room: Room) -> None:
        reservation = meter.reserve(attempt(deadline_s=0))
        await meter.drain()
        room.failing = 1
        await room.called(3)
        reservation.settle(USED)
        await meter.drain()
        assert [message.status for message in await room.take()] == [200]
        assert "put" not in room.calls[1:]

    async def test_a_renewal_that_comes_too_late_leaves_settling_to_put_the_event(
        self, meter: QueueMeter, room: Room, caplog: pytest.LogCaptureFixture
    ) -> None:
        reservation = meter.reserve(attempt(deadline_s=0))
        await meter.drain()
        await room.surface()
        await room.called(2)
        await meter.drain()
        reservation.settle(USED)
        await meter.drain()
        assert f"usage_surfaced id={nth(1)}" in caplog.text
        assert [message.status for message in await room.take()] == [200]

    async def test_without_a_message_there_is_nothing_to_renew(self, meter: QueueMeter, room: Room) -> None:
        room.failing = 1
        without = meter.reserve(attempt(deadline_s=0))
        await meter.drain()
        renewed = meter.reserve(attempt(deadline_s=0))
        await room.called(2 + 3)
        assert [message.id for message in await room.surface()] == [nth(2)]
        without.settle(USED)
        renewed.settle(USED)
        await meter.drain()
        assert sorted((message.id, message.status) for message in await room.take()) == [(nth(1), 200), (nth(2), 200)]

    async def test_a_reservation_that_was_forgotten_surfaces_in_the_end(
        self, room: Room, clock: ManualClock, caplog: pytest.LogCaptureFixture
    ) -> None:
        bell = Bell(f"usage_unsettled id={nth(1)}")
        caplog.handler.addFilter(bell)
        meter = QueueMeter(room, clock, PRICES, grace_s=0.0001)
        meter.reserve(attempt(deadline_s=0))
        async with asyncio.timeout(10):
            await bell.rung.wait()
        await meter.drain()
        assert len(room.calls) == 1 + RENEWALS
        assert [message.status for message in await room.surface()] == [0]


class TestASlowQueue:
    async def test_writes_at_once_are_bounded_and_what_was_settled_meanwhile_is_written_once(
        self, meter: QueueMeter, room: Room
    ) -> None:
        room.gate.clear()
        reservations = [meter.reserve(attempt()) for _ in range(IN_FLIGHT + 20)]
        await room.called(IN_FLIGHT)
        for reservation in reservations:
            reservation.settle(USED)
        assert len(room.calls) == IN_FLIGHT
        room.gate.set()
        await meter.drain()
        assert (room.calls.count("put"), room.calls.count("update")) == (IN_FLIGHT + 20, IN_FLIGHT)
        settled = await room.take()
        assert {message.id for message in settled} == {nth(number + 1) for number in range(IN_FLIGHT + 20)}
        assert not any(message.estimated for message in settled)
        assert room.hidden() == 0
