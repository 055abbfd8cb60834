"""Limits by leases: several instances as several limiters over one store, on a clock that the test moves."""

import asyncio
from collections import deque
from dataclasses import dataclass, field

import pytest

from shared.adapters.memory.clock import ManualClock
from shared.adapters.memory.rates import MemoryRates
from shared.errors import OverloadedError, RateLimitError
from shared.gateway.leases import BURST_S, LEASE_S
from shared.gateway.limiter import Limit, Limiter
from shared.ports.keys import Caller, KeyLimits
from shared.ports.limits import Rates, Taken

ACME = Caller("acme", "key-1")


@dataclass
class CountedRates:
    """The rates of memory, which count what they are asked, and can be down."""

    rates: MemoryRates
    asked: int = 0
    down: bool = False

    async def take(self, scope: str, *, cost_s: float, burst_s: float) -> Taken:
        self.asked += 1
        if self.down:
            raise OverloadedError("The store is down.")
        return await self.rates.take(scope, cost_s=cost_s, burst_s=burst_s)


@dataclass
class MeetingRates:
    """The rates of memory, which answer only once so many are asked at the same time."""

    rates: MemoryRates
    meeting: asyncio.Barrier

    async def take(self, scope: str, *, cost_s: float, burst_s: float) -> Taken:
        async with asyncio.timeout(10), self.meeting:
            return await self.rates.take(scope, cost_s=cost_s, burst_s=burst_s)


@dataclass
class World:
    clock: ManualClock = field(default_factory=ManualClock)

    def __post_init__(self) -> None:
        self.rates = CountedRates(MemoryRates(self.clock))

    def limiter(self, *limits: Limit) -> Limiter:
        rates: Rates = self.rates
        return Limiter(rates, self.clock, limits)


@pytest.fixture
def world() -> World:
    return World()


async def admitted(limiter: Limiter, tokens: int, caller: Caller = ACME, model: str = "gpt") -> bool:
    try:
        await limiter.admit(caller, model, input_tokens=tokens, max_output_tokens=0)
    except RateLimitError:
        return False
    return True


async def how_many(limiter: Limiter, tokens: int, caller: Caller = ACME, model: str = "gpt") -> int:
    count = 0
    while count < 10_000 and await admitted(limiter, tokens, caller, model):
        count += 1
    return count


@pytest.mark.parametrize("instances", [1, 8])
async def test_a_rolling_minute_admits_no_more_than_the_limit_and_the_stated_bound(
    world: World, instances: int
) -> None:
    """The bound: two bursts, of what flowed in before the minute and ahead of its end, and a lease of each instance."""
    per_minute, tokens = 60_000, 100
    limiters = [world.limiter(Limit(tokens=per_minute)) for _ in range(instances)]
    window: deque[tuple[float, int]] = deque()
    most = total = asked = 0
    for step in range(20 * 180):
        world.clock.advance(0.05)
        for limiter in limiters:
            asked += 1
            if await admitted(limiter, tokens):
                window.append((world.clock.monotonic(), tokens))
        while window and window[0][0] <= world.clock.monotonic() - 60:
            window.popleft()
        held = sum(units for _, units in window)
        most = max(most, held)
        total += held if step == 20 * 180 - 1 else 0
    bound = per_minute / 60 * (2 * BURST_S)
    assert most <= per_minute + bound
    assert total >= 0.9 * per_minute, "the limit is not used up"
    assert world.rates.asked < 0.5 * asked


async def test_a_call_gives_back_what_it_did_not_use(world: World) -> None:
    limiter = world.limiter(Limit(tokens=6000))
    admission = await limiter.admit(ACME, "gpt", input_tokens=100, max_output_tokens=500)
    admission.settle(100, 10)
    assert await how_many(limiter, 100) >= 4


