"""The one thread of this process that writes a file: what waits for it together is one transaction."""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from threading import Lock
from typing import TYPE_CHECKING, Any

from shared.adapters.sqlite.transactions import transaction

if TYPE_CHECKING:
    import apsw

_TOGETHER_S = 0.01
"""For so long a transaction takes in what waits: nobody waits much longer for others than for himself."""


@dataclass(slots=True, eq=False)
class Write:
    """Made on the event loop that waits for `done`: its result, once it is committed, or why there is none."""

    work: Callable[["apsw.Connection"], Any]
    loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.get_running_loop)
    done: "asyncio.Future[Any]" = field(init=False)
    alone: bool = False
    result: Any = None
    error: BaseException | None = None

    def __post_init__(self) -> None:
        self.done = self.loop.create_future()


class Writer:
    """Runs writes in the order in which they come, on a connection that is opened for the first of them.

    Many small writes at once cost one commit, and one wake-up of the thread and of the event loop. One that fails takes
    nothing with it: the transaction is undone, and all that were in it run again in one of their own. So `work` may run
    twice, and one run has an effect.
    """

    def __init__(self, connect: Callable[[], "apsw.Connection"]) -> None:
        self._connect = connect
        self._connection: apsw.Connection | None = None
        self._waiting: deque[Write] = deque()
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="sqlite-writer")
        self._at_work = False
        self._turn = Lock()

    def put(self, write: Write) -> None:
        """At the end of this turn of its loop, so that what is put in the same turn is one transaction."""
        with self._turn:
            self._waiting.append(write)
            if self._at_work:
                return
        write.loop.call_soon(self._begin)

    def withdraw(self, write: Write) -> bool:
        """Whether it has not begun; then it never will."""
        # deque's methods are atomic: a write is either withdrawn here or taken by the thread.
        try:
            self._waiting.remove(write)
        except ValueError:
            return False
        return True

    def close(self) -> None:
        """Finish what waits, then close the connection. Nothing may be put any more."""
        self._begin()
        self._thread.shutdown()
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _begin(self) -> None:
        with self._turn:
            if self._at_work or not self._waiting:
                return
            self._at_work = True
        self._thread.submit(self._work)

    def _work(self) -> None:
        """Until nothing waits."""
        while first := self._first():
            together = [first]
            try:
                self._commit(together)
            except BaseException as error:  # noqa: BLE001 -- goes to whoever waits for it
                if len(together) > 1:
                    self._put_back(together)
                    continue
                first.error = error
            _tell(together)

    def _put_back(self, together: Sequence[Write]) -> None:
        for one in together:
            one.alone = True
        self._waiting.extendleft(reversed(together))

    def _commit(self, together: list[Write]) -> None:
        """Do the first and, unless it must be alone, add to it what waits."""
        connection = self._opened()
        with transaction(connection, "IMMEDIATE"):
            first = together[0]
            first.result = first.work(connection)
            until = time.monotonic() + _TOGETHER_S
            while not first.alone and time.monotonic() < until and (following := self._following()):
                together.append(following)
                following.result = following.work(connection)

    def _first(self) -> Write | None:
        with self._turn:
            try:
                return self._waiting.popleft()
            except IndexError:
                self._at_work = False
                return None

    def _following(self) -> Write | None:
        try:
            following = self._waiting.popleft()
        except IndexError:
            return None
        if following.alone:
            self._waiting.appendleft(following)
            return None
        return following

    def _opened(self) -> "apsw.Connection":
        if self._connection is None:
            self._connection = self._connect()
        return self._connection


def _tell(written: Sequence[Write]) -> None:
    """Each loop is woken up once."""
    for loop in {one.loop for one in written}:
        with suppress(RuntimeError):  # the loop is closed, and nobody waits any more
            loop.call_soon_threadsafe(_settle, [one for one in written if one.loop is loop])


def _settle(written: Sequence[Write]) -> None:
    for one in written:
        if one.done.done():
            continue  # its caller was cancelled
        if one.error is None:
            one.done.set_result(one.result)
        else:
            one.done.set_exception(one.error)
