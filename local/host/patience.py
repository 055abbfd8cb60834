"""Time-outs that are all equally long: one timer looks after every wait, so that beginning or renewing one is cheap."""

import asyncio
from typing import Any, Self


class Patience:
    """Makes time-outs of so many seconds, or none where that is None."""

    def __init__(self, limit_s: float | None) -> None:
        self.limit_s = limit_s
        self._waits: set[Wait] = set()
        self._watched = False

    def wait(self) -> "Wait":
        return Wait(self)

    def begin(self, wait: "Wait") -> None:
        if self.limit_s is None:
            return
        self._waits.add(wait)
        if not self._watched:
            self._look_at(wait.since + self.limit_s)

    def end(self, wait: "Wait") -> None:
        self._waits.discard(wait)

    def _look_at(self, moment: float) -> None:
        self._watched = True
        asyncio.get_running_loop().call_at(moment, self._look)

    def _look(self) -> None:
        """End what waited too long; the next look is due when the oldest of the others may be."""
        limit_s, now = self.limit_s or 0.0, asyncio.get_running_loop().time()
        for wait in [wait for wait in self._waits if wait.since + limit_s <= now]:
            self._waits.discard(wait)
            wait.expire()
        self._watched = False
        if self._waits:
            self._look_at(min(wait.since for wait in self._waits) + limit_s)


class Wait:
    """`async with`: raises TimeoutError when nothing renewed it for the whole time."""

    __slots__ = ("_loop", "_patience", "_timeout", "since")

    def __init__(self, patience: Patience) -> None:
        self._patience = patience
        self._loop = asyncio.get_running_loop()
        self._timeout = asyncio.timeout(None)
        self.since = self._loop.time()

    async def __aenter__(self) -> Self:
        await self._timeout.__aenter__()
        self._patience.begin(self)
        return self

    async def __aexit__(self, *failure: Any) -> None:
        self._patience.end(self)
        await self._timeout.__aexit__(*failure)

    def renew(self) -> None:
        self.since = self._loop.time()

    def expire(self) -> None:
        self._timeout.reschedule(self._loop.time())
