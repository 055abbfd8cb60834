"""Transactions on one connection, and statements in them."""

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import apsw

type Row = tuple[Any, ...]
type Bindings = dict[str, Any]


@contextmanager
def transaction(connection: "apsw.Connection", mode: Literal["IMMEDIATE", "DEFERRED"]) -> Generator[None]:
    """All of what is inside, or nothing.

    Not apsw's own `with connection`: that one keeps the interpreter's lock while it waits for SQLite's (measured with
    3.54), so the thread that should let go, and the event loop with it, stand still until the time-out.
    """
    connection.execute(f"BEGIN {mode}")
    try:
        yield
        connection.execute("COMMIT")
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")


def rows(connection: "apsw.Connection", sql: str, bindings: Sequence[Any] | Bindings = ()) -> list[Row]:
    """Run one statement to its end."""
    return connection.execute(sql, bindings).fetchall()
