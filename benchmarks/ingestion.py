"""How fast documents become searchable, and what a second run and small edits embed, beside LangChain and LlamaIndex.

`python -m benchmarks.ingestion [--rounds 3] [--documents 350] [--check] [--update-docs]`. One run: in every round each
side starts anew and takes its turn at the same folder: all of it, the same again, and again after small edits. Takes
about eight minutes on a quiet machine, most of it the others'; fetches packages with apt and installs the others into
`.bench/` the first time. `--check` fails when a target is missed. Without apt there is a message and nothing else.
"""

import argparse
import asyncio
import json
import re
import shutil
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks import corpus, environments
from benchmarks.report import ROOT, Spread, machine, publish, table

_EDITED = (".html", ".txt", ".md")
_EDIT_EVERY = 5
_SENTENCE = " This sentence was not here before."
_BREAKS = re.compile(r"(?<=[a-z]\.)(?=</p>|\n)")
_MIN_RATIO = 1.5
_MAX_EMBEDDED_PER_EDIT = 1.3
_LONGEST_LINE = 2**20


@dataclass(frozen=True, slots=True)
class _Side:
    name: str
    python: Path
    arguments: tuple[str, ...]


@dataclass(slots=True)
class _Figures:
    """One side's answers, one a round; see `ingesting.serve`."""

    first: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    again: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    edited: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])

    def spread(self, run: str, value: str) -> Spread:
        return Spread.of([answer[value] for answer in getattr(self, run)])


@dataclass(frozen=True, slots=True)
class _Measured:
    documents: list[Path]
    edits: int
    sides: dict[str, _Figures]

    @property
    def megabytes(self) -> float:
        return sum(path.stat().st_size for path in self.documents) / 1e6

    def ratio(self, other: str, value: str) -> Spread:
        """How many times what Flightdeck took the other took, round by round."""
        pairs = zip(self.sides[other].first, self.sides[_OURS.name].first, strict=True)
        return Spread.of([theirs[value] / ours[value] for theirs, ours in pairs])


_RIVAL_PYTHON = environments.RAG.program("python")
_OURS = _Side("Flightdeck", Path(sys.executable), ("benchmarks.ingest_flightdeck",))
_PDFIUM = _Side("LangChain, PDFium", _RIVAL_PYTHON, ("benchmarks.ingest_langchain", "pdfium", "characters"))
_SIDES = (
    _OURS,
    _PDFIUM,
    _Side("LangChain, PDFium, by tokens", _RIVAL_PYTHON, ("benchmarks.ingest_langchain", "pdfium", "tokens")),
    _Side("LangChain, default loader", _RIVAL_PYTHON, ("benchmarks.ingest_langchain", "default", "characters")),
    _Side("LlamaIndex", _RIVAL_PYTHON, ("benchmarks.ingest_llamaindex",)),
)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.ingestion", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--documents", type=int, default=350, help="so many of the corpus, spread evenly")
    parser.add_argument("--sides", type=int, default=len(_SIDES), help="only the first so many of the sides")
    parser.add_argument("--check", action="store_true", help="fail when a target is missed")
    parser.add_argument("--update-docs", action="store_true", help="write the section of docs/benchmarks.md")
    arguments = parser.parse_args()
    try:
        measured, section = asyncio.run(_run(arguments.rounds, arguments.documents, _SIDES[: arguments.sides]))
    except corpus.NoAptError as error:
        print(f"Skipped: {error}")
        return
    publish("ingestion", section, update_docs=arguments.update_docs)
    if arguments.check and (missed := _missed(measured)):
        raise SystemExit("Missed: " + "; ".join(missed))


async def _run(rounds: int, most: int | None, sides: tuple[_Side, ...]) -> tuple[_Measured, str]:
    with tempfile.TemporaryDirectory(prefix="flightdeck-bench-") as scratch:
        folder = Path(scratch)
        documents = _thinned(corpus.build(corpus.DOCUMENTS, folder / "documents"), most)
        edited = folder / "edited"
        edits = edit(documents, edited)
        await environments.RAG.install()
        figures = {side.name: _Figures() for side in sides}
        for number in range(rounds):
            turn = number % len(sides)
            for side in sides[turn:] + sides[:turn]:
                await _round(side, figures[side.name], folder / "documents", edited)
                print(f"round {number + 1} of {rounds}: {side.name} done", flush=True)
        measured = _Measured(documents, edits, figures)
        return measured, _section(measured, rounds)


