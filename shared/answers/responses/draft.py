"""A response as its moves make it: what it is so far, and the events that tell of it."""

from collections.abc import Iterator

from shared.answers.responses.events import Event, Numbers
from shared.answers.responses.output import Output
from shared.ports.responses import Begun, Ended, Move, Queued, ResponseRecord
from shared.wire.responses import (
    ConversationId,
    IncompleteDetails,
    InputTokensDetails,
    OutputTokensDetails,
    ResponseError,
    ResponseObject,
    ResponseStatus,
    ResponseUsage,
)


class Draft:
    """Give it the moves in their order. The same moves always make the same events."""

    def __init__(self, record: ResponseRecord, *, with_results: bool = False) -> None:
        self._record = record
        self._numbers = Numbers()
        self._output = Output(record.id, self._numbers, with_results=with_results)
        self._status: ResponseStatus = "in_progress"
        self._ended: Ended | None = None

    @classmethod
    def of(cls, record: ResponseRecord, *, with_results: bool = False) -> "Draft":
        """With all the moves that the record holds."""
        draft = cls(record, with_results=with_results)
        for move in record.moves:
            draft.apply(move)
        return draft

    def apply(self, move: Move) -> list[Event]:
        return list(self._told(move))

    def _told(self, move: Move) -> Iterator[Event]:
        match move:
            case Queued():
                self._status = "queued"
                yield self._course("created")
                yield self._course("queued")
            case Begun():
                yield from self._output.give_up()
                self._status = "in_progress"
                if not self._numbers.following:
                    yield self._course("created")
                yield self._course("in_progress")
            case Ended(status=status):
                yield from self._output.close((), whole=False)
                self._status, self._ended = status, move
                yield from self._end(move)
            case _:
                yield from self._output.apply(move)

    def _end(self, ended: Ended) -> Iterator[Event]:
        """A response that was cancelled ends with an error too: OpenAI has no event for it."""
        if ended.status == "cancelled":
            yield self._numbers.error("response_cancelled", "The response was cancelled.")
            return
        yield self._course(ended.status)
        if ended.status == "failed":
            yield self._numbers.error(ended.code, ended.message)

    def _course(self, name: str) -> Event:
        return self._numbers.event(f"response.{name}", response=self.response())

    def response(self) -> ResponseObject:
        asked, ended = self._record.asked, self._ended
        return ResponseObject.model_validate(
            {
                **asked,
                "id": self._record.id,
                "created_at": int(self._record.created_at.timestamp()),
                "completed_at": int(ended.at.timestamp()) if ended and ended.status == "completed" else None,
                "status": self._status,
                "error": ResponseError(code=ended.code, message=ended.message) if ended and ended.code else None,
                "incomplete_details": IncompleteDetails(reason=ended.reason) if ended and ended.reason else None,
                "output": self._output.items(),
                "usage": _usage(ended),
                "conversation": _conversation(asked.get("conversation")),
            }
        )


def _conversation(given: object) -> ConversationId | None:
    return ConversationId(id=given) if isinstance(given, str) else None


def _usage(ended: Ended | None) -> ResponseUsage | None:
    if ended is None or ended.spent is None:
        return None
    spent = ended.spent
    return ResponseUsage(
        input_tokens=spent.input_tokens,
        input_tokens_details=InputTokensDetails(cached_tokens=spent.cached_tokens),
        output_tokens=spent.output_tokens,
        output_tokens_details=OutputTokensDetails(reasoning_tokens=spent.reasoning_tokens),
        total_tokens=spent.input_tokens + spent.output_tokens,
    )
