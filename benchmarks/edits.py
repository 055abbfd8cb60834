"""How many passages small edits have embedded anew, beside how many they touch, by kind of edit and format.

`python -m benchmarks.edits [--documents 10] [--check] [--update-docs]`. Documents are made up and edited
(`revisions.py`), read, and cut into passages as for the index; nothing is embedded, the texts that would be are
compared. Takes a minute or two of one core; `--check` fails when a target is missed.
"""

import argparse
import tempfile
from bisect import bisect_right
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache, reduce
from itertools import pairwise
from pathlib import Path

from benchmarks.report import ROOT, publish, table
from benchmarks.revisions import EDITS, FORMATS, Format, Revision, revisions
from shared.retrieval.chunking import passages
from shared.retrieval.embedding import embedded_text
from shared.retrieval.extraction import reading
from shared.retrieval.extraction.document import Document, Heading, Passage
from shared.retrieval.extraction.formats import Source
from shared.retrieval.extraction.limits import Limits

_PAGE = ROOT / "docs" / "ingestion.md"
_LIMITS = Limits()
MOST_EMBEDDED = 1.3


@dataclass(frozen=True, slots=True)
class Cost:
    """What edits took, in passages. `touched` were changed, or stand under other headings than before; `added` is what
    the edits made the text longer by; `embedded` were embedded anew."""

    touched: int = 0
    added: float = 0
    embedded: int = 0

    def __add__(self, other: "Cost") -> "Cost":
        return Cost(self.touched + other.touched, self.added + other.added, self.embedded + other.embedded)

    @property
    def ratio(self) -> float:
        return self.embedded / self.touched

    @property
    def ratio_with_added(self) -> float:
        return self.embedded / (self.touched + self.added)


@dataclass(frozen=True, slots=True)
class _Span:
    """Where a document was edited, and how many characters longer that made it."""

    start: int
    end: int
    longer: int

    def touches(self, passage: Passage) -> bool:
        """What takes nothing out touches the passage that it is put into."""
        return passage.char_start < max(self.end, self.start + 1) and passage.char_end > self.start


def cost(revision: Revision, format_: Format) -> Cost:
    first, *_, last = revision.versions
    (edited, after), (_, before) = _cut(last, format_.suffix), _cut(first, format_.suffix)
    spans = [
        _span(one, other) for one, other in pairwise(_read(each, format_.suffix).text for each in revision.versions)
    ]
    known = set(map(embedded_text, before))
    return Cost(
        touched=_touched(before, spans, edited.headings),
        added=max(0, _tokens(after) - _tokens(before)) * len(before) / _tokens(before),
        embedded=sum(embedded_text(passage) not in known for passage in after),
    )


def _touched(before: Sequence[Passage], spans: Sequence[_Span], headings: Sequence[Heading]) -> int:
    """An edit between two passages touches one all the same."""
    edited = {passage for passage in before if any(span.touches(passage) for span in spans)}
    between = sum(not any(span.touches(passage) for passage in before) for span in spans)
    moved = sum(
        passage.headings != _path(headings, _moved(passage, spans)) for passage in before if passage not in edited
    )
    return len(edited) + between + moved


def _moved(passage: Passage, spans: Sequence[_Span]) -> int:
    """Where a passage that was not edited begins now."""
    return passage.char_start + sum(span.longer for span in spans if span.end <= passage.char_start)


def _path(headings: Sequence[Heading], place: int) -> tuple[str, ...]:
    path: list[Heading] = []
    for heading in headings[: bisect_right(headings, place, key=lambda heading: heading.start)]:
        path = [above for above in path if above.level < heading.level] + [heading]
    return tuple(heading.title for heading in path)


def _tokens(cut: Iterable[Passage]) -> int:
    return sum(passage.tokens for passage in cut)


def _span(before: str, after: str) -> _Span:
    start = _alike(before, after)
    shorter = min(len(before), len(after)) - start
    same = _alike(before[::-1][:shorter], after[::-1][:shorter])
    return _Span(start, len(before) - same, len(after) - len(before))


