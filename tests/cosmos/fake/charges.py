"""What an operation costs in request units: an estimate from the rules of thumb that Microsoft publishes.

A point read of 1 KB is 1 RU, of 100 KB 10. A write of 1 KB with a few indexed paths is about 6, of 100 KB about 50; a
replacement, a patch and a batch's step are charged as what they write. A query is 2.3 and 0.1 for each item that it
yields, and its bytes like a read; a ranked one pays for what it scans. Strong consistency doubles every read.
"""

import json
from collections.abc import Sequence
from typing import Any

STRONG = 2.0


def size_kb(item: Any) -> float:
    """What the service keeps for itself (_etag, _ts) is not counted: the estimates must not vary with it."""
    if isinstance(item, list):
        return sum(map(size_kb, item))
    item = {name: value for name, value in item.items() if not name.startswith("_")}
    return len(json.dumps(item, ensure_ascii=False, separators=(",", ":")).encode()) / 1024


def read(item: Any) -> float:
    return STRONG * (1 + max(0.0, size_kb(item) - 1) * 0.1)


def missed() -> float:
    return STRONG


def write(item: Any, *, replaces: bool = False) -> float:
    return (5.5 + max(0.0, size_kb(item) - 1) * 0.5) * (1.7 if replaces else 1.0)


def delete(item: Any) -> float:
    return write(item)


def query(items: Sequence[Any], *, scanned: int, ranked: bool) -> float:
    work = 2.3 + 0.1 * len(items) + max(0.0, size_kb(list(items)) - 1) * 0.1
    return STRONG * (work + (0.005 * scanned if ranked else 0.0))
