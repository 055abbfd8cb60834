"""Values as the JSON that every store keeps, each with the version of its shape.

What an earlier release wrote is upgraded as it is read, and written in this release's version with its next
replacement, If-Match as always. What a later release wrote is refused: reading it would lose what this one does not
know, and the next write would make the loss last.
"""

import json
from dataclasses import fields
from typing import Any, ClassVar, Protocol

from pydantic import TypeAdapter

from shared.errors import InvalidRequestError, NewerDataError, TooLargeError
from shared.ports.records import MAX_RECORD_BYTES
from shared.ports.upgrades import UPGRADES
from shared.wire.versions import FIRST, Fields, Upgrades, latest, upgraded

_VERSION = "schema_version"


class Storable(Protocol):
    """A frozen dataclass that its stores know by an id."""

    __dataclass_fields__: ClassVar[dict[str, Any]]

    @property
    def id(self) -> str: ...


class Codec[T: Storable]:
    """JSON of `stored_type`, a dataclass. `upgrades` lead to the release's own version; default: this release's."""

    def __init__(self, stored_type: type[T], upgrades: Upgrades | None = None) -> None:
        self.kind = stored_type.__name__
        self._upgrades = UPGRADES.get(self.kind, ()) if upgrades is None else upgrades
        self.version = latest(self._upgrades)
        self._head = f'{{"{_VERSION}":{self.version},'.encode()
        self._json: TypeAdapter[T] = TypeAdapter(stored_type)
        self._fields = frozenset(field.name for field in fields(stored_type))

    def encode(self, value: T) -> bytes:
        """Raise InvalidRequestError for what JSON cannot hold, TooLargeError for more than `MAX_RECORD_BYTES`."""
        try:
            body = self._head + self._json.dump_json(value, warnings="error")[1:]
        except ValueError as error:
            raise InvalidRequestError(f"{self.kind} {value.id!r} cannot be written as JSON: {error}.") from error
        if len(body) > MAX_RECORD_BYTES:
            raise TooLargeError(f"{self.kind} {value.id!r} has {len(body)} bytes; {MAX_RECORD_BYTES} are allowed.")
        return body

    def decode(self, body: bytes) -> T:
        """Raise NewerDataError for what a later release wrote."""
        if body.startswith(self._head):
            return self._json.validate_json(body)
        return self.restore(json.loads(body))

    def restore(self, stored: Fields) -> T:
        """The same for JSON that is parsed already."""
        version: int = stored.get(_VERSION, FIRST)
        if version > self.version:
            raise self._newer(stored, version)
        return self._json.validate_python(upgraded(stored, version, self._upgrades))

    def field(self, name: str) -> str:
        """The name itself. Raise InvalidRequestError when the type has no such field."""
        if name not in self._fields:
            raise InvalidRequestError(f"{self.kind} has no field {name!r}.", param=name)
        return name

    def _newer(self, stored: Fields, version: int) -> NewerDataError:
        return NewerDataError(
            f"{self.kind} {stored.get('id')!r} has version {version}, which a later release wrote; this release knows"
            f" {self.version}. Deploy that release again: nothing was changed.",
            retry_after_s=60,
        )
