"""The items that a response puts out, as they grow, and the events that say so."""

from collections.abc import Iterator, Sequence

from shared.answers.responses.events import Event, Numbers
from shared.ports.responses import (
    Argued,
    Begun,
    Calling,
    Closed,
    Ended,
    Found,
    Move,
    Queued,
    Refused,
    Said,
    Searching,
)
from shared.wire.response_items import (
    FileCitation,
    FileSearchCall,
    FileSearchResult,
    FunctionCall,
    Message,
    OutputText,
    Refusal,
)

type OutputItem = Message | FunctionCall | FileSearchCall


def item_id(prefix: str, response_id: str, place: int | str) -> str:
    """An id that says which response the item is of: `response_of` finds it."""
    return f"{prefix}_{response_id.removeprefix('resp_')}_{place}"


def response_of(item: str) -> str:
    """The response whose item has such an id; "" for an id that is none of ours."""
    parts = item.split("_")
    return f"resp_{parts[1]}" if len(parts) == 3 else ""


class Output:
    """At most one item is open: the last. What an attempt left that was given up is told, and not kept."""

    def __init__(self, response_id: str, numbers: Numbers, *, with_results: bool) -> None:
        self._response_id = response_id
        self._numbers = numbers
        self._with_results = with_results
        self._items: list[OutputItem] = []
        self._given_up = 0
        self._pieces: list[str] = []
        self._is_open = False

    def items(self) -> list[OutputItem]:
        """As they are now; the one that is open with what it has so far."""
        if not self._is_open:
            return list(self._items)
        return [*self._items[:-1], _with_text(self._items[-1], "".join(self._pieces))]

    def give_up(self) -> Iterator[Event]:
        yield from self.close((), whole=False)
        self._given_up += len(self._items)
        self._items = []

    def apply(self, move: Move) -> Iterator[Event]:
        match move:
            case Said(pieces=pieces):
                yield from self._say(pieces, OutputText(text=""))
            case Refused(pieces=pieces):
                yield from self._say(pieces, Refusal(refusal=""))
            case Calling(call_id=call_id, name=name):
                yield from self._open(FunctionCall(id=self._new_id("fc"), call_id=call_id, name=name, arguments=""))
            case Argued(pieces=pieces):
                yield from self._argue(pieces)
            case Searching(queries=queries):
                yield from self._search(queries)
            case Found():
                yield from self._find(move)
            case Closed(citations=citations, whole=whole):
                cited = [FileCitation(file_id=c.file_id, filename=c.filename, index=c.index) for c in citations]
                yield from self.close(cited, whole=whole)
            case Queued() | Begun() | Ended():
                return

    def _say(self, pieces: Sequence[str], part: OutputText | Refusal) -> Iterator[Event]:
        if not self._is_open:
            yield from self._open(Message(id=self._new_id("msg"), role="assistant", content=[]))
        parts = self._parts()
        if not parts or parts[-1].type != part.type:
            yield from self._close_part(())
            parts.append(part)
            yield self._told("content_part.added", content_index=len(parts) - 1, part=part)
        index, text = len(parts) - 1, isinstance(part, OutputText)
        for piece in pieces:
            self._pieces.append(piece)
            if text:
                yield self._told("output_text.delta", content_index=index, delta=piece, logprobs=())
            else:
                yield self._told("refusal.delta", content_index=index, delta=piece)

    def _argue(self, pieces: Sequence[str]) -> Iterator[Event]:
        for piece in pieces:
            self._pieces.append(piece)
            yield self._told("function_call_arguments.delta", delta=piece)

    def _search(self, queries: Sequence[str]) -> Iterator[Event]:
        call = FileSearchCall(id=self._new_id("fs"), queries=list(queries))
        yield from self._open(call)
        yield self._told("file_search_call.in_progress")
        call.status = "searching"
        yield self._told("file_search_call.searching")

    def _find(self, found: Found) -> Iterator[Event]:
        call = self._items[-1]
        if self._with_results and isinstance(call, FileSearchCall):
            call.results = [FileSearchResult.model_validate(one, from_attributes=True) for one in found.results]
        yield self._told("file_search_call.completed")
        yield from self.close((), whole=True)

    # --- opening and closing

    def _open(self, item: OutputItem) -> Iterator[Event]:
        item.status = "in_progress"
        self._items.append(item)
        self._is_open = True
        yield self._item_told("added")

    def close(self, citations: Sequence[FileCitation], *, whole: bool) -> Iterator[Event]:
        if not self._is_open:
            return
        item = self._items[-1]
        if isinstance(item, FunctionCall):
            item.arguments = self._taken()
            yield self._told("function_call_arguments.done", name=item.name, arguments=item.arguments)
        if isinstance(item, Message):
            yield from self._close_part(citations)
        item.status = "completed" if whole else "incomplete"
        self._is_open = False
        yield self._item_told("done")

    def _close_part(self, citations: Sequence[FileCitation]) -> Iterator[Event]:
        parts = self._parts()
        index = len(parts) - 1
        match parts[-1] if parts else None:
            case OutputText() as part:
                part.text = self._taken()
                for place, citation in enumerate(citations):
                    part.annotations.append(citation)
                    place_in = {"content_index": index, "annotation_index": place}
                    yield self._told("output_text.annotation.added", **place_in, annotation=citation)
                yield self._told("output_text.done", content_index=index, text=part.text, logprobs=())
                yield self._told("content_part.done", content_index=index, part=part)
            case Refusal() as part:
                part.refusal = self._taken()
                yield self._told("refusal.done", content_index=index, refusal=part.refusal)
                yield self._told("content_part.done", content_index=index, part=part)
            case _:
                return

    def _parts(self) -> list[OutputText | Refusal]:
        item = self._items[-1]
        return item.content if isinstance(item, Message) and isinstance(item.content, list) else []  # type: ignore[return-value]

    def _taken(self) -> str:
        text, self._pieces = "".join(self._pieces), []
        return text

    # --- telling

    def _told(self, name: str, /, **fields: object) -> Event:
        place = {"item_id": self._items[-1].id, "output_index": self._place}
        return self._numbers.event(f"response.{name}", **place, **fields)

    def _item_told(self, what: str) -> Event:
        return self._numbers.event(f"response.output_item.{what}", output_index=self._place, item=self._items[-1])

    @property
    def _place(self) -> int:
        return self._given_up + len(self._items) - 1

    def _new_id(self, prefix: str) -> str:
        return item_id(prefix, self._response_id, self._given_up + len(self._items))


def _with_text(item: OutputItem, text: str) -> OutputItem:
    """A copy of an item that is open, with the text that has come."""
    item = item.model_copy(deep=True)
    if isinstance(item, FunctionCall):
        item.arguments = text
    elif isinstance(item, Message) and isinstance(item.content, list) and item.content:
        match item.content[-1]:
            case OutputText() as part:
                part.text = text
            case Refusal() as part:
                part.refusal = text
            case _:
                pass
    return item