async def test_a_call_that_used_more_than_it_reserved_is_a_debt(world: World) -> None:
    limiter = world.limiter(Limit(tokens=6000))
    admission = await limiter.admit(ACME, "gpt", input_tokens=100, max_output_tokens=0)
    admission.settle(100, 5000)
    assert not await admitted(limiter, 100)
    world.clock.advance(55)
    assert await admitted(limiter, 100)


async def test_what_is_reserved_follows_what_a_model_is_used_to_say(world: World) -> None:
    limiter = world.limiter(Limit(tokens=100_000))
    for _ in range(100):
        (await limiter.admit(ACME, "gpt", input_tokens=1, max_output_tokens=None)).settle(1, 4000)
        world.clock.advance(5)
    assert 3500 < (await limiter.admit(ACME, "gpt", input_tokens=0, max_output_tokens=None)).reserved <= 4000
    assert (await limiter.admit(ACME, "gpt", input_tokens=0, max_output_tokens=50)).reserved == 50


async def test_a_refusal_says_truly_when_to_come_back(world: World) -> None:
    limiter = world.limiter(Limit(tokens=6000))
    await how_many(limiter, 100)
    with pytest.raises(RateLimitError) as refused:
        await limiter.admit(ACME, "gpt", input_tokens=100, max_output_tokens=0)
    wait_s = refused.value.retry_after_s or 0
    assert 0 < wait_s <= BURST_S
    world.clock.advance(wait_s * 0.5)
    assert not await admitted(limiter, 100)
    world.clock.advance(wait_s * 0.5 + 0.01)
    assert await admitted(limiter, 100)


async def test_a_scope_that_is_refused_is_not_asked_of_the_store_again_before_its_time(world: World) -> None:
    limiter = world.limiter(Limit(tokens=6000))
    await how_many(limiter, 100)
    asked = world.rates.asked
    assert not any([await admitted(limiter, 100) for _ in range(50)])
    assert world.rates.asked == asked


async def test_the_headers_are_openais_and_true(world: World) -> None:
    limiter = world.limiter(Limit(requests=600, tokens=60_000))
    admission = await limiter.admit(ACME, "gpt", input_tokens=1000, max_output_tokens=0)
    assert admission.headers["x-ratelimit-limit-requests"] == "600"
    assert admission.headers["x-ratelimit-limit-tokens"] == "60000"
    left = int(admission.headers["x-ratelimit-remaining-tokens"])
    assert await admitted(limiter, left)
    assert not await admitted(limiter, 1)
    with pytest.raises(RateLimitError) as refused:
        await limiter.admit(ACME, "gpt", input_tokens=1000, max_output_tokens=0)
    assert refused.value.headers["x-ratelimit-remaining-tokens"] == "0"


async def test_a_request_over_the_whole_limit_is_told_that_no_waiting_helps(world: World) -> None:
    with pytest.raises(RateLimitError) as refused:
        await world.limiter(Limit(tokens=1000)).admit(ACME, "gpt", input_tokens=1001, max_output_tokens=0)
    assert "1001" in str(refused.value)
    assert refused.value.headers["x-should-retry"] == "false"
    assert refused.value.retry_after_s is None


async def test_tenants_keys_and_models_are_counted_apart(world: World) -> None:
    limiter = world.limiter(Limit(per="key", tokens=600, model="gpt"))
    whole = await how_many(limiter, 10)
    assert whole > 0
    assert await how_many(limiter, 10) == 0
    assert await how_many(limiter, 10, Caller("acme", "key-2")) == whole
    assert await how_many(limiter, 10, Caller("other", "key-1")) == whole
    assert await how_many(limiter, 10, model="another") == 10_000


async def test_all_limits_that_hold_are_kept_and_a_refusal_by_one_takes_nothing_of_the_others(world: World) -> None:
    limiter = world.limiter(Limit(tokens=60_000), Limit(per="key", tokens=600))
    assert await how_many(limiter, 10) <= 6
    for _ in range(1000):
        assert not await admitted(limiter, 10)
    assert await how_many(limiter, 10, Caller("acme", "key-2")) > 0
    world.clock.advance(LEASE_S)
    assert await how_many(world.limiter(Limit(tokens=60_000)), 10) >= 500


