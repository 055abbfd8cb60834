"""An answer as it comes over a connection, for one reader."""

import asyncio
from typing import Protocol

_MOST_BYTES = 2**20
"""What may wait to be read before the sender has to."""


class Source(Protocol):
    """What an answer asks of the connection that it comes over."""

    def hold(self) -> None: ...

    def look_at(self, moment: float) -> None: ...

    def watch(self) -> None: ...

    def close(self) -> None: ...


class Answer:
    """An answer as it comes; one reader at a time. Names of `headers` are in lower case."""

    def __init__(self, connection: Source) -> None:
        self.status = 0
        self.headers: dict[str, str] = {}
        self._connection = connection
        self._pieces: list[bytes] = []
        self._waiting_bytes = 0
        self.ended = False
        self._error: OSError | None = None
        self._changed: asyncio.Future[None] | None = None
        self._alarm: asyncio.TimerHandle | None = None

    async def begun(self) -> None:
        while not self.status and not self._error:
            await self._change()
        if self._error is not None:
            raise self._error

    async def receive(self, wait_s: float | None = None) -> bytes | None:
        """What has come since, at least a byte; b"" at the end; None if that long nothing comes.

        Raise OSError when it is cut.
        """
        due = None if wait_s is None else asyncio.get_running_loop().time() + wait_s
        while not self._pieces and not self.ended:
            if self._error is not None:
                raise self._error
            if due is not None and not self._is_before(due):
                return None
            self._connection.watch()
            await self._change()
        piece = self._pieces[0] if len(self._pieces) == 1 else b"".join(self._pieces)
        self._pieces.clear()
        self._waiting_bytes = 0
        return piece

    async def read(self) -> bytes:
        """All that is left of it."""
        pieces: list[bytes] = []
        while piece := await self.receive():
            pieces.append(piece)
        return b"".join(pieces)

    def gather(self, gather_s: float) -> None:
        """Leave what comes in the kernel for up to so many seconds, where it wakes nobody.

        All answers of a process go on at the same moments, so that one waking serves them all.
        """
        if not self.ended and self._error is None:
            now = asyncio.get_running_loop().time()
            self._connection.look_at((now // gather_s + 1) * gather_s)

    def close(self) -> None:
        """Before its end this closes the connection: what is still to come would be taken for the next answer."""
        if self._alarm is not None:
            self._alarm.cancel()
        if not self.ended:
            self._connection.close()

    def _is_before(self, due: float) -> bool:
        """If it is, the reader is woken up then, or sooner: one timer serves all waits that end before it rings."""
        loop = asyncio.get_running_loop()
        if loop.time() >= due:
            return False
        if self._alarm is not None and self._alarm.when() > due:
            self._alarm.cancel()
            self._alarm = None
        if self._alarm is None:
            self._alarm = loop.call_at(due, self._ring)
        return True

    def _ring(self) -> None:
        self._alarm = None
        self.tell()

    async def _change(self) -> None:
        self._changed = asyncio.get_running_loop().create_future()
        await self._changed

    def tell(self) -> None:
        """Wake the reader."""
        if self._changed is not None and not self._changed.done():
            self._changed.set_result(None)

    def add(self, piece: bytes) -> None:
        self._pieces.append(piece)
        self._waiting_bytes += len(piece)
        if self._waiting_bytes > _MOST_BYTES:
            self._connection.hold()

    def end(self, error: OSError | None = None) -> None:
        self.ended = self.ended or error is None
        self._error = error
