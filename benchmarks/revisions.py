"""Made-up documents of many formats, and small edits of every kind to them: the same every time."""

import json
import random
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from html import escape
from itertools import chain

type Units = tuple["Unit", ...]

_SYLLABLES = [consonant + vowel for consonant in "bdfgklmnprstvz" for vowel in ("a", "e", "i", "o", "u", "er", "in")]
_IDEOGRAPHS = [chr(code) for code in range(0x4E00, 0x4E00 + 3000)]
_WORD = re.compile(r"([a-zA-Z0-9]+|[\u4e00-\u9fff]{1,2})")
_NEAR_AN_END = 3


@dataclass(frozen=True, slots=True)
class Unit:
    """What stands by itself: a heading, a text of sentences, a list of items, a table of rows, code of lines, a row, a
    record of fields. `level` is a heading's."""

    kind: str
    parts: tuple[str, ...]
    level: int = 0


@dataclass(frozen=True, slots=True)
class Format:
    """`weights` say what documents consist of, by kind of unit; `written` makes the file."""

    name: str
    suffix: str
    weights: dict[str, int]
    written: Callable[[Units], str]
    units: int = 120
    chinese: bool = False


@dataclass(frozen=True, slots=True)
class Revision:
    """An edit of a document. Where several places are edited, `versions` go from the last place to the first: each edit
    lies in front of those before it."""

    edit: str
    versions: tuple[str, ...]


class Author:
    """Writes documents of one format; what an edit puts in is of the same."""

    def __init__(self, format_: Format, seed: int) -> None:
        self.format = format_
        self.chance = random.Random(f"{format_.name} {seed}")  # noqa: S311 - made up, and to be made up again
        self._vocabulary = ["".join(self._some(_SYLLABLES, 1, 4)) for _ in range(900)]

    def document(self) -> Units:
        weights = self.format.weights
        kinds = self.chance.choices(list(weights), list(weights.values()), k=self.format.units)
        return tuple(map(self.unit, kinds))

    def unit(self, kind: str) -> Unit:
        level = self.chance.choice((1, 2, 2, 3, 3, 3, 4)) if kind == "heading" else 0
        return Unit(kind, tuple(self.part(kind) for _ in range(self.chance.randint(*_PARTS[kind]))), level)

    def part(self, kind: str) -> str:
        match kind:
            case "text":
                return self._sentence()
            case "heading":
                return self.words(2, 5).capitalize()
            case "table":
                return " | ".join(self.words(1, 3) for _ in range(4))
            case "code":
                indent = "    " * self.chance.randint(1, 3)
                return (
                    f"{indent}{self.words(1, 1)} = {self.words(1, 1)}({self.words(1, 1)}, {self.chance.randrange(100)})"
                )
            case "row":
                date, number = f"2026-11-{self.chance.randint(10, 28)}", self.chance.randrange(10**6)
                return f"{date},{self.words(1, 3)},{number},{self.words(1, 9)}"
            case _:
                return self.words(3, 14)

    def words(self, fewest: int, most: int) -> str:
        if self.format.chinese:
            return "".join(self._some(_IDEOGRAPHS, 2 * fewest, 2 * most))
        return " ".join(self._some(self._vocabulary, fewest, most))

    def _sentence(self) -> str:
        return self.words(4, 20) + "\u3002" if self.format.chinese else self.words(4, 24).capitalize() + "."

    def _some(self, choices: list[str], fewest: int, most: int) -> list[str]:
        return self.chance.choices(choices, k=self.chance.randint(fewest, most))


_PARTS = {
    "text": (1, 8),
    "heading": (1, 1),
    "list": (3, 9),
    "table": (3, 12),
    "code": (4, 14),
    "row": (1, 1),
    "record": (3, 7),
}


def _blocks(units: Units) -> str:
    return "\n\n".join(_BLOCKS[unit.kind](unit) for unit in units) + "\n"


def _table(unit: Unit) -> str:
    head, *rows = (f"| {row} |" for row in unit.parts)
    return "\n".join((head, "| --- | --- | --- | --- |", *rows))


_BLOCKS: dict[str, Callable[[Unit], str]] = {
    "text": lambda unit: " ".join(unit.parts),
    "heading": lambda unit: f"{'#' * unit.level} {unit.parts[0]}",
    "list": lambda unit: "\n".join(f"- {item}" for item in unit.parts),
    "table": _table,
}


def _html(units: Units) -> str:
    body = "\n".join(map(_element, units))
    return f"<!doctype html><html><head><title>All</title></head><body>\n<h1>All</h1>\n{body}\n</body></html>\n"


def _element(unit: Unit) -> str:
    parts = [escape(part) for part in unit.parts]
    match unit.kind:
        case "heading":
            return f"<h{unit.level}>{parts[0]}</h{unit.level}>"
        case "list":
            return f"<ul>{''.join(f'<li>{item}</li>' for item in parts)}</ul>"
        case "table":
            rows = ("".join(f"<td>{cell}</td>" for cell in row.split(" | ")) for row in parts)
            return f"<table>{''.join(f'<tr>{row}</tr>' for row in rows)}</table>"
        case _:
            return f"<p>{' '.join(parts)}</p>"


def _wrapped(units: Units) -> str:
    """As an editor fills paragraphs: an edit moves the ends of the lines behind it."""
    return "\n\n".join(_filled(" ".join(unit.parts)) for unit in units) + "\n"


