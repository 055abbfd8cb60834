"""What a model says in one round, as moves of the response: text, refusals and calls, one after the other."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from shared.answers.citations import Grounds, MarkCheck
from shared.answers.responses.file_search import NAME
from shared.answers.responses.pieces import CallPart, Finish, Piece, RefusalText, Text
from shared.errors import UpstreamError
from shared.gateway.attempts import Usage
from shared.ports.responses import Argued, Calling, Citation, Closed, Move, Refused, Said


@dataclass(slots=True)
class HeardCall:
    call_id: str
    name: str
    arguments: str


@dataclass(slots=True)
class Voice:
    """`grounds` are what the text may cite; None where nothing can be searched. Searches make no moves here."""

    grounds: Grounds | None
    finish: str | None = None
    usage: Usage | None = None
    said: str = ""
    calls: dict[int, HeardCall] = field(default_factory=dict[int, HeardCall])
    _check: MarkCheck | None = None
    _is_speaking: bool = False
    _calling: int | None = None

    @property
    def searches(self) -> list[HeardCall]:
        """Those that are ours to make."""
        return [call for call in self.calls.values() if self._is_search(call.name)]

    @property
    def calls_client(self) -> bool:
        return len(self.searches) < len(self.calls)

    def hear(self, piece: Piece) -> Iterator[Move]:
        match piece:
            case Text(text=text):
                self.said += text
                yield from self._speak(text)
            case RefusalText(text=text):
                yield from self._hush()
                self._is_speaking = True
                yield Refused((text,))
            case CallPart():
                yield from self._call(piece)
            case Finish(reason=reason):
                self.finish = reason
            case Usage():
                self.usage = piece

    def end(self) -> Iterator[Move]:
        """What was held back, and the end of what is open: whole, unless it was cut short."""
        yield from self._close(whole=self.finish not in ("length", "content_filter"))

    def _speak(self, text: str) -> Iterator[Move]:
        if self._calling is not None:
            yield from self._close()
        if self._check is None and self.grounds is not None:
            self._check = MarkCheck(self.grounds, keep_marks=False)
        passed = text if self._check is None else self._check.feed(text)
        if passed:
            self._is_speaking = True
            yield Said((passed,))

    def _hush(self) -> Iterator[Move]:
        held = "" if self._check is None else self._check.flush()
        if held:
            self._is_speaking = True
            yield Said((held,))

    def _close(self, *, whole: bool = True) -> Iterator[Move]:
        yield from self._hush()
        if self._is_speaking or self._calling is not None:
            yield Closed(self._citations(), whole)
        self._check, self._is_speaking, self._calling = None, False, None

    def _citations(self) -> tuple[Citation, ...]:
        if self._check is None or self.grounds is None:
            return ()
        found = [(self.grounds.passages[mark.number - 1], mark.index) for mark in self._check.marks]
        return tuple(dict.fromkeys(Citation(one.file_id, one.filename, index) for one, index in found))

    def _call(self, part: CallPart) -> Iterator[Move]:
        call = self.calls.get(part.index)
        if call is None:
            yield from self._close()
            call = self.calls[part.index] = HeardCall(part.call_id or f"call_{part.index}", part.name, "")
            if not self._is_search(call.name):
                self._calling = part.index
                yield Calling(call.call_id, call.name)
        elif not self._is_search(call.name) and part.index != self._calling:
            raise UpstreamError("The model's calls are mixed up.", code="upstream_malformed")
        call.arguments += part.arguments
        if part.arguments and not self._is_search(call.name):
            yield Argued((part.arguments,))

    def _is_search(self, name: str) -> bool:
        return self.grounds is not None and name == NAME
