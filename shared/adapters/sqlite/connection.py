"""One SQLite file: a single writer, and readers that each see one snapshot, off the event loop but for look-ups."""

import asyncio
import os
import time
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from shared.adapters.sqlite import schema
from shared.adapters.sqlite.failures import busy, translated
from shared.adapters.sqlite.transactions import transaction
from shared.adapters.sqlite.writer import Write, Writer
from shared.errors import OverloadedError

if TYPE_CHECKING:
    import apsw

_RETRY_WAL_S = 0.01
_MAPPED_BYTES = 256 * 1024 * 1024

_READERS = (os.process_cpu_count() or 1) + 1
"""Each statement gives up the interpreter's lock and wants it back: with six threads for two cores a point read takes
twice the CPU (140 us against 70). One more than there are cores, since a large read may keep one for a second."""


class SqliteDatabase:
    """The file at `path`, made with its folder on first use. Any number of processes may have it open.

    A writer that cannot begin within `patience_s` gets RateLimitError. After `close` every call is refused.
    """

    def __init__(self, path: Path, *, patience_s: float = 5.0) -> None:
        self.path = path
        self._patience_s = patience_s
        self._writer = Writer(self._open)
        self._reading = ThreadPoolExecutor(_READERS, thread_name_prefix="sqlite-reader")
        self._readers: list[apsw.Connection] = []
        self._closed = False

    async def read[T](self, work: Callable[["apsw.Connection"], T]) -> T:
        """Run `work` in a thread; all that it reads comes from one moment."""
        self._refuse_if_closed()
        return await asyncio.get_running_loop().run_in_executor(self._reading, self._read, work)

    async def look_up[T](self, work: Callable[["apsw.Connection"], T]) -> T:
        """As `read`, of one statement that finds little by a key: done here and now, which takes tens of microseconds.

        To hand it to a thread, and to be woken up for its answer, takes ten times as much; and there it would queue
        behind searches. Nobody holds up a reader that has its connection: who finds none goes the other way.
        """
        self._refuse_if_closed()
        if (connection := self._spare()) is None:
            return await self.read(work)
        with translated(self.path), self._lent(connection):
            return work(connection)

    async def write[T](self, work: Callable[["apsw.Connection"], T]) -> T:
        """Run `work` in a thread: all of it happens, or nothing when it raises. It may be run twice (see `Writer`)."""
        self._refuse_if_closed()
        write = Write(work)
        self._writer.put(write)
        patience = write.loop.call_later(self._patience_s, self._lose_patience, write)
        try:
            with translated(self.path):
                return await write.done
        finally:
            patience.cancel()

    async def close(self) -> None:
        self._closed = True
        self._reading.shutdown(wait=False)
        await asyncio.to_thread(self._close)

    def _lose_patience(self, write: Write) -> None:
        if self._writer.withdraw(write) and not write.done.done():
            write.done.set_exception(busy(self.path))

    def _read[T](self, work: Callable[["apsw.Connection"], T]) -> T:
        with translated(self.path), self._reader() as connection, transaction(connection, "DEFERRED"):
            return work(connection)

    def _close(self) -> None:
        with translated(self.path):
            self._close_readers()
            self._writer.close()

    def _close_readers(self) -> None:
        with suppress(IndexError):
            while True:
                self._readers.pop().close()

    @contextmanager
    def _reader(self) -> Generator["apsw.Connection"]:
        self._refuse_if_closed()
        with self._lent(self._spare(beside=1) or self._open()) as connection:
            yield connection

    def _spare(self, beside: int = 0) -> "apsw.Connection | None":
        """One that nobody uses, if there are more than `beside`. Threads leave one to those who look something up."""
        # list.pop and list.append are atomic.
        try:
            return self._readers.pop() if len(self._readers) > beside else None
        except IndexError:
            return None

    @contextmanager
    def _lent(self, connection: "apsw.Connection") -> Generator["apsw.Connection"]:
        try:
            yield connection
        finally:
            self._readers.append(connection)
            if self._closed:
                self._close_readers()

    def _refuse_if_closed(self) -> None:
        if self._closed:
            raise OverloadedError(f"The store {self.path.name!r} is closed.")

    def _open(self) -> "apsw.Connection":
        import apsw

        self.path.parent.mkdir(parents=True, exist_ok=True)
        connection = apsw.Connection(str(self.path))
        connection.set_busy_timeout(int(self._patience_s * 1000))
        self._enter_wal(connection)
        if connection.pragma("user_version") != schema.VERSION:
            with transaction(connection, "IMMEDIATE"):
                schema.prepare(connection, self.path)
        _load_vectors(connection)
        # A power cut may lose the last transactions, never their order; a killed process loses nothing.
        connection.pragma("synchronous", "NORMAL")
        connection.pragma("mmap_size", _MAPPED_BYTES)
        return connection

    def _enter_wal(self, connection: "apsw.Connection") -> None:
        """Switch the journal of a new file.

        SQLite may answer "busy" here without waiting when several do it at once (37 of 27,664 openings), so we wait.
        """
        import apsw

        connection.pragma("page_size", schema.PAGE_BYTES)
        give_up = time.monotonic() + self._patience_s
        while True:
            try:
                connection.pragma("journal_mode", "wal")
            except apsw.BusyError:
                if time.monotonic() > give_up:
                    raise
                time.sleep(_RETRY_WAL_S)
            else:
                return


def _load_vectors(connection: "apsw.Connection") -> None:
    import sqlite_vec

    connection.enable_load_extension(True)
    connection.load_extension(sqlite_vec.loadable_path())
    connection.enable_load_extension(False)