def _filled(text: str) -> str:
    lines = [""]
    for word in text.split(" "):
        if len(lines[-1]) + len(word) > 78:
            lines.append("")
        lines[-1] += f"{word} "
    return "\n".join(line.rstrip() for line in lines)


def _code(units: Units) -> str:
    functions = (f"def {unit.parts[0].split()[0]}():\n" + "\n".join(unit.parts) for unit in units)
    return "\n\n\n".join(functions) + "\n"


def _json(units: Units) -> str:
    records = [{f"field {number}": part for number, part in enumerate(unit.parts)} for unit in units]
    return json.dumps(records, ensure_ascii=False)


def _joined(between: str) -> Callable[[Units], str]:
    return lambda units: between.join(chain.from_iterable(unit.parts for unit in units))


_MIXED = {"text": 9, "heading": 3, "list": 2, "table": 1}
FORMATS = (
    Format("Markdown", "md", _MIXED, _blocks),
    Format("long sections", "md", {"text": 20, "heading": 1, "list": 2}, _blocks),
    Format("HTML", "html", _MIXED, _html),
    Format("text", "txt", {"text": 1}, _blocks),
    Format("filled lines", "txt", {"text": 1}, _wrapped),
    Format("one line", "txt", {"text": 1}, _joined(" ")),
    Format("words only", "txt", {"list": 1}, _joined(" ")),
    Format("code", "py", {"code": 1}, _code),
    Format("CSV", "csv", {"row": 1}, _joined("\n"), units=500),
    Format("JSON", "json", {"record": 1}, _json),
    Format("Chinese", "md", {"text": 9, "heading": 1}, _blocks, chinese=True),
    Format("Chinese line", "txt", {"text": 1}, _joined(""), chinese=True),
)


@dataclass(frozen=True, slots=True)
class _Change:
    """What is done to one unit, if it is of these kinds and has so many parts."""

    name: str
    made: Callable[[Author, Unit], Units]
    kinds: frozenset[str]
    least_parts: int = 1

    def fits(self, unit: Unit) -> bool:
        return unit.kind in self.kinds and len(unit.parts) >= self.least_parts


def _word_changed(author: Author, unit: Unit) -> Units:
    at = author.chance.randrange(len(unit.parts))
    words = list(filter(None, _WORD.split(unit.parts[at])))
    number = author.chance.choice([number for number, word in enumerate(words) if word.isalnum()])
    words[number] = author.words(1, 1)
    return (_with(unit, at, at + 1, "".join(words)),)


def _part_added(author: Author, unit: Unit) -> Units:
    at = author.chance.randint(0, len(unit.parts))
    return (_with(unit, at, at, author.part(unit.kind)),)


def _part_changed(author: Author, unit: Unit) -> Units:
    at = author.chance.randrange(len(unit.parts))
    return (_with(unit, at, at + 1, author.part(unit.kind)),)


def _part_removed(author: Author, unit: Unit) -> Units:
    at = author.chance.randrange(len(unit.parts))
    return (_with(unit, at, at + 1),)


def _with(unit: Unit, start: int, end: int, *parts: str) -> Unit:
    return replace(unit, parts=unit.parts[:start] + parts + unit.parts[end:])


_PARTED = frozenset({"text", "list", "table", "code", "record"})
_BODY = _PARTED | {"row"}
_HEADINGS = frozenset({"heading"})
_CHANGES = (
    _Change("a word changed", _word_changed, _BODY),
    _Change("a sentence, item, row or line added", _part_added, _PARTED),
    _Change("a sentence, item, row or line changed", _part_changed, _BODY),
    _Change("a sentence, item, row or line removed", _part_removed, _PARTED, least_parts=3),
    _Change("a paragraph, list, table or function added", lambda author, unit: (author.unit(unit.kind), unit), _BODY),
    _Change("a paragraph, list, table or function removed", lambda _author, _unit: (), _BODY),
    _Change("a heading added", lambda author, unit: (author.unit("heading"), unit), _PARTED),
    _Change("a heading renamed", _part_changed, _HEADINGS),
    _Change("a heading removed", lambda _author, _unit: (), _HEADINGS),
)
_SEVERAL = "three to five of these at once"
EDITS = (*(change.name for change in _CHANGES), _SEVERAL)


def revisions(format_: Format, seed: int) -> Iterator[Revision]:
    """One document, edited in each way that its format knows, near its start, anywhere, and near its end."""
    author = Author(format_, seed)
    units = author.document()
    known = [change for change in _CHANGES if "heading" in format_.weights or "heading" not in change.name]
    for change in known:
        fitting = [at for at, unit in enumerate(units) if change.fits(unit)]
        for near in (fitting[:_NEAR_AN_END], fitting, fitting[-_NEAR_AN_END:]):
            if near:
                after = _edited(author, units, change, author.chance.choice(near))
                yield Revision(change.name, (format_.written(units), format_.written(after)))
    yield Revision(_SEVERAL, tuple(map(format_.written, _edited_often(author, units, known))))


def _edited_often(author: Author, units: Units, changes: list[_Change]) -> Iterator[Units]:
    yield units
    for at in sorted(author.chance.sample(range(len(units)), author.chance.randint(3, 5)), reverse=True):
        units = _edited(author, units, author.chance.choice([each for each in changes if each.fits(units[at])]), at)
        yield units


def _edited(author: Author, units: Units, change: _Change, at: int) -> Units:
    return (*units[:at], *change.made(author, units[at]), *units[at + 1 :])
