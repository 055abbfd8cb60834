"""Whether a deployment is worth asking, as this process has seen it: a breaker, and the rests it asked for."""

from dataclasses import dataclass
from typing import Literal

from shared.ports.clock import Clock

LONGEST_REST_S = 60.0
"""A deployment that asks for a longer rest is asked again after this: what it said may have become untrue."""

Trouble = Literal["limited", "failing"]


@dataclass(frozen=True, slots=True)
class BreakerRules:
    """When a deployment is left alone, and for how long (seconds). Each failed probe doubles the rest."""

    in_a_row: int = 5
    share: float = 0.5
    at_least: int = 20
    window_s: float = 30
    rest_s: float = 5
    longest_rest_s: float = LONGEST_REST_S


class _Window:
    """Outcomes of the last one to two half windows."""

    def __init__(self, half_s: float) -> None:
        self._half_s = half_s
        self._began = 0.0
        self._now = [0, 0]
        self._before = [0, 0]

    def add(self, now: float, *, failed: bool) -> None:
        if now - self._began >= self._half_s:
            self._before = self._now if now - self._began < 2 * self._half_s else [0, 0]
            self._now, self._began = [0, 0], now
        self._now[failed] += 1

    @property
    def total(self) -> int:
        return sum(self._now) + sum(self._before)

    @property
    def failures(self) -> int:
        return self._now[1] + self._before[1]


class Health:
    """One deployment's. Every `begin` is followed by exactly one of `succeeded`, `failed`, `limited`, `released`.

    Closed, it is asked freely. Open, it rests; then one call at a time is let through as a probe (half-open), until one
    succeeds. A limit that the deployment states is a rest too, but not a failure.
    """

    def __init__(self, clock: Clock, rules: BreakerRules | None = None) -> None:
        self._clock = clock
        self._rules = rules or BreakerRules()
        self._rests_until = 0.0
        self._rested = 0
        self._probing = False
        self._in_a_row = 0
        self._window = _Window(self._rules.window_s / 2)
        self.trouble: Trouble = "failing"
        self.reason = ""

    def free_in_s(self) -> float:
        """How long until it may be asked; 0 when it may be asked now."""
        left_s = self._rests_until - self._clock.monotonic()
        if left_s > 0:
            return left_s
        return self._rules.rest_s if self._probing else 0.0

    def begin(self) -> None:
        self._probing = self._rested > 0

    def succeeded(self) -> None:
        self._probing = False
        self._rested = self._in_a_row = 0
        self._window.add(self._clock.monotonic(), failed=False)

    def failed(self, reason: str, rest_s: float | None = None) -> None:
        """`rest_s` is the rest that the deployment asked for, if any."""
        probed, self._probing = self._probing, False
        self._in_a_row += 1
        self._window.add(self._clock.monotonic(), failed=True)
        if probed or self._is_broken():
            self._rested += 1
            self._window = _Window(self._rules.window_s / 2)
            rules = self._rules
            rest_s = max(rest_s or 0.0, min(rules.longest_rest_s, rules.rest_s * 2.0 ** (self._rested - 1)))
        self._rest(rest_s or 0.0, "failing", reason)

    def limited(self, reason: str, rest_s: float) -> None:
        self._probing = False
        self._rest(rest_s, "limited", reason)

    def released(self) -> None:
        """The call said nothing about the deployment: the client left, or had made a mistake."""
        self._probing = False

    def _is_broken(self) -> bool:
        window, rules = self._window, self._rules
        often = window.total >= rules.at_least and window.failures >= rules.share * window.total
        return often or self._in_a_row >= rules.in_a_row

    def _rest(self, rest_s: float, trouble: Trouble, reason: str) -> None:
        until = self._clock.monotonic() + min(rest_s, LONGEST_REST_S)
        if until >= self._rests_until:
            self._rests_until, self.trouble, self.reason = until, trouble, reason
