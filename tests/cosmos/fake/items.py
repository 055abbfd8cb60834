"""Containers and their partitions: the six things that one can do to an item, and a batch of them."""

import copy
import itertools
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.cosmos.fake import charges
from tests.cosmos.fake.answers import RefusalError
from tests.cosmos.fake.evaluation import Found, holds, run
from tests.cosmos.fake.patching import patched

MAX_ITEM_KB = 2048
_FORBIDDEN = frozenset("/\\?#")

type Item = dict[str, Any]
_counter = itertools.count(1)


@dataclass(frozen=True)
class Done:
    status: int
    item: Item | None
    charge: float


@dataclass
class Container:
    definition: Item
    now: Callable[[], float]
    partitions: defaultdict[str, dict[str, Item]] = field(default_factory=lambda: defaultdict(dict))

    @property
    def key_name(self) -> str:
        return self.definition["partitionKey"]["paths"][0].removeprefix("/")

    def partition(self, key: str) -> "Partition":
        return Partition(self, key, self.partitions[key])


@dataclass
class Partition:
    """Everything of one partition key. Nothing here can reach another."""

    container: Container
    key: str
    items: dict[str, Item]

    def read(self, item_id: str) -> Done:
        item = self._find(item_id)
        return Done(200, item, charges.read(item))

    def create(self, body: Item) -> Done:
        if self._alive(body["id"]) is not None:
            raise RefusalError(409, "Resource with specified id already exists.")
        return Done(201, self._write(body), charges.write(body))

    def upsert(self, body: Item, if_match: str | None = None) -> Done:
        before = self._alive(body["id"])
        self._match(before, if_match)
        return Done(201 if before is None else 200, self._write(body), charges.write(body, replaces=before is not None))

    def replace(self, item_id: str, body: Item, if_match: str | None = None) -> Done:
        self._match(self._find(item_id), if_match)
        return Done(200, self._write(body), charges.write(body, replaces=True))

    def delete(self, item_id: str, if_match: str | None = None) -> Done:
        item = self._find(item_id)
        self._match(item, if_match)
        del self.items[item_id]
        return Done(204, None, charges.delete(item))

    def patch(self, item_id: str, body: Item, if_match: str | None = None) -> Done:
        item = self._find(item_id)
        self._match(item, if_match)
        if "condition" in body and not holds(body["condition"], item):
            raise RefusalError(412, "The condition of the patch does not hold.")
        changed = self._write(patched(item, body["operations"]))
        return Done(200, changed, charges.write(changed, replaces=True))

    def query(self, sql: str, parameters: dict[str, Any]) -> Found:
        alive = [item for item_id in list(self.items) if (item := self._alive(item_id)) is not None]
        return run(sql, parameters, alive)

    def snapshot(self) -> dict[str, Item]:
        return copy.deepcopy(self.items)

    def restore(self, snapshot: dict[str, Item]) -> None:
        self.items.clear()
        self.items.update(snapshot)

    def _find(self, item_id: str) -> Item:
        item = self._alive(item_id)
        if item is None:
            raise RefusalError(404, "Resource Not Found.")
        return item

    def _alive(self, item_id: str) -> Item | None:
        item = self.items.get(item_id)
        default = self.container.definition.get("defaultTtl")
        if item is None or default is None:
            return item
        ttl = item.get("ttl", default)
        if ttl == -1 or self.container.now() < item["_ts"] + ttl:
            return item
        del self.items[item_id]
        return None

    def _match(self, item: Item | None, if_match: str | None) -> None:
        if if_match is not None and (item is None or item["_etag"] != if_match):
            raise RefusalError(412, "One of the specified pre-condition is not met.")

    def _write(self, body: Item) -> Item:
        _check(body, self.container.key_name, self.key)
        number = next(_counter)
        system = {"_etag": f'"{number:08x}-0000"', "_ts": int(self.container.now()), "_rid": f"r{number}"}
        written = {**_as_doubles(body), **system}
        self.items[body["id"]] = written
        return written


def _check(body: Item, key_name: str, key: str) -> None:
    if body.get(key_name) != key:
        raise RefusalError(400, "PartitionKey extracted from document doesn't match the one specified in the header.")
    name = body["id"]
    if not isinstance(name, str) or not name or len(name.encode()) > 1023 or not _FORBIDDEN.isdisjoint(name):
        raise RefusalError(400, f"The id {name!r} is not allowed.")
    if charges.size_kb(body) > MAX_ITEM_KB:
        raise RefusalError(413, "Request size is too large.")


def _as_doubles(value: Any) -> Any:
    """Numbers as the service keeps them: whole ones beyond 2^53 lose their last digits."""
    if isinstance(value, dict):
        return {name: _as_doubles(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_as_doubles(inner) for inner in value]
    return int(float(value)) if isinstance(value, int) and abs(value) > 2**53 else value
