"""`python -m tests.hostile FOLDER` writes the files; `--update-docs` reads them and writes the table of the docs."""

import argparse
import asyncio
import tempfile
from collections.abc import Iterator
from pathlib import Path

from shared.retrieval.extraction import Extractor
from tests.hostile.case import Case
from tests.hostile.outcomes import CASES, Outcome, outcome

PAGE = Path(__file__).parents[2] / "docs" / "hostile-files.md"
HEAD = """# Hostile files

What becomes of files that are made to do harm, or that are merely broken: one row each, measured by
`python -m tests.hostile --update-docs` with the limits that are deployed. `python -m tests.hostile FOLDER` writes the
files themselves. `tests/hostile/test_hostile.py` holds every state and code, and that the file which follows is read as
if nothing had been; it runs with smaller limits, so that it is quick.

A file is read by a child process that may use 1 GiB of address space, 20 s of processor time and 1 s more for each MiB
of the file, and 55 s in all. One that runs out of time has a second try, alone in a new child, for the machine
may have been busy; so has one that runs out of memory in a child that earlier documents had left full. The seconds were
measured on two cores that other work kept busy, second tries included.

`ready` stands for hostile content without effect: entities that are neither multiplied nor looked up, members that are
never unpacked, sizes that nobody believes.

| File | What it is | State | Code | Seconds | What its owner is told |
| --- | --- | --- | --- | ---: | --- |
"""


def row(case: Case, found: Outcome) -> str:
    reason = found.reason.partition(". PDF, DOCX")[0].replace("|", "\\|")
    code = f"`{found.code}`" if found.code else ""
    return f"| `{case.filename}` | {case.about} | `{found.state}` | {code} | {found.seconds:.1f} | {reason} |\n"


async def rows() -> list[str]:
    extractor = Extractor()
    try:
        with tempfile.TemporaryDirectory() as folder:
            return [row(case, await outcome(extractor, case, Path(folder))) for case in CASES]
    finally:
        await extractor.close()


def write(folder: Path) -> Iterator[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    for case in CASES:
        path = folder / case.filename
        path.write_bytes(case.make())
        yield path


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--update-docs", action="store_true")
    options = parser.parse_args()
    if options.folder:
        print(f"{sum(1 for _ in write(options.folder))} files in {options.folder}")
    if options.update_docs:
        PAGE.write_text(HEAD + "".join(asyncio.run(rows())))


if __name__ == "__main__":
    main()
