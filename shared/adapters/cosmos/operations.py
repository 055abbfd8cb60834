"""The operations of a transactional batch, and the limits that Cosmos DB sets to them."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from shared.errors import InvalidRequestError, TooLargeError

MAX_OPERATIONS = 100
MAX_CHANGES = 10
MAX_BATCH_BYTES = 1_000_000
"""A batch may have 2 MB as the service counts, which is not as we count; and aiohttp dislikes bodies over 1 MiB."""

MAX_ITEM_BYTES = 2 * 1024 * 1024

type Item = Mapping[str, Any]
type Change = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Operation:
    """One step of a batch. `predicate` is Cosmos DB's condition of a patch: no parameters, so only our own numbers."""

    kind: Literal["create", "upsert", "replace", "delete", "patch"]
    id: str
    item: Item | None = None
    changes: Sequence[Change] = ()
    predicate: str | None = None
    etag: str | None = None

    def arguments(self) -> tuple[str, tuple[Any, ...], dict[str, str]]:
        """As the SDK takes it. Made anew for each attempt: the SDK empties the dictionary that it is given."""
        conditions = {"filter_predicate": self.predicate, "if_match_etag": self.etag}
        return self.kind, self._positional(), {name: value for name, value in conditions.items() if value is not None}

    def _positional(self) -> tuple[Any, ...]:
        if self.kind == "patch":
            return self.id, list(self.changes)
        if self.kind == "replace":
            return self.id, self.item
        return (self.id,) if self.kind == "delete" else (self.item,)


def create(item: Item) -> Operation:
    return Operation("create", item["id"], item)


def upsert(item: Item) -> Operation:
    return Operation("upsert", item["id"], item)


def replace(item: Item, *, etag: str) -> Operation:
    return Operation("replace", item["id"], item, etag=etag)


def delete(item_id: str, *, etag: str | None = None) -> Operation:
    return Operation("delete", item_id, etag=etag)


def patch(item_id: str, *changes: Change, predicate: str | None = None, etag: str | None = None) -> Operation:
    return Operation("patch", item_id, changes=changes, predicate=predicate, etag=etag)


def put(path: str, value: object) -> Change:
    return {"op": "set", "path": path, "value": value}


def remove(path: str) -> Change:
    return {"op": "remove", "path": path}


def add(path: str, number: int) -> Change:
    """Add to a number that is there, or start it."""
    return {"op": "incr", "path": path, "value": number}


def check(operations: Sequence[Operation]) -> None:
    """Raise TooLargeError for what the service would refuse."""
    if len(operations) > MAX_OPERATIONS:
        raise TooLargeError(f"A batch has {len(operations)} operations; {MAX_OPERATIONS} are allowed.")
    for one in operations:
        if len(one.changes) > MAX_CHANGES:
            raise TooLargeError(f"A patch has {len(one.changes)} changes; {MAX_CHANGES} are allowed.")
    size = sum(size_bytes(one.item) for one in operations if one.item is not None)
    if size > max(MAX_BATCH_BYTES, MAX_ITEM_BYTES if len(operations) <= 2 else 0):
        raise TooLargeError(f"A batch has {size} bytes; {MAX_BATCH_BYTES} are allowed.")


def size_bytes(item: Item) -> int:
    """What the item takes on the wire. Raise TooLargeError above what the service stores."""
    try:
        size = len(json.dumps(item, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode())
    except ValueError as error:
        raise InvalidRequestError(f"Item {item['id']!r} cannot be written as JSON: {error}.") from error
    if size > MAX_ITEM_BYTES:
        raise TooLargeError(f"Item {item['id']!r} has {size} bytes; {MAX_ITEM_BYTES} are allowed.")
    return size
