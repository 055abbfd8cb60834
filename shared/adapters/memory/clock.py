"""A clock that stands still until a test moves it."""

import itertools
from datetime import UTC, datetime, timedelta


class ManualClock:
    """Implements `Clock`. Ids count upwards, so they sort by the time they were made; only here may they be guessed."""

    def __init__(self, start: datetime = datetime(2026, 1, 1, tzinfo=UTC)) -> None:
        self._start = start
        self._elapsed_s = 0.0
        self._numbers = itertools.count(1)

    def now(self) -> datetime:
        return self._start + timedelta(seconds=self._elapsed_s)

    def monotonic(self) -> float:
        return self._elapsed_s

    def new_id(self, prefix: str) -> str:
        return f"{prefix}{next(self._numbers):026}"

    def advance(self, seconds: float) -> None:
        self._elapsed_s += seconds
