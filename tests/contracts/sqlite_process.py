"""One process of several that share a file: `python -m tests.contracts.sqlite_process <what> <path> <argument>`."""

import asyncio
import sys
from pathlib import Path

from shared.adapters.sqlite.chunks import SqliteChunks
from shared.adapters.sqlite.connection import SqliteDatabase
from shared.adapters.sqlite.usage import SqliteUsageLedger
from tests.contracts.stores import DIMENSIONS, chunk, event


async def record(database: SqliteDatabase, count: int) -> None:
    """Record the same events four times over, and say how far it is."""
    ledger = SqliteUsageLedger(database)
    for _ in range(4):
        for number in range(count):
            await ledger.record(event(str(number), input_tokens=number))
            print(number, flush=True)


async def publish(database: SqliteDatabase, count: int) -> None:
    """Write, publish and sweep one generation of a document after the other, each of three chunks."""
    chunks = SqliteChunks(database, dimensions=DIMENSIONS, embedding_model="test")
    for generation in range(1, count + 1):
        parts = [chunk(f"{generation}-{part}", generation=generation, ordinal=part) for part in range(3)]
        for part in parts:
            await chunks.put([part])
        await chunks.publish("t", "s", "d", generation)
        await chunks.sweep("t", "s", "d")
        print(generation, flush=True)


async def main(what: str, path: str, argument: str) -> None:
    database = SqliteDatabase(Path(path), patience_s=30)
    await {"record": record, "publish": publish}[what](database, int(argument))
    await database.close()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
