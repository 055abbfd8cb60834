"""The one thread of this process that writes a file: what waits for it together is one transaction."""

import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from shared.adapters.sqlite.transactions import transaction

if TYPE_CHECKING:
    import apsw

_TOGETHER_S = 0.01
"""For so long a transaction takes in what waits: nobody waits much longer for others than for himself."""


@dataclass(slots=True, eq=False)
class Write:
    work: Callable[["apsw.Connection"], Any]
    alone: bool = False
    result: Any = None


class Writer:
    """Runs writes in the order in which they come, on a connection that is opened for the first of them.

    Many small writes at once cost one commit, not one each. One that fails takes nothing with it: the transaction is
    undone, and all that were in it run again in one of their own. So `work` may run twice, and one run has an effect.
    """

    def __init__(self, connect: Callable[[], "apsw.Connection"]) -> None:
        self._connect = connect
        self._connection: apsw.Connection | None = None
        self._waiting: deque[Write] = deque()
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="sqlite-writer")

    def put(self, write: Write) -> Future[Any]:
        """Its result, once it is committed. All of it happens, or nothing when it raises."""
        self._waiting.append(write)
        return self._thread.submit(self._turn, write)

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
        self._thread.shutdown()
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _turn(self, write: Write) -> Any:
        """Every write gets one, and finds itself done if it was taken in by an earlier one."""
        if not self.withdraw(write):
            return write.result
        together = [write]
        try:
            self._commit(together)
        except BaseException:
            if len(together) == 1:
                raise
            for one in together:
                one.alone = True
            self._waiting.extendleft(reversed(together[1:]))
            self._commit([write])
        return write.result

    def _commit(self, together: list[Write]) -> None:
        """Do the first and, unless it must be alone, add to it what waits."""
        connection = self._opened()
        with transaction(connection, "IMMEDIATE"):
            first = together[0]
            first.result = first.work(connection)
            until = time.monotonic() + _TOGETHER_S
            while not first.alone and time.monotonic() < until and (following := self._next()):
                together.append(following)
                following.result = following.work(connection)

    def _next(self) -> Write | None:
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
