"""Which deployment answers, and what happens when it cannot: two deployments of one model on the scripted server."""

import asyncio
import json
from collections import Counter
from dataclasses import dataclass, replace

import pytest

from shared.adapters.system import SystemClock
from shared.errors import OverloadedError, RateLimitError, UpstreamError, UpstreamRefusalError
from shared.gateway.attempts import Upstreams
from shared.gateway.catalogue import Catalogue, Model
from shared.gateway.chat import ChatGateway
from shared.gateway.dispatch import Dispatcher
from shared.gateway.health import BreakerRules
from shared.gateway.routing import RetryRules, Router
from shared.ports.models import Deployment
from tests.unit.gateway.conftest import Bench, RememberingMeter, WordCounter, call, unrestricted
from tests.unit.gateway.test_streams import collect, text_of
from tests.upstream import Step


@dataclass
class Pair:
    """`first` is preferred to `second`; both are models of the scripted server."""

    bench: Bench
    gateway: ChatGateway
    meter: RememberingMeter

    def script(self, model: str, *steps: Step, default: Step | None = None) -> None:
        self.bench.upstream.script(model, *steps, default=default)

    def asked(self, model: str) -> int:
        return len(self.bench.upstream.journal.of(model))

    async def complete(self) -> tuple[str, str]:
        """Which deployment answered, and how many were asked."""
        answered = await self.gateway.complete(call())
        assert json.loads(answered.body)["choices"]
        return answered.headers["x-flightdeck-deployment"], answered.headers["x-flightdeck-attempts"]


def pair_of(
    bench: Bench,
    *,
    priorities: tuple[int, int] = (1, 2),
    ttft_s: float = 2,
    breaker: BreakerRules | None = None,
    retries: RetryRules | None = None,
) -> Pair:
    first = Deployment("first", bench.upstream.endpoint, "openai", "first", priority=priorities[0])
    second = Deployment("second", bench.upstream.endpoint, "openai", "second", priority=priorities[1])
    catalogue = Catalogue({"gpt": Model("gpt", "chat", (first, second), 1000)})
    clock, waits = SystemClock(), replace(bench.waits, ttft_s=ttft_s)
    router = Router(clock, deadline_s=waits.deadline_s, ttft_s=ttft_s, breaker=breaker, retries=retries)
    upstreams = Upstreams(bench.models, bench.meter, WordCounter(), clock, waits)
    return Pair(bench, ChatGateway(catalogue, Dispatcher(router, *unrestricted(clock)), upstreams), bench.meter)


FAILING = [
    Step(status=429, retry_after_s=30),
    Step(status=500),
    Step(status=503),
    Step(status=408),
    Step(fault="reset"),
]


async def test_the_lowest_priority_number_is_asked_first_and_the_answer_says_who_gave_it(bench: Bench) -> None:
    pair = pair_of(bench)
    assert [await pair.complete() for _ in range(5)] == [("first", "1")] * 5
    assert pair.asked("second") == 0


async def test_equals_share_the_calls_by_weight(bench: Bench) -> None:
    pair = pair_of(bench, priorities=(1, 1))
    share = Counter([deployment for deployment, _ in [await pair.complete() for _ in range(60)]])
    assert share["first"] > 5
    assert share["second"] > 5


@pytest.mark.parametrize("step", [*FAILING, Step(fault="malformed")], ids=lambda step: f"{step.status}-{step.fault}")
async def test_a_deployment_that_cannot_answer_loses_its_turn_to_the_next(bench: Bench, step: Step) -> None:
    pair = pair_of(bench)
    pair.script("first", step)
    assert await pair.complete() == ("second", "2")
    assert [attempt.deployment for attempt in pair.meter.attempts] == ["first", "second"]
    assert pair.meter.consumptions[0].status >= 400
    assert pair.meter.consumptions[1].status == 200


@pytest.mark.parametrize(
    "step",
    [
        *FAILING,
        Step(fault="cut"),
        Step(fault="malformed"),
        Step(fault="cut", role_chunk=False),
    ],
    ids=lambda step: f"{step.status}-{step.fault}-{step.role_chunk}",
)
async def test_a_stream_that_dies_before_its_first_content_goes_to_the_next(bench: Bench, step: Step) -> None:
    pair = pair_of(bench)
    pair.script("first", step)
    pair.script("second", Step(text="From the second."))
    streamed = await pair.gateway.stream(call(stream=True))
    events = await collect(streamed.events)
    assert text_of(events) == "From the second."
    assert events[-1] == "[DONE]"
    assert streamed.headers == {"x-flightdeck-deployment": "second", "x-flightdeck-attempts": "2"}
    assert [bench.meter.consumptions[i].status < 400 for i in (0, 1)] == [False, True]


async def test_a_stream_that_has_said_something_is_never_taken_over(bench: Bench) -> None:
    pair = pair_of(bench)
    pair.script("first", Step(chunks=("One ", "two "), fault="cut", after_chunks=1))
    events = await collect((await pair.gateway.stream(call(stream=True))).events)
    assert text_of(events).startswith("One ")
    assert events[-1]["error"]["code"] == "upstream_cut"
    assert pair.asked("second") == 0


async def test_a_deployment_that_is_slow_to_its_first_content_loses_its_turn(bench: Bench) -> None:
    pair = pair_of(bench, ttft_s=0.2)
    pair.script("first", Step(fault="stall"))
    streamed = await pair.gateway.stream(call(stream=True))
    await collect(streamed.events)
    assert streamed.headers["x-flightdeck-deployment"] == "second"
    assert pair.meter.consumptions[0].status == 504


