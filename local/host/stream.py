"""One TCP connection as one object, read by one task at a time: nothing lies between the socket and its reader."""

import asyncio
from typing import cast

_MAX_HELD_BYTES = 131_072


class Stream(asyncio.Protocol):
    """What arrives is held until it is asked for; above a limit the other side has to wait."""

    def __init__(self) -> None:
        self.ended = False  # nothing more will arrive
        self._held = b""
        self._paused = False
        self._lost = False
        self._arrival: asyncio.Future[None] | None = None
        self._writable = asyncio.Event()
        self._writable.set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._held += data
        if len(self._held) > _MAX_HELD_BYTES and not self._paused:
            self._paused = True
            self._transport.pause_reading()
        self._wake()

    def eof_received(self) -> bool:
        self.ended = True
        self._wake()
        return False  # closes our side too

    def connection_lost(self, exc: Exception | None) -> None:
        self.ended = True
        self._lost = True
        self._broken = exc is not None
        self._writable.set()
        self._wake()

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    @property
    def held(self) -> bool:
        """True when bytes have arrived that nobody took."""
        return bool(self._held)

    @property
    def open(self) -> bool:
        return not self.ended and not self._transport.is_closing()

    async def until(self, mark: bytes, limit: int) -> bytes | None:
        """All up to and with the mark; None when it does not come, or not within so many bytes.

        Raises ConnectionResetError.
        """
        looked = 0
        while (at := self._held.find(mark, looked)) < 0:
            if self.ended or len(self._held) > limit:
                return self._check()
            looked = max(0, len(self._held) - len(mark) + 1)
            await self._more()
        return self.take(at + len(mark)) if at <= limit else None

    async def read(self, limit: int) -> bytes:
        """What has arrived, as soon as something has; empty at the end. Raises ConnectionResetError."""
        while not self._held and not self.ended:
            await self._more()
        if not self._held:
            self._check()
        return self.take(limit)

    def take(self, limit: int) -> bytes:
        """What has arrived already, which may be nothing."""
        taken, self._held = self._held[:limit], self._held[limit:]
        if self._paused and len(self._held) <= _MAX_HELD_BYTES and not self._transport.is_closing():
            self._paused = False
            self._transport.resume_reading()
        return taken

    def write(self, data: bytes) -> None:
        self._transport.write(data)

    async def drain(self) -> None:
        """Wait while the other side takes too little. Raises ConnectionResetError when it is gone."""
        if not self._writable.is_set():
            await self._writable.wait()
        if self._lost:
            raise ConnectionResetError("The connection is gone.")

    def write_eof(self) -> None:
        self._transport.write_eof()

    def close(self) -> None:
        self._transport.close()

    def abort(self) -> None:
        self._transport.abort()

    async def _more(self) -> None:
        self._arrival = asyncio.get_running_loop().create_future()
        try:
            await self._arrival
        finally:
            self._arrival = None

    def _wake(self) -> None:
        if self._arrival is not None and not self._arrival.done():
            self._arrival.set_result(None)

    def _check(self) -> None:
        if self._lost and self._broken:
            raise ConnectionResetError("The connection broke.")
