"""What the sides of the ingestion benchmark share: how they are asked, and embeddings that cost nothing.

Imported in LangChain's and LlamaIndex's environment too: nothing but the standard library here.
"""

import json
import math
import random
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from zlib import crc32

DIMENSIONS = 384
CHUNK_TOKENS = 512
_KINDS = 256


class InstantVectors:
    """A vector of unit length for a text, looked up, and how many were asked for."""

    def __init__(self) -> None:
        self.asked = 0
        source = random.Random(2026)  # noqa: S311 -- nothing is secret here
        self._vectors = [_unit(source) for _ in range(_KINDS)]

    def of(self, text: str) -> list[float]:
        self.asked += 1
        return self._vectors[crc32(text.encode()) % _KINDS]


def serve(index: Callable[[Path], int], vectors: InstantVectors) -> None:
    """Bring the index in line with a folder, whenever the folder's path comes; say what it took, as a line of JSON.

    `index` returns how many chunks it holds then.
    """
    for line in sys.stdin:
        asked, began, cpu = vectors.asked, time.perf_counter(), _cpu_s()
        chunks = index(Path(line.strip()))
        found = {"seconds": time.perf_counter() - began, "cpu_s": _cpu_s() - cpu, "embedded": vectors.asked - asked}
        print(json.dumps(found | {"chunks": chunks, "peak_mb": _peak_mb()}), flush=True)


def _cpu_s() -> float:
    """Of this process, and of those of its children that have ended."""
    usages = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def _peak_mb() -> float:
    """The highest of this process, and of the largest of its children that have ended: together, if at one moment."""
    return sum(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)) / 1024


def _unit(source: random.Random) -> list[float]:
    numbers = [source.gauss() for _ in range(DIMENSIONS)]
    length = math.hypot(*numbers)
    return [number / length for number in numbers]
