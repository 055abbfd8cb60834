"""What a hostile file is called, what it holds, and what must become of it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

State = Literal["ready", "failed", "empty", "needs_ocr"]
MIB = 2**20


@dataclass(frozen=True, slots=True)
class Case:
    """`code` is that of the document's last error, empty for one that is indexed."""

    filename: str
    about: str
    make: Callable[[], bytes]
    state: State
    code: str


def refused(filename: str, about: str, make: Callable[[], bytes]) -> Case:
    """Damaged, encrypted, or over a limit."""
    return Case(filename, about, make, "failed", "invalid_file")


def unsupported(filename: str, about: str, make: Callable[[], bytes]) -> Case:
    return Case(filename, about, make, "failed", "unsupported_file")


def empty(filename: str, about: str, make: Callable[[], bytes]) -> Case:
    return Case(filename, about, make, "empty", "empty")


def pictures(filename: str, about: str, make: Callable[[], bytes]) -> Case:
    return Case(filename, about, make, "needs_ocr", "needs_ocr")


def harmless(filename: str, about: str, make: Callable[[], bytes]) -> Case:
    """Indexed, because what is hostile in it has no effect."""
    return Case(filename, about, make, "ready", "")
