"""Who may use how much of which model in a minute, and what one call takes of it."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from typing import Literal

from shared.errors import RateLimitError
from shared.gateway.leases import Lease, Scope
from shared.ports.clock import Clock
from shared.ports.keys import UNLIMITED, Caller
from shared.ports.limits import Rates
from shared.ports.policies import PolicyRecord

_LEASES = 50_000
_FIRST_OUTPUT = 256
_SMOOTHING = 0.1

type Unit = Literal["requests", "tokens"]


@dataclass(frozen=True, slots=True)
class Limit:
    """Requests and tokens a minute for each tenant, or each key; None is no limit.

    `model`, `tenant` and `key` narrow it to those; None stands for all of them, each counted by itself.
    """

    per: Literal["tenant", "key"] = "tenant"
    requests: int | None = None
    tokens: int | None = None
    model: str | None = None
    tenant: str | None = None
    key: str | None = None

    def holds_for(self, caller: Caller, model: str) -> bool:
        wanted = ((self.model, model), (self.tenant, caller.tenant), (self.key, caller.key_id))
        return all(mine is None or mine == theirs for mine, theirs in wanted)

    def scopes(self, caller: Caller) -> Iterator[tuple[Unit, Scope]]:
        who = caller.tenant if self.per == "tenant" else f"{caller.tenant}|{caller.key_id or ''}"
        name = f"{self.per} {who} {self.model or '*'}"
        if self.requests is not None:
            yield "requests", Scope(f"{name} requests", self.requests)
        if self.tokens is not None:
            yield "tokens", Scope(f"{name} tokens", self.tokens)


@dataclass(slots=True)
class Admission:
    """What one call holds of its limits, from its reservation to what it came to."""

    model: str
    outputs: "_MovingAverages"
    tokens: Sequence[Lease] = ()
    reserved: int = 0
    headers: Mapping[str, str] = field(default_factory=dict[str, str])

    def settle(self, input_tokens: int, output_tokens: int) -> None:
        """Give back what was reserved beyond this. A call may be settled several times: once an attempt."""
        if output_tokens:
            self.outputs.learn(self.model, output_tokens)
        for lease in self.tokens:
            lease.give_back(self.reserved - input_tokens - output_tokens)
        self.reserved = 0


class _MovingAverages:
    """How many tokens a model's answers have, as seen by this process."""

    def __init__(self) -> None:
        self._means: dict[str, float] = {}

    def of(self, model: str) -> int:
        return round(self._means.get(model, _FIRST_OUTPUT))

    def learn(self, model: str, tokens: int) -> None:
        mean = self._means.get(model, float(tokens))
        self._means[model] = mean + _SMOOTHING * (tokens - mean)


