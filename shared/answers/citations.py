"""Citations: what a grounded answer rests on, and the check that no mark points at nothing."""

import re
from collections.abc import Sequence

from shared.retrieval.fusion import Passage
from shared.wire.chat import Citation, Context

_MARK = re.compile(r"\[doc(\d+)\]")
_OPEN_MARK = re.compile(r"\[(?:d(?:o(?:c\d{0,4})?)?)?$")


def context_of(passages: Sequence[Passage], question: str) -> Context:
    return Context(citations=[_citation(passage) for passage in passages], intent=question)


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


class MarkCheck:
    """Passes text on as it streams, without the `[docN]` marks that refer to no passage.

    Holds back what may be the beginning of a mark until it is known; `flush` gives the rest.
    """

    def __init__(self, passages: int) -> None:
        self._passages = passages
        self._held = ""

    def feed(self, text: str) -> str:
        text = _MARK.sub(self._checked, self._held + text)
        opened = _OPEN_MARK.search(text)
        cut = opened.start() if opened else len(text)
        self._held = text[cut:]
        return text[:cut]

    def flush(self) -> str:
        held, self._held = self._held, ""
        return held

    def _checked(self, mark: re.Match[str]) -> str:
        return mark[0] if 1 <= int(mark[1]) <= self._passages else ""
