"""The meter: a reservation beside every upstream call, which becomes the event of what the call used.

The reservation is a hidden queue message. A process that dies lets it surface: the call is counted as `estimated`, with
status UNSETTLED and the tokens that were reserved. A call that outlives its deadline renews it. Should it surface
although the call is still running, the real event follows under the same id and takes the estimate's place.
"""

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from shared.metering.outbox import Outbox
from shared.metering.prices import cost_microusd
from shared.ports.clock import Clock
from shared.ports.models import Price
from shared.ports.queues import Queues
from shared.ports.usage import UNSETTLED, Attempt, Consumption, UsageEvent

log = logging.getLogger(__name__)

RENEWALS = 20
"""After these a reservation was forgotten, not slow: the longest function lives ten minutes."""


class QueueMeter:
    """Meter over the `usage` queue. `prices` are by deployment id; one that is not there costs nothing.

    `grace_s` is how long after a call's deadline its reservation surfaces; half-way there it is renewed.
    """

    def __init__(
        self,
        queues: Queues,
        clock: Clock,
        prices: Mapping[str, Price],
        *,
        grace_s: float = 60,
        backoff_s: float = 0.5,
    ) -> None:
        self._clock = clock
        self._prices = prices
        self._grace_s = grace_s
        self._outbox = Outbox(queues, backoff_s=backoff_s)

    def reserve(self, attempt: Attempt) -> "QueueReservation":
        price = self._prices.get(attempt.deployment, Price())
        estimate = _estimate(attempt, price, event_id=self._clock.new_id("usage_"), at=self._clock.now())
        hidden_s = attempt.deadline_s + self._grace_s
        return QueueReservation(self._outbox, self._clock, price, estimate, hidden_s, self._grace_s)

    def count(self, attempt: Attempt, consumption: Consumption) -> None:
        price = self._prices.get(attempt.deployment, Price())
        estimate = _estimate(attempt, price, event_id=self._clock.new_id("usage_"), at=self._clock.now())
        self._outbox.send(_real(estimate, consumption, price, duration_ms=0))

    async def drain(self) -> None:
        """Wait for all writes begun so far and those they lead to; reservations not settled yet stay hidden."""
        await self._outbox.drain()


class QueueReservation:
    """Each write starts when the one before has ended, so that the receipt is never used twice."""

    def __init__(
        self, outbox: Outbox, clock: Clock, price: Price, estimate: UsageEvent, hidden_s: float, grace_s: float
    ) -> None:
        self._outbox = outbox
        self._clock = clock
        self._price = price
        self._estimate = estimate
        self._hidden_s = hidden_s
        self._renew_after_s = hidden_s - grace_s / 2
        self._renewals = 0
        self._settled = False
        self._began = clock.monotonic()
        self._last = outbox.announce(estimate, hidden_s=hidden_s)
        self._timer = asyncio.get_running_loop().call_later(self._renew_after_s, self._renew)

    def settle(self, consumption: Consumption) -> None:
        if self._settled:
            log.warning("usage_settled_twice id=%s", self._estimate.id)
            return
        self._settled = True
        self._timer.cancel()
        duration_ms = round((self._clock.monotonic() - self._began) * 1000)
        event = _real(self._estimate, consumption, self._price, duration_ms=duration_ms)
        self._last = self._outbox.deliver(self._last, event)

    def _renew(self) -> None:
        if self._renewals == RENEWALS:
            log.error("usage_unsettled id=%s: it will surface as an estimate", self._estimate.id)
            return
        self._renewals += 1
        self._last = self._outbox.renew(self._last, self._estimate, hidden_s=self._hidden_s)
        self._timer = asyncio.get_running_loop().call_later(self._renew_after_s, self._renew)


def _estimate(attempt: Attempt, price: Price, *, event_id: str, at: datetime) -> UsageEvent:
    reserved_input, reserved_output = attempt.reserved_input_tokens, attempt.reserved_output_tokens
    return UsageEvent(
        id=event_id,
        tenant=attempt.tenant,
        key_id=attempt.key_id,
        model=attempt.model,
        deployment=attempt.deployment,
        operation=attempt.operation,
        source=attempt.source,
        status=UNSETTLED,
        input_tokens=reserved_input,
        output_tokens=reserved_output,
        cached_tokens=0,
        reasoning_tokens=0,
        cost_microusd=cost_microusd(price, input_tokens=reserved_input, cached_tokens=0, output_tokens=reserved_output),
        estimated=True,
        ttft_ms=None,
        duration_ms=None,
        at=at,
    )


def _real(estimate: UsageEvent, used: Consumption, price: Price, *, duration_ms: int) -> UsageEvent:
    return replace(
        estimate,
        status=used.status,
        input_tokens=used.input_tokens,
        output_tokens=used.output_tokens,
        cached_tokens=used.cached_tokens,
        reasoning_tokens=used.reasoning_tokens,
        cost_microusd=cost_microusd(
            price,
            input_tokens=used.input_tokens,
            cached_tokens=used.cached_tokens,
            output_tokens=used.output_tokens,
        ),
        estimated=used.estimated,
        ttft_ms=used.ttft_ms,
        duration_ms=duration_ms,
    )