class Limiter:
    """Bulk work, the indexing of documents, also keeps to its own share of each limit, so that chat never starves."""

    def __init__(self, rates: Rates, clock: Clock, limits: Sequence[Limit] = (), *, bulk_share: float = 0.5) -> None:
        self._rates = rates
        self._clock = clock
        self._limits = limits
        self._bulk_share = bulk_share
        self._outputs = _MovingAverages()
        self._leases: dict[str, Lease] = {}

    def applies(self, caller: Caller, model: str, policy: PolicyRecord | None = None) -> bool:
        """Whether there is anything to admit: without limits a call costs nothing here."""
        return any(True for _ in self._holding(caller, model, policy))

    async def admit(
        self,
        caller: Caller,
        model: str,
        policy: PolicyRecord | None = None,
        *,
        input_tokens: int,
        max_output_tokens: int | None,
        bulk: bool = False,
    ) -> Admission:
        """Raise RateLimitError, with true figures in its headers, for a call that is over one of its limits."""
        expected = self._outputs.of(model) if max_output_tokens != 0 else 0
        reserved = input_tokens + min(expected, max_output_tokens if max_output_tokens is not None else expected)
        scopes = dict.fromkeys(self._scopes(caller, model, policy, bulk=bulk))  # two limits that say the same are one
        leases: list[tuple[Unit, Lease]] = [(unit, self._lease(scope)) for unit, scope in scopes]
        try:
            await _spend_all(leases, reserved)
        except RateLimitError as error:
            error.headers = {**error.headers, **_headers(leases)}
            raise
        tokens = [lease for unit, lease in leases if unit == "tokens"]
        return Admission(model, self._outputs, tokens, reserved, _headers(leases))

    def _scopes(
        self, caller: Caller, model: str, policy: PolicyRecord | None, *, bulk: bool
    ) -> Iterator[tuple[Unit, Scope]]:
        for limit in self._holding(caller, model, policy):
            for unit, scope in limit.scopes(caller):
                yield unit, scope
                if bulk:
                    yield unit, self._bulk(scope)

    def _holding(self, caller: Caller, model: str, policy: PolicyRecord | None) -> Iterator[Limit]:
        """Those of the settings, the tenant's by its policy, and the one that the caller's key has of its own."""
        yield from (limit for limit in self._limits if limit.holds_for(caller, model))
        if policy is not None and (policy.requests is not None or policy.tokens is not None):
            yield Limit(requests=policy.requests, tokens=policy.tokens)
        if caller.limits != UNLIMITED:
            yield Limit(per="key", requests=caller.limits.requests, tokens=caller.limits.tokens)

    def _bulk(self, scope: Scope) -> Scope:
        return replace(scope, name=f"{scope.name} bulk", per_minute=max(1, int(scope.per_minute * self._bulk_share)))

    def _lease(self, scope: Scope) -> Lease:
        lease = self._leases.get(scope.id)
        if lease is None:
            if len(self._leases) >= _LEASES:
                self._leases.clear()  # each of them forfeits a chunk at most
            lease = self._leases[scope.id] = Lease(self._rates, self._clock, scope)
        return lease


async def _spend_all(leases: Sequence[tuple[Unit, Lease]], tokens: int) -> None:
    """All of them, or none. Those that have run out ask the store at the same time."""
    wanted = [(lease, 1 if unit == "requests" else tokens) for unit, lease in leases]
    with ExitStack() as undo:

        async def spend(lease: Lease, units: int) -> None:
            await lease.spend(units)
            undo.callback(lease.give_back, units)

        empty = [(lease, units) for lease, units in wanted if not lease.holds(units)]
        if empty:
            outcomes = await asyncio.gather(*(spend(lease, units) for lease, units in empty), return_exceptions=True)
            for refusal in filter(None, outcomes):
                raise refusal
        for lease, units in wanted:
            if (lease, units) not in empty:
                await spend(lease, units)
        undo.pop_all()


def _headers(leases: Sequence[tuple[Unit, Lease]]) -> dict[str, str]:
    """OpenAI's headers, for the limit of each unit that is the nearest.

    https://platform.openai.com/docs/guides/rate-limits#rate-limits-in-headers
    """
    headers: dict[str, str] = {}
    for unit in ("requests", "tokens"):
        mine = [lease.standing() for its_unit, lease in leases if its_unit == unit]
        if mine:
            nearest = min(mine, key=lambda standing: standing.remaining)
            headers[f"x-ratelimit-limit-{unit}"] = str(nearest.limit)
            headers[f"x-ratelimit-remaining-{unit}"] = str(max(0, nearest.remaining))
            headers[f"x-ratelimit-reset-{unit}"] = _duration(nearest.reset_s)
    return headers


def _duration(seconds: float) -> str:
    """As OpenAI writes it: `6m0s`, `1.5s`, `120ms`."""
    if seconds < 1:
        return f"{round(seconds * 1000)}ms"
    minutes, rest = divmod(seconds, 60)
    return f"{minutes:.0f}m{rest:.0f}s" if minutes else f"{rest:.3g}s"
