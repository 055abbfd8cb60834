"""Waiting until files are indexed, and what became of them."""

import asyncio
from collections.abc import Collection, Mapping

from openai import AsyncOpenAI
from openai.types import VectorStore

from cli.upload.progress import Progress

_FIRST_LOOK_S, _LAST_LOOK_S = 0.2, 2.0
_PAGE = 100


async def wait(client: AsyncOpenAI, store_id: str, ours: Collection[str], progress: Progress) -> None:
    """Until none of our files is in progress; others may go on adding to the store."""
    pause_s = _FIRST_LOOK_S
    while True:
        store = await client.vector_stores.retrieve(store_id)
        left = await _left(client, store, ours)
        progress.indexed(len(ours) - left, len(ours), _parts(store))
        if not left:
            return
        await asyncio.sleep(pause_s)
        pause_s = min(pause_s * 1.5, _LAST_LOOK_S)


async def failures(client: AsyncOpenAI, store_id: str, ours: Collection[str]) -> Mapping[str, str]:
    """The reason of each of our files that failed, by its id."""
    return {
        file.id: f"{file.last_error.code}: {file.last_error.message}" if file.last_error else "no reason given"
        async for file in client.vector_stores.files.list(store_id, filter="failed", limit=_PAGE)
        if file.id in ours
    }


async def _left(client: AsyncOpenAI, store: VectorStore, ours: Collection[str]) -> int:
    """How many of ours are in progress. The counts of the store tell while they are many: then they are about ours."""
    waiting = store.file_counts.in_progress
    if not 0 < waiting <= _PAGE:
        return min(waiting, len(ours))
    files = client.vector_stores.files.list(store.id, filter="in_progress", limit=_PAGE)
    return sum([file.id in ours async for file in files])


def _parts(store: VectorStore) -> str:
    """Large files are indexed in parts, which the counts add up."""
    counts = store.file_counts.model_extra or {}
    return f", {counts['parts_done']} of {counts['parts']} parts of large ones" if counts.get("parts") else ""
