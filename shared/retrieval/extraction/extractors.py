"""As many documents read at once as the machine has cores for, two at most, each in a child process of its own."""

import asyncio
import os
from collections import Counter
from pathlib import Path

from shared.retrieval.extraction.document import Cut, Extracted, Part
from shared.retrieval.extraction.extractor import Extractor
from shared.retrieval.extraction.limits import Limits

_MOST = 2
"""What is read has to be written too, by this process: more would wait for it. Each may take `memory_bytes`."""

_QUEUE = 4
"""Documents at the first reader before there is a second: one takes milliseconds, and a process to start, a second."""


class Extractors:
    """Reads documents as an `Extractor` does; a long one holds up nobody while there is another reader."""

    def __init__(self, limits: Limits | None = None, *, cores: int | None = None) -> None:
        count = min(cores or os.process_cpu_count() or 1, _MOST)
        self._readers = [Extractor(limits) for _ in range(count)]
        self._at: Counter[Extractor] = Counter()

    async def extract(self, path: Path, filename: str, part: Part | None = None, cut: Cut | None = None) -> Extracted:
        """Raise as `Extractor.extract`."""
        reader = self._free()
        self._at[reader] += 1
        try:
            return await reader.extract(path, filename, part, cut)
        finally:
            self._at[reader] -= 1

    def prepare(self) -> None:
        """Start the first reader's child, unless it runs: it takes a quarter of a second, and so may a download."""
        self._readers[0].prepare()

    async def close(self) -> None:
        """End the children. What they are reading is given up, with OverloadedError."""
        await asyncio.gather(*(reader.close() for reader in self._readers))

    def _free(self) -> Extractor:
        """The first, unless documents queue up there; then the one with the fewest."""
        first = self._readers[0]
        return first if self._at[first] < _QUEUE else min(self._readers, key=self._at.__getitem__)
