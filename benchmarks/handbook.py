"""A test collection in many languages: GNOME's user help, as Debian packages it with its translations.

Every page of it opens with one sentence, written by the page's author and translated by people, that says what the page
is for; a reader sees it in lists of links. That sentence is the question, and the rest of the page is the only document
that answers it. Licence of the pages: CC BY-SA 3.0.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from benchmarks import corpus

LANGUAGES = {
    "C": "English",
    "de": "German",
    "es": "Spanish",
    "fr": "French",
    "pl": "Polish",
    "hu": "Hungarian",
    "ru": "Russian",
    "uk": "Ukrainian",
    "el": "Greek",
    "fa": "Persian",
    "mr": "Marathi",
    "ta": "Tamil",
    "zh_CN": "Chinese",
    "ja": "Japanese",
    "ko": "Korean",
}
"""Those with enough translated pages, by the names of their folders. Arabic and Hindi have next to none: Persian and
Marathi are written in the same scripts."""

PACKAGE = "gnome-user-docs"
_MALLARD = "{http://projectmallard.org/1.0/}"
_BLOCKS = {f"{_MALLARD}{name}" for name in ("p", "title", "screen")}
_SHORTEST_BODY = 200


@dataclass(frozen=True, slots=True)
class Page:
    """`question` is the sentence that says what it is for; `text` is Markdown without it."""

    name: str
    question: str
    text: str


def pages(language: str) -> list[Page]:
    """The pages that are translated, in order; raise NoAptError where Debian's package cannot be had."""
    root = corpus.unpacked(PACKAGE) / "usr" / "share" / "help"
    originals = {one.name: one for one in _all(root / "C")}
    found = originals.values() if language == "C" else _all(root / language)
    return [one for one in found if language == "C" or _is_translated(one, originals.get(one.name))]


def _all(folder: Path) -> Iterator[Page]:
    for path in sorted(folder.rglob("*.page")):
        if found := page(path, str(path.relative_to(folder))):
            yield found


def page(path: Path, name: str) -> Page | None:
    """None for a page without a question, or with next to nothing in it."""
    root = ElementTree.parse(path).getroot()  # noqa: S314 -- a file of Debian's own package
    question = _text(root.find(f"{_MALLARD}info/{_MALLARD}desc"))
    title = _text(root.find(f"{_MALLARD}title"))
    blocks = [_text(one) for part in root for one in part.iter() if part.tag != f"{_MALLARD}info" and _is_text(one)]
    body = "\n\n".join(block for block in blocks[1:] if block and block != question)
    if not question or not title or len(body) < _SHORTEST_BODY:
        return None
    return Page(name, question, f"# {title}\n\n{body}\n")


def _is_text(element: ElementTree.Element) -> bool:
    return element.tag in _BLOCKS


def _text(element: ElementTree.Element | None) -> str:
    return "" if element is None else " ".join("".join(element.itertext()).split())


def _is_translated(one: Page, original: Page | None) -> bool:
    return original is not None and one.question != original.question and one.text != original.text
