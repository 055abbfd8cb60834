"""What every `Rates` adapter promises."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from shared.adapters.cosmos.rates import CosmosRates
from shared.adapters.memory.clock import ManualClock
from shared.adapters.memory.rates import MemoryRates
from shared.adapters.sqlite.connection import SqliteDatabase
from shared.adapters.sqlite.rates import SqliteRates
from shared.errors import CapacityError
from shared.ports.limits import Rates, Taken
from tests.contracts.conftest import Cosmos
from tests.cosmos.worlds import STORES

MAY_TAKE_TWICE = ("408 after commit",)
"""Weathers under which an answer gets lost: then more may be taken than was granted."""


@dataclass
class World:
    """One adapter, and a way to let time pass for it. `slack_s` is how far its clock may be from the store's."""

    rates: Rates
    advance: Callable[[float], None]
    slack_s: float
    may_take_twice: bool = False

    async def take(self, cost_s: float, burst_s: float = 600, scope: str = "tenant") -> Taken:
        return await self.rates.take(scope, cost_s=cost_s, burst_s=burst_s)

    async def owed_s(self, scope: str = "tenant") -> float:
        """How far the scope is ahead, found out without taking anything."""
        seen = await self.take(0, burst_s=1e6, scope=scope)
        return seen.tat - seen.now


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[SqliteDatabase]:
    database = SqliteDatabase(tmp_path / "flightdeck.db")
    yield database
    await database.close()


@pytest.fixture(params=STORES)
def world(request: pytest.FixtureRequest) -> World:
    clock = ManualClock()
    if request.param == "memory":
        return World(MemoryRates(clock), clock.advance, 0.01)
    if request.param == "sqlite":
        return World(SqliteRates(request.getfixturevalue("database"), clock), clock.advance, 0.01)
    cosmos: Cosmos = request.getfixturevalue("cosmos")

    def advance(seconds: float) -> None:
        cosmos.fake.skew_s += seconds

    twice = any(weather in request.param for weather in MAY_TAKE_TWICE)
    return World(CosmosRates(cosmos.under(request.param)), advance, 2.0, twice)


async def test_what_is_taken_is_owed(world: World) -> None:
    taken = await world.take(100)
    assert taken.granted
    assert taken.tat - taken.now >= 100 - world.slack_s
    owed_s = await world.owed_s()
    assert owed_s >= 100 - world.slack_s
    assert world.may_take_twice or owed_s <= 100 + world.slack_s


async def test_nothing_is_granted_beyond_the_burst_and_a_refusal_takes_nothing(world: World) -> None:
    assert [(await world.take(250)).granted for _ in range(4)].count(True) <= 2
    before_s = await world.owed_s()
    refused = await world.take(250)
    assert not refused.granted
    assert refused.tat - refused.now == pytest.approx(before_s, abs=world.slack_s)
    assert await world.owed_s() == pytest.approx(before_s, abs=world.slack_s)


async def test_what_is_owed_flows_off_with_time(world: World) -> None:
    await world.take(500)
    assert not (await world.take(500)).granted
    world.advance(2000)
    await world.owed_s()  # any answer tells the time
    assert (await world.take(500)).granted


async def test_time_that_went_unused_is_not_saved_up(world: World) -> None:
    await world.take(10)
    world.advance(5000)
    await world.owed_s()
    await world.take(300)
    assert await world.owed_s() >= 300 - world.slack_s


async def test_what_costs_more_than_the_burst_is_granted_when_nothing_is_owed(world: World) -> None:
    assert (await world.take(1000, burst_s=60)).granted
    assert not (await world.take(1000, burst_s=60)).granted


async def test_scopes_do_not_meet(world: World) -> None:
    await world.take(500, scope="a|b")
    assert await world.owed_s("a") <= world.slack_s
    assert await world.owed_s("a|b/c?d#e") <= world.slack_s


async def test_takers_at_the_same_time_get_no_more_than_there_is(world: World) -> None:
    taken = await asyncio.gather(*(world.take(100) for _ in range(12)), return_exceptions=True)
    told = [one for one in taken if not isinstance(one, CapacityError)]
    granted = [one for one in told if isinstance(one, Taken) and one.granted]
    assert len(granted) <= 6
    assert len(granted) == 6 or world.may_take_twice or len(told) < len(taken)
    assert len({one.tat for one in granted}) == len(granted)


@pytest.mark.parametrize("skew_s", [-300, 300])
async def test_a_wrong_clock_of_an_instance_changes_nothing(cosmos: Cosmos, skew_s: float) -> None:
    account = cosmos.under("cosmos calm")
    cosmos.fake.skew_s = skew_s
    first, second = CosmosRates(account), CosmosRates(account)
    taken = await first.take("t", cost_s=500, burst_s=600)
    assert taken.now == pytest.approx(cosmos.fake.now(), abs=2)
    assert not (await second.take("t", cost_s=500, burst_s=600)).granted