def _thinned(documents: list[Path], most: int | None) -> list[Path]:
    """Keep so many of the documents, and delete the others."""
    count = min(most or len(documents), len(documents))
    kept = [documents[place * len(documents) // count] for place in range(count)]
    for path in set(documents) - set(kept):
        path.unlink()
    return kept


def edit(documents: list[Path], target: Path) -> int:
    """A copy of all, with one sentence more near the middle of some; how many."""
    shutil.copytree(documents[0].parent, target)
    edits = 0
    for path in [path for path in documents if path.suffix in _EDITED][::_EDIT_EVERY]:
        content = path.read_text(encoding="utf-8", errors="surrogateescape")
        after = [found.start() for found in _BREAKS.finditer(content) if found.start() > len(content) // 2]
        if after:
            changed = content[: after[0]] + _SENTENCE + content[after[0] :]
            (target / path.name).write_text(changed, encoding="utf-8", errors="surrogateescape")
            edits += 1
    return edits


async def _round(side: _Side, figures: _Figures, documents: Path, edited: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="flightdeck-bench-") as folder:
        module, *options = side.arguments
        command = [str(side.python), "-W", "ignore", "-m", module, folder, *options]
        process = await asyncio.create_subprocess_exec(
            *command,
            cwd=ROOT,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            limit=_LONGEST_LINE,
        )
        figures.first.append(await _ask(side, process, documents))
        figures.again.append(await _ask(side, process, documents))
        figures.edited.append(await _ask(side, process, edited))
        process.stdin.close()
        await process.wait()


async def _ask(side: _Side, process: asyncio.subprocess.Process, documents: Path) -> dict[str, Any]:
    process.stdin.write(f"{documents}\n".encode())
    while line := await process.stdout.readline():
        if line.startswith(b"{"):
            return json.loads(line)
    command = " ".join(("python -m", *side.arguments))
    raise SystemExit(f"{side.name} ended in the middle of a run; run `{command}` by hand to see why.")


def _missed(measured: _Measured) -> list[str]:
    missed: list[str] = []
    ours = measured.sides[_OURS.name]
    if (ratio := measured.ratio(_PDFIUM.name, "seconds").middle) < _MIN_RATIO:
        missed.append(f"{ratio:.2f} times LangChain with PDFium in documents a second, under {_MIN_RATIO}")
    if again := ours.spread("again", "embedded").high:
        missed.append(f"{again:.0f} embeddings in a second, unchanged run")
    if (each := ours.spread("edited", "embedded").high / measured.edits) > _MAX_EMBEDDED_PER_EDIT:
        missed.append(f"{each:.2f} chunks embedded for each that was edited, over {_MAX_EMBEDDED_PER_EDIT}")
    return missed


def _section(measured: _Measured, rounds: int) -> str:
    kinds = Counter(path.suffix.removeprefix(".") for path in measured.documents)
    found = ", ".join(f"{count} {kind}" for kind, count in kinds.most_common())
    versions = ", ".join(
        f"{name} {environments.RAG.version(package)}"
        for name, package in (("langchain-core", "langchain-core"), ("llama-index-core", "llama-index-core"))
    )
    missed = _missed(measured)
    parts = [
        f"{len(measured.documents)} documents ({found}), {measured.megabytes:.1f} MB; {versions}. Median "
        f"(lowest-highest) of {rounds} rounds of one run. Targets: {_MIN_RATIO} times LangChain with PDFium in "
        "documents a second; nothing embedded in a second run; "
        f"{_MAX_EMBEDDED_PER_EDIT} chunks embedded for each that was edited."
        + (f" Missed in this run: {'; '.join(missed)}." if missed else ""),
        table(
            ("first run", "documents/s", "MB/s", "CPU s", "peak MB", "chunks", "**time, other / ours**"),
            [_first_row(name, measured) for name in measured.sides],
        ),
        f"Then the same folder again, unchanged; then with one sentence added to each of {measured.edits} documents.",
        table(
            ("embedded", "second run", "after edits", "for each edit", "second run, s", "after edits, s"),
            [_later_row(name, measured) for name in measured.sides],
        ),
    ]
    return "\n\n".join([*parts, machine()])


def _first_row(name: str, measured: _Measured) -> list[object]:
    figures = measured.sides[name]
    seconds = [answer["seconds"] for answer in figures.first]
    return [
        name,
        Spread.of([len(measured.documents) / one for one in seconds]),
        Spread.of([measured.megabytes / one for one in seconds]),
        figures.spread("first", "cpu_s"),
        figures.spread("edited", "peak_mb"),
        figures.first[-1]["chunks"],
        "" if name == _OURS.name else f"**{measured.ratio(name, 'seconds')}**",
    ]


def _later_row(name: str, measured: _Measured) -> list[object]:
    figures = measured.sides[name]
    edited = figures.spread("edited", "embedded").middle
    return [
        name,
        f"{figures.spread('again', 'embedded').middle:.0f}",
        f"{edited:.0f}",
        edited / measured.edits,
        figures.spread("again", "seconds"),
        figures.spread("edited", "seconds"),
    ]


if __name__ == "__main__":
    main()
