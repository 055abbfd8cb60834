"""Which files of a folder are meant, and under which names: their paths below it, with `/` between the parts."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from typing import NoReturn

from cli.failures import CommandError


@dataclass(frozen=True, slots=True)
class LocalFile:
    """`name` is what it is called in the store."""

    path: Path
    name: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Choice:
    """Patterns of names. One with a slash is for the whole name (`**` crosses slashes), one without for any part of it.

    No `include` takes everything; hidden are names with a part that begins with a dot.
    """

    include: Sequence[str] = ()
    exclude: Sequence[str] = ()
    hidden: bool = False

    def takes(self, name: str) -> bool:
        if not self.hidden and any(part.startswith(".") for part in PurePosixPath(name).parts):
            return False
        if any(_fits(name, pattern) for pattern in self.exclude):
            return False
        return not self.include or any(_fits(name, pattern) for pattern in self.include)


def chosen(roots: Iterable[Path], choice: Choice) -> list[LocalFile]:
    """By name. Raise CommandError when two would have the same one."""
    found: dict[str, LocalFile] = {}
    for root in roots:
        for file in _below(root, choice):
            if file.name in found:
                raise CommandError(f"{file.path} and {found[file.name].path} would both be named {file.name!r}.")
            found[file.name] = file
    return [found[name] for name in sorted(found)]


def _below(root: Path, choice: Choice) -> Iterator[LocalFile]:
    """A file that is named itself is meant, whatever the choice says. Links to folders are not followed."""
    if root.is_file():
        yield _local(root, root.name)
        return
    for folder, _, names in root.walk(on_error=_raise):
        for name in names:
            path = folder / name
            relative = path.relative_to(root).as_posix()
            if choice.takes(relative) and path.is_file():
                yield _local(path, relative)


def _raise(error: OSError) -> NoReturn:
    """A folder that cannot be read is no empty one."""
    raise error


def _local(path: Path, name: str) -> LocalFile:
    return LocalFile(path, name, path.stat().st_size)


def _fits(name: str, pattern: str) -> bool:
    path = PurePosixPath(name)
    if "/" in pattern:
        return path.full_match(pattern)
    return any(fnmatchcase(part, pattern) for part in path.parts)
