"""Events of a response's stream, each with its number."""

from dataclasses import dataclass

from pydantic_core import to_json

from shared.errors import PlatformError


@dataclass(frozen=True, slots=True)
class Event:
    number: int
    data: bytes


class Numbers:
    """Counts the events of one stream."""

    def __init__(self) -> None:
        self.following = 0

    def event(self, name: str, /, **fields: object) -> Event:
        number, self.following = self.following, self.following + 1
        body = to_json({"type": name, "sequence_number": number, **fields})
        return Event(number, b"event: " + name.encode() + b"\ndata: " + body + b"\n\n")

    def error(self, code: str, message: str, param: str | None = None) -> Event:
        """What makes a client raise. OpenAI's clients look for `error`; `code` and `message` beside it are the fields
        that its reference names."""
        error = {"message": message, "type": PlatformError.type, "param": param, "code": code}
        return self.event("error", code=code, message=message, param=param, error=error)
