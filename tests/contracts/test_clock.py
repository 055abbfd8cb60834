"""What every `Clock` promises."""

from datetime import timedelta

import pytest

from shared.adapters.memory.clock import ManualClock
from shared.adapters.system import SystemClock
from shared.ports.clock import Clock


@pytest.fixture(params=[SystemClock, ManualClock])
def clock(request: pytest.FixtureRequest) -> Clock:
    return request.param()


def test_the_time_is_in_utc_and_aware(clock: Clock) -> None:
    assert clock.now().utcoffset() == timedelta(0)


def test_monotonic_time_never_goes_back(clock: Clock) -> None:
    moments = [clock.monotonic() for _ in range(1000)]
    assert moments == sorted(moments)


def test_ids_differ_and_keep_their_prefix(clock: Clock) -> None:
    ids = [clock.new_id("file-") for _ in range(10_000)]
    assert len(set(ids)) == len(ids)
    assert {len(one) for one in ids} == {len("file-") + 26}
    assert all(one.startswith("file-") and one == one.lower() for one in ids)


def test_ids_of_later_milliseconds_sort_later() -> None:
    clock, ids = SystemClock(), list[str]()
    start = clock.monotonic()
    while clock.monotonic() < start + 0.02:
        ids.append(clock.new_id("x"))
    times = [one[1:11] for one in ids]
    assert times == sorted(times)
    assert times[0] < times[-1]


def test_the_random_part_of_an_id_is_never_that_of_another() -> None:
    clock = SystemClock()
    assert len({clock.new_id("")[10:] for _ in range(10_000)}) == 10_000


def test_a_manual_clock_moves_when_told_and_its_ids_sort() -> None:
    clock = ManualClock()
    start, first = clock.now(), clock.new_id("x")
    clock.advance(90)
    assert clock.now() - start == timedelta(seconds=90)
    assert clock.monotonic() == 90
    assert first < clock.new_id("x")
