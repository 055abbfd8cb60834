"""How far an upload is: bars for people, a line for each event where nobody looks."""

import sys
from contextlib import AbstractContextManager
from typing import Protocol, Self

from cli.output import note, printable


class Progress(AbstractContextManager["Progress"], Protocol):
    def begin(self, files: int, size_bytes: int) -> None: ...

    def sent(self, size_bytes: int) -> None: ...

    def settled(self, name: str, what: str) -> None:
        """One file is where it belongs, or could not be brought there."""
        ...

    def indexed(self, done: int, of: int, detail: str) -> None: ...


def progress() -> Progress:
    return Bars() if sys.stderr.isatty() else Lines()


class Lines(Progress):
    def begin(self, files: int, size_bytes: int) -> None:
        note(f"{files} files, {size_bytes:,} bytes.")

    def sent(self, size_bytes: int) -> None:
        pass

    def settled(self, name: str, what: str) -> None:
        if what != "unchanged":
            note(f"{what} {name}")

    def indexed(self, done: int, of: int, detail: str) -> None:
        pass

    def __exit__(self, *_: object) -> None:
        pass


class Bars(Progress):
    """On standard error: standard output is for the result."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, TextColumn, TimeElapsedColumn
        from rich.progress import Progress as Rich

        columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[says]}"))
        self._rich = Rich(*columns, TimeElapsedColumn(), console=Console(stderr=True))
        self._files = self._settled = 0
        self._sending = self._rich.add_task("Uploading", total=None, says="")
        self._indexing = self._rich.add_task("Indexing", total=None, says="", visible=False)

    def __enter__(self) -> Self:
        self._rich.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._rich.stop()

    def begin(self, files: int, size_bytes: int) -> None:
        self._files = files
        self._rich.update(self._sending, total=size_bytes, says=f"0 of {files} files")

    def sent(self, size_bytes: int) -> None:
        self._rich.advance(self._sending, size_bytes)

    def settled(self, name: str, what: str) -> None:
        self._settled += 1
        self._rich.update(self._sending, says=f"{self._settled} of {self._files} files")
        if what == "failed":
            self._rich.console.print(f"failed {printable(name)}", markup=False, highlight=False)

    def indexed(self, done: int, of: int, detail: str) -> None:
        says = f"{done} of {of} files{detail}"
        self._rich.update(self._indexing, completed=done, total=of, says=says, visible=True)