async def test_the_last_deployment_that_is_left_may_take_its_time(bench: Bench) -> None:
    pair = pair_of(bench, ttft_s=0.05)
    pair.script("first", Step(status=500))
    pair.script("second", Step(first_byte_s=0.3))
    events = await collect((await pair.gateway.stream(call(stream=True))).events)
    assert events[-1] == "[DONE]"


@pytest.mark.parametrize("step", [Step(status=400), Step(status=404), Step(status=422), Step(error="content_filter")])
async def test_the_clients_own_mistake_is_never_asked_of_another(bench: Bench, step: Step) -> None:
    pair = pair_of(bench)
    pair.script("first", step)
    with pytest.raises(UpstreamRefusalError):
        await pair.gateway.complete(call())
    assert pair.asked("second") == 0


async def test_a_refused_credential_is_reported_and_not_hidden(bench: Bench) -> None:
    pair = pair_of(bench)
    pair.script("first", Step(status=401))
    with pytest.raises(UpstreamError) as refused:
        await pair.gateway.complete(call())
    assert refused.value.code == "upstream_credentials"
    assert pair.asked("second") == 0


@pytest.mark.parametrize("form", ["seconds", "milliseconds", "date"])
async def test_a_deployment_is_left_alone_for_as_long_as_it_asked(bench: Bench, form: str) -> None:
    pair = pair_of(bench)
    pair.script("first", Step(status=429, retry_after_s=40, retry_after_form=form))  # pyright: ignore[reportArgumentType]
    assert [await pair.complete() for _ in range(4)] == [("second", "2"), *[("second", "1")] * 3]
    assert pair.asked("first") == 1


async def test_it_is_asked_again_when_its_rest_is_over(bench: Bench) -> None:
    pair = pair_of(bench)
    pair.script("first", Step(status=429, retry_after_s=0.05, retry_after_form="milliseconds"))
    async with asyncio.timeout(5):
        while (await pair.complete())[0] != "first":
            pass


async def test_a_storm_of_limits_on_one_costs_few_requests_more_than_calls(bench: Bench) -> None:
    pair = pair_of(bench, priorities=(1, 1))
    pair.script("first", default=Step(status=429, retry_after_s=30))
    answered = [await pair.complete() for _ in range(100)]
    assert {deployment for deployment, _ in answered} == {"second"}
    assert pair.asked("first") + pair.asked("second") <= 120


async def test_a_broken_deployment_is_probed_by_one_call_at_a_time_until_it_is_well(bench: Bench) -> None:
    pair = pair_of(bench, breaker=BreakerRules(in_a_row=3, rest_s=0.5))
    pair.script("first", Step(status=500, times=3))
    for _ in range(3):
        assert await pair.complete() == ("second", "2")
    assert await pair.complete() == ("second", "1")
    pair.script("first", Step(first_byte_s=0.2))
    async with asyncio.timeout(5):
        while pair.asked("first") < 4:
            await asyncio.gather(*(pair.complete() for _ in range(4)))
    assert pair.asked("first") == 4
    assert await pair.complete() == ("first", "1")


async def test_when_all_are_down_the_refusal_is_fast_and_says_when_to_come_back(bench: Bench) -> None:
    pair = pair_of(bench, breaker=BreakerRules(in_a_row=1, rest_s=20))
    pair.script("first", default=Step(status=503))
    pair.script("second", default=Step(status=503))
    with pytest.raises(OverloadedError):
        await pair.gateway.complete(call())
    with pytest.raises(OverloadedError) as refused:
        await pair.gateway.complete(call())
    assert pair.asked("first") + pair.asked("second") == 2
    assert 15 < (refused.value.retry_after_s or 0) <= 20
    assert refused.value.code == "model_unavailable"


async def test_when_all_are_at_their_limit_the_one_that_is_free_soonest_decides(bench: Bench) -> None:
    pair = pair_of(bench)
    pair.script("first", Step(status=429, retry_after_s=40))
    pair.script("second", Step(status=429, retry_after_s=9))
    with pytest.raises(RateLimitError) as refused:
        await pair.gateway.complete(call())
    assert 8 < (refused.value.retry_after_s or 0) <= 9
    with pytest.raises(RateLimitError) as again:
        await pair.gateway.complete(call())
    assert 8 < (again.value.retry_after_s or 0) <= 9
    assert pair.asked("first") + pair.asked("second") == 2


async def test_retries_stop_when_their_budget_is_spent(bench: Bench) -> None:
    pair = pair_of(bench, breaker=BreakerRules(in_a_row=1000, at_least=1000), retries=RetryRules(share=0, reserve=2))
    pair.script("first", default=Step(status=500))
    for _ in range(2):
        assert await pair.complete() == ("second", "2")
    with pytest.raises(OverloadedError) as refused:
        await pair.gateway.complete(call())
    assert (refused.value.retry_after_s or 0) > 0


async def test_a_client_that_leaves_while_a_deployment_is_probed_gives_the_probe_back(bench: Bench) -> None:
    pair = pair_of(bench, breaker=BreakerRules(in_a_row=1, rest_s=0.01))
    pair.script("first", Step(status=500), Step(fault="stall"))
    assert await pair.complete() == ("second", "2")
    async with asyncio.timeout(5):
        while pair.asked("first") < 2:
            leaving = asyncio.create_task(pair.gateway.stream(call(stream=True)))
            await asyncio.wait({leaving}, timeout=0.05)
            leaving.cancel()
            await asyncio.gather(leaving, return_exceptions=True)
        while (await pair.complete())[0] != "first":
            pass