async def test_a_key_has_a_limit_of_its_own_beside_those_of_the_settings(world: World) -> None:
    limiter = world.limiter(Limit(tokens=60_000))
    small = Caller("acme", "key-1", limits=KeyLimits(tokens=600))
    assert 0 < await how_many(limiter, 10, small) <= 6
    assert await how_many(limiter, 10, Caller("acme", "key-2")) > 100
    assert limiter.applies(small, "gpt")
    assert not world.limiter().applies(ACME, "gpt")
    assert world.limiter().applies(small, "gpt")


async def test_a_limit_that_was_changed_holds_from_the_next_call(world: World) -> None:
    limiter = world.limiter()
    assert await how_many(limiter, 10, Caller("acme", "key-1", limits=KeyLimits(tokens=600))) <= 6
    assert await how_many(limiter, 10, Caller("acme", "key-1", limits=KeyLimits(tokens=6000))) > 6


async def test_two_limits_that_say_the_same_are_one(world: World) -> None:
    caller = Caller("acme", "key-1", limits=KeyLimits(tokens=600))
    whole = await how_many(world.limiter(Limit(per="key", tokens=600)), 10)
    world.clock.advance(120)
    assert await how_many(world.limiter(Limit(per="key", tokens=600)), 10, caller) == whole


async def test_bulk_work_leaves_its_part_to_the_others(world: World) -> None:
    limiter = world.limiter(Limit(tokens=60_000))
    for _ in range(100):
        try:
            await limiter.admit(ACME, "embed", input_tokens=500, max_output_tokens=0, bulk=True)
        except RateLimitError:
            break
    assert await admitted(limiter, 500)


async def test_an_instance_goes_on_with_its_part_while_the_store_is_down(world: World) -> None:
    limiter = world.limiter(Limit(tokens=6000))
    world.rates.down = True
    first = await how_many(limiter, 100)
    assert 0 < first <= 6000 / 60 * BURST_S / 100 + 1
    world.clock.advance(60)
    assert await how_many(limiter, 100) == first


async def test_a_lease_that_is_not_spent_is_forfeited(world: World) -> None:
    """So an instance that dies takes a chunk with it at most, and only for as long as it flows off."""
    dying, living = (world.limiter(Limit(tokens=60_000)) for _ in range(2))
    assert await admitted(dying, 100)
    world.clock.advance(LEASE_S + BURST_S)
    assert await how_many(living, 100) >= 60_000 / 60 * BURST_S / 100 * 0.9


async def test_calls_at_the_same_time_share_one_lease(world: World) -> None:
    limiter = world.limiter(Limit(tokens=600_000))
    assert all(await asyncio.gather(*(admitted(limiter, 10) for _ in range(50))))
    assert world.rates.asked <= 2


async def test_limits_whose_leases_have_run_out_ask_the_store_at_the_same_time(world: World) -> None:
    rates = MeetingRates(MemoryRates(world.clock), asyncio.Barrier(4))
    limits = [Limit(per="tenant", requests=600, tokens=6000), Limit(per="key", requests=600, tokens=6000)]
    assert await admitted(Limiter(rates, world.clock, limits), 100)


async def test_a_refusal_by_one_of_them_leaves_what_the_others_were_given_to_the_next_call(world: World) -> None:
    limiter = world.limiter(Limit(requests=6000), Limit(per="key", tokens=6000))
    await admitted(limiter, 5000)
    world.clock.advance(LEASE_S + 1)
    asked = world.rates.asked
    assert not await admitted(limiter, 5000)
    assert world.rates.asked == asked + 1, "tokens are known to be owed, requests were leased anew"
    world.clock.advance(LEASE_S - 1)
    assert not await admitted(limiter, 5000)
    assert world.rates.asked == asked + 1
