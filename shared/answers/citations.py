"""Citations: what a grounded answer rests on, and the check of every mark before it is sent.

A mark `[docN]` stays only if there is a passage N, and if that passage holds every quotation of the sentence that ends
in the mark. Otherwise it is taken out of the text: no citation rather than a false one.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from shared.answers.quotes import Span, locate, outside, quotations
from shared.retrieval.fusion import Passage
from shared.wire.chat import Citation, Context, Quote

MARK = re.compile(r"\[doc(\d{1,6})\]")
_OPEN_MARK = re.compile(r"\[(?:d(?:o(?:c\d{0,6})?)?)?$")
_SPACE = " \t"
_OPEN_MARK_WITH_SPACE = re.compile(rf"[{_SPACE}]*(?:{_OPEN_MARK.pattern[:-1]})?$")
_SENTENCE_END = re.compile(r"(?:[.!?]\s+|[\u3002\uff01\uff1f]\s*|\n)(?=\S)")
_LONGEST_CLAIM = 4000


@dataclass(frozen=True, slots=True)
class Grounds:
    """The passages that an answer was given, and the question they were found for. Passage N is `[docN]`."""

    passages: tuple[Passage, ...]
    question: str

    def context(self, quotes: Sequence[Quote] = ()) -> Context:
        citations = [_citation(passage) for passage in self.passages]
        return Context(citations=citations, intent=self.question, quotes=list(quotes))

    def proof(self, number: int, claim: str) -> list[Quote] | None:
        """The claim's quotations in passage N; none if it has none. None if there is no such passage or one is not in
        it."""
        if not 1 <= number <= len(self.passages):
            return None
        passage = self.passages[number - 1]
        spans = [locate(quoted, passage.text) for quoted in quotations(claim)]
        found = [_quote(number, passage, span) for span in spans if span is not None]
        return found if len(found) == len(spans) else None


@dataclass(frozen=True, slots=True)
class Mark:
    """A mark that is proven: of passage `number`, after so many characters of what was passed on."""

    number: int
    index: int


class MarkCheck:
    """Passes an answer on as it streams, without the marks that nothing proves. `quotes` and `marks` are those found
    so far.

    Holds back what may be the beginning of a mark until it is known; `flush` gives the rest. Without `keep_marks` all
    of them are taken out, with the space before them: `marks` says where the proven ones stood.
    """

    def __init__(self, grounds: Grounds, *, keep_marks: bool = True) -> None:
        self.quotes: list[Quote] = []
        self.marks: list[Mark] = []
        self._grounds = grounds
        self._keep_marks = keep_marks
        self._held = ""
        self._claim = ""
        self._after_mark = False
        self._passed = 0

    def feed(self, text: str) -> str:
        text = self._held + text
        opened = (_OPEN_MARK if self._keep_marks else _OPEN_MARK_WITH_SPACE).search(text)
        cut = opened.start() if opened else len(text)
        self._held = text[cut:]
        passed = self._checked(text[:cut])
        self._passed += len(passed)
        return passed

    def flush(self) -> str:
        held, self._held = self._held, ""
        return held

    def _checked(self, text: str) -> str:
        passed, position = "", 0
        for mark in MARK.finditer(text):
            between = text[position : mark.start()]
            passed += between if self._keep_marks else between.rstrip(_SPACE)
            if self._proves(between, int(mark[1])):
                self.marks.append(Mark(int(mark[1]), self._passed + len(passed)))
                passed += mark[0] if self._keep_marks else ""
            position = mark.end()
        self._hear(text[position:])
        return passed + text[position:]

    def _proves(self, between: str, number: int) -> bool:
        self._hear(between)
        self._after_mark = True
        proof = self._grounds.proof(number, _last_sentence(self._claim))
        if proof is None:
            return False
        self.quotes += [quote for quote in proof if quote not in self.quotes]
        return True

    def _hear(self, text: str) -> None:
        """Marks that follow one another prove the same claim; with other words between, the next one begins."""
        if self._after_mark and text.strip(" .,;"):
            self._claim, self._after_mark = "", False
        self._claim = (self._claim + text)[-_LONGEST_CLAIM:]


def _last_sentence(claim: str) -> str:
    """What a mark at the end of a text stands for. A full stop inside a quotation ends nothing."""
    ends = [end.end() for end in _SENTENCE_END.finditer(outside(claim))]
    return claim[ends[-1] :] if ends else claim


def _citation(passage: Passage) -> Citation:
    return Citation(
        content=passage.text,
        title=" > ".join(passage.headings) or passage.filename,
        filepath=passage.filename,
        chunk_id=passage.chunk_ids[0],
        file_id=passage.file_id,
        page_start=passage.page_start,
        page_end=passage.page_end,
        char_start=passage.char_start,
        char_end=passage.char_end,
        score=passage.score,
    )


def _quote(number: int, passage: Passage, span: Span) -> Quote:
    return Quote(
        citation=number,
        content=passage.text[span.start : span.end],
        file_id=passage.file_id,
        filepath=passage.filename,
        page_start=passage.page_start,
        page_end=passage.page_end,
        char_start=passage.place_of(span.start),
        char_end=passage.place_of(span.end - 1) + 1,
    )