def _alike(one: str, other: str) -> int:
    """How many characters they begin with in common."""
    differing = (place for place, (a, b) in enumerate(zip(one, other, strict=False)) if a != b)
    return next(differing, min(len(one), len(other)))


@lru_cache(maxsize=2)
def _cut(text: str, suffix: str) -> tuple[Document, tuple[Passage, ...]]:
    document = _read(text, suffix)
    return document, tuple(passages(document, _LIMITS.chunk_tokens))


def _read(text: str, suffix: str) -> Document:
    with tempfile.TemporaryDirectory(prefix="flightdeck-edits-") as folder:
        path = Path(folder) / f"document.{suffix}"
        path.write_text(text, encoding="utf-8")
        found = reading.parts(Source(path, path.name), _LIMITS)
    if not isinstance(found, Document):
        raise TypeError(f"A document of {len(text):,} characters is read in parts.")
    return found


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.edits", description=__doc__)
    parser.add_argument("--documents", type=int, default=10, help="documents of each format")
    parser.add_argument("--check", action="store_true", help="fail when a target is missed")
    parser.add_argument("--update-docs", action="store_true", help="write the section of docs/ingestion.md")
    arguments = parser.parse_args()
    costs = measured(FORMATS, range(arguments.documents))
    publish("edits", _section(costs, arguments.documents), update_docs=arguments.update_docs, page=_PAGE)
    if arguments.check and (missed := _missed(costs)):
        raise SystemExit("Missed: " + "; ".join(missed))


type Costs = dict[tuple[str, str], list[Cost]]
"""By edit and format."""


def measured(formats: Iterable[Format], seeds: Iterable[int]) -> Costs:
    costs: Costs = {}
    for format_ in formats:
        for seed in seeds:
            for revision in revisions(format_, seed):
                costs.setdefault((revision.edit, format_.name), []).append(cost(revision, format_))
    return costs


def total(costs: Costs, edits: Collection[str] = EDITS, format_: str | None = None) -> Cost:
    """Of such edits; in one format, or all."""
    wanted = (found for key, found in costs.items() if key[0] in edits and format_ in (None, key[1]))
    return reduce(Cost.__add__, (each for found in wanted for each in found), Cost())


def _missed(costs: Costs) -> list[str]:
    """Of all edits in each format, by what they touch; of each kind of edit, with room for what it adds."""
    by_format = {each.name: total(costs, format_=each.name).ratio for each in FORMATS}
    by_edit = {edit: total(costs, [edit]).ratio_with_added for edit in EDITS}
    return [f"{name}: {ratio:.2f}" for name, ratio in (by_format | by_edit).items() if ratio > MOST_EMBEDDED]


def _section(costs: Costs, documents: int) -> str:
    every = [cost for found in costs.values() for cost in found]
    worst = max(every, key=lambda cost: cost.embedded - cost.touched - cost.added)
    names = [each.name for each in FORMATS]
    header = ("edit", "touched", "embedded", "for each touched", "for each touched or added")
    return "\n\n".join(
        (
            f"{len(every):,} edits of {documents} documents in each of {len(FORMATS)} formats, in passages:",
            table(header, [_row(name, total(costs, edits)) for name, edits in _ROWS.items()]),
            "Embedded for each that was touched, by format:",
            table(
                ("edit", *names),
                [_cells(name, [total(costs, edits, each) for each in names]) for name, edits in _ROWS.items()],
            ),
            f"The worst edit touched {worst.touched} and had {worst.embedded} embedded.",
        )
    )


_ROWS = {
    **{edit: [edit] for edit in EDITS},
    "**all that leave headings alone**": [edit for edit in EDITS[:-1] if "heading" not in edit],
    "**all**": EDITS,
}


def _row(name: str, cost: Cost) -> list[object]:
    return [name, cost.touched, cost.embedded, f"{cost.ratio:.2f}", f"{cost.ratio_with_added:.2f}"]


def _cells(name: str, costs: Sequence[Cost]) -> list[object]:
    return [name, *(f"{cost.ratio:.2f}" if cost.touched else "" for cost in costs)]


if __name__ == "__main__":
    main()
