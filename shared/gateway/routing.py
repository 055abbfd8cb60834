"""Which deployment answers a call, and which one next when it cannot (GATEWAY, "Routing")."""

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field

from shared.errors import (
    CapacityError,
    OverloadedError,
    PlatformError,
    RateLimitError,
    UpstreamError,
    UpstreamRefusalError,
)
from shared.gateway.catalogue import Model
from shared.gateway.health import BreakerRules, Health
from shared.gateway.refusals import CREDENTIALS
from shared.ports.clock import Clock
from shared.ports.models import Deployment

DEFAULT_RETRY_AFTER_S = 2.0


@dataclass(frozen=True, slots=True)
class RetryRules:
    """At most `attempts` deployments for a call. Retries are at most `share` of a model's calls, beyond the `reserve`:
    as many as may be under way at the moment when a deployment fails."""

    attempts: int = 3
    share: float = 0.2
    reserve: float = 50
    backoff_s: float = 0.05


class RetryBudget:
    """What keeps retries from doubling the load on deployments that fail because of their load."""

    def __init__(self, rules: RetryRules) -> None:
        self._rules = rules
        self._left = rules.reserve

    def earn(self) -> None:
        self._left = min(self._rules.reserve, self._left + self._rules.share)

    def spend(self) -> bool:
        if self._left < 1:
            return False
        self._left -= 1
        return True


@dataclass(frozen=True, slots=True)
class Turn:
    """One deployment's turn at a call, `deadline_s` seconds before the call's own deadline.

    `ttft_s` bounds the wait for a stream's first content, where another deployment could still be asked.
    """

    deployment: Deployment
    health: Health
    number: int
    deadline_s: float
    ttft_s: float | None


@dataclass(frozen=True, slots=True)
class Routed[T]:
    """What a deployment gave, and which one it was."""

    value: T
    turn: Turn
    headers: Mapping[str, str]


@dataclass(slots=True)
class _Call:
    """One call on its way through the deployments of a model."""

    model: Model
    budget: RetryBudget
    until: float
    tried: list[Deployment] = field(default_factory=list[Deployment])


class Router:
    """Lowest priority number first, by weight within; what rests is passed over."""

    def __init__(
        self,
        clock: Clock,
        *,
        deadline_s: float,
        ttft_s: float,
        retries: RetryRules | None = None,
        breaker: BreakerRules | None = None,
    ) -> None:
        self._clock = clock
        self._deadline_s = deadline_s
        self._ttft_s = ttft_s
        self._retries = retries or RetryRules()
        self._breaker = breaker
        self._budgets: dict[str, RetryBudget] = {}
        self._health: dict[str, Health] = {}
        self._random = secrets.SystemRandom()

    async def route[T](self, model: Model, attempt: Callable[[Turn], Awaitable[T]]) -> Routed[T]:
        """The first answer that a deployment gives to `attempt`.

        Raise what the last one raised, with the time after which the first of them may be asked again; UpstreamError
        and CapacityError are failures of the deployment, any other error is the client's own and never goes to another.
        """
        budget = self._budgets.setdefault(model.name, RetryBudget(self._retries))
        budget.earn()
        call = _Call(model, budget, self._clock.monotonic() + self._deadline_s)
        turn = self._first(call)
        while True:
            call.tried.append(turn.deployment)
            try:
                return Routed(await _observed(turn, attempt), turn, _headers(turn))
            except (UpstreamError, CapacityError) as error:
                following = self._next(call, error)
                if following is None:
                    raise self._with_advice(call.model, error) from error
            await asyncio.sleep(self._random.uniform(0, self._retries.backoff_s * 2 ** (turn.number - 1)))
            turn = following

    def _first(self, call: _Call) -> Turn:
        free = self._free(call)
        if not free:
            raise self._all_resting(call.model)
        return self._turn(call, free)

    def _next(self, call: _Call, error: PlatformError) -> Turn | None:
        if error.code == CREDENTIALS or len(call.tried) == self._retries.attempts:
            return None
        free = self._free(call) if call.until > self._clock.monotonic() else []
        return self._turn(call, free) if free and call.budget.spend() else None

    def _turn(self, call: _Call, free: Sequence[Deployment]) -> Turn:
        deployment, number = self._choose(free), len(call.tried) + 1
        alternative = len(free) > 1 and number < self._retries.attempts
        return Turn(
            deployment=deployment,
            health=self._health_of(deployment),
            number=number,
            deadline_s=max(0.0, call.until - self._clock.monotonic()),
            ttft_s=self._ttft_s if alternative else None,
        )

    def _free(self, call: _Call) -> list[Deployment]:
        left = [one for one in call.model.deployments if one not in call.tried]
        return [one for one in left if self._health_of(one).free_in_s() == 0]

    def _choose(self, free: Sequence[Deployment]) -> Deployment:
        first = min(one.priority for one in free)
        preferred = [one for one in free if one.priority == first]
        return self._random.choices(preferred, [one.weight for one in preferred])[0]

    def _health_of(self, deployment: Deployment) -> Health:
        health = self._health.get(deployment.id)
        if health is None:
            health = self._health[deployment.id] = Health(self._clock, self._breaker)
        return health

    def health(self) -> Mapping[str, Health]:
        """Of the deployments that have been asked, by id."""
        return self._health

    def _all_resting(self, model: Model) -> CapacityError:
        soonest = min((self._health_of(one) for one in model.deployments), key=Health.free_in_s)
        kind = RateLimitError if soonest.trouble == "limited" else OverloadedError
        code = None if kind is RateLimitError else "model_unavailable"
        return kind(
            f"No deployment of {model.name!r} can be asked now. {soonest.reason}".rstrip(),
            code=code,
            retry_after_s=soonest.free_in_s(),
        )

    def _with_advice[E: PlatformError](self, model: Model, error: E) -> E:
        """A client may come back when the first deployment is free, and not before it would be polite."""
        if isinstance(error, CapacityError):
            soonest_s = min(self._health_of(one).free_in_s() for one in model.deployments)
            error.retry_after_s = soonest_s or error.retry_after_s or DEFAULT_RETRY_AFTER_S
        return error


def _headers(turn: Turn) -> dict[str, str]:
    return {"x-flightdeck-deployment": turn.deployment.id, "x-flightdeck-attempts": str(turn.number)}


async def _observed[T](turn: Turn, attempt: Callable[[Turn], Awaitable[T]]) -> T:
    """The attempt's result; what it says about the deployment's health is noted."""
    health = turn.health
    health.begin()
    try:
        value = await attempt(turn)
    except RateLimitError as error:
        health.limited(str(error), error.retry_after_s or DEFAULT_RETRY_AFTER_S)
        raise
    except (UpstreamError, CapacityError) as error:
        health.failed(str(error), error.retry_after_s)
        raise
    except UpstreamRefusalError:
        health.succeeded()
        raise
    except BaseException:
        health.released()
        raise
    health.succeeded()
    return value
