"""Partial updates: set, add, remove and incr of one path each, at most ten, all or nothing."""

import copy
from typing import Any

from tests.cosmos.fake.answers import RefusalError

MAX_CHANGES = 10


def patched(item: dict[str, Any], changes: list[dict[str, Any]]) -> dict[str, Any]:
    if len(changes) > MAX_CHANGES:
        raise RefusalError(400, "The number of patch operations can't exceed 10.")
    changed = copy.deepcopy(item)
    for change in changes:
        _apply(changed, change)
    return changed


def _apply(item: dict[str, Any], change: dict[str, Any]) -> None:
    *above, last = [_unescaped(part) for part in change["path"].split("/")[1:]]
    parent: Any = item
    for part in above:
        if not isinstance(parent, dict) or part not in parent:
            raise RefusalError(400, f"The path {change['path']!r} has no parent.")
        parent = parent[part]
    {"set": _set, "add": _set, "remove": _remove, "incr": _increase}[change["op"]](parent, last, change)


def _set(parent: dict[str, Any], name: str, change: dict[str, Any]) -> None:
    parent[name] = change["value"]


def _remove(parent: dict[str, Any], name: str, change: dict[str, Any]) -> None:
    if name not in parent:
        raise RefusalError(400, f"The path {change['path']!r} is not there to be removed.")
    del parent[name]


def _increase(parent: dict[str, Any], name: str, change: dict[str, Any]) -> None:
    before = parent.get(name, 0)
    if not isinstance(before, int | float):
        raise RefusalError(400, f"The path {change['path']!r} holds no number.")
    parent[name] = before + change["value"]


def _unescaped(part: str) -> str:
    return part.replace("~1", "/").replace("~0", "~")
