"""The program inside each process of the search benchmark: one side, its file, the questions.

`python -m benchmarks.searching SIDE FILE QUESTIONS LIMIT` reads the kind of question (`keywords` or `sentence`) from
each line of its input, asks all of that kind one after the other, and prints one JSON line.
"""

import asyncio
import json
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks import synthetic
from benchmarks.search_stores import SIDES, Found, Store


def main() -> None:
    side, path, count, limit = sys.argv[1:]
    asked = synthetic.questions(int(count))
    asyncio.run(_serve(SIDES[side](Path(path)), asked, int(limit)))


async def _serve(store: Store, asked: list[synthetic.Question], limit: int) -> None:
    for line in sys.stdin:
        print(json.dumps(await _round(store, asked, line.strip(), limit)), flush=True)
    await store.close()


async def _round(store: Store, asked: list[synthetic.Question], kind: str, limit: int) -> dict[str, Any]:
    """How long each question took, and what it found."""
    waits_ms: list[float] = []
    found: list[Found] = []
    cpu = time.process_time()
    for question in asked:
        text, vector = getattr(question, kind), tuple(question.vector.tolist())
        began = time.perf_counter()
        found.append(await store.search(vector, text, limit=limit))
        waits_ms.append((time.perf_counter() - began) * 1000)
    return {
        "waits_ms": waits_ms,
        "cpu_ms": (time.process_time() - cpu) * 1000 / len(asked),
        "by_vector": [one.by_vector for one in found],
        "by_text": [one.by_text for one in found],
    }


if __name__ == "__main__":
    main()
