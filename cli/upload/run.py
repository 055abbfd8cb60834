"""An upload from beginning to end."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

import openai
from openai import AsyncOpenAI

from cli import sdk
from cli.connection import Connection
from cli.upload import indexing
from cli.upload.folders import LocalFile
from cli.upload.known import Attributes, Known
from cli.upload.progress import Progress, progress
from cli.upload.sending import Outcome, Uploader

_PAGE = 100


@dataclass(frozen=True, slots=True)
class Wishes:
    """`given` are attributes for every file; `wait` is until all are indexed."""

    given: Attributes
    at_once: int
    part_bytes: int
    wait: bool


async def bring(connection: Connection, store_id: str, files: Sequence[LocalFile], wishes: Wishes) -> list[Outcome]:
    """Raise CommandError for what is wrong with all of them."""
    with sdk.failures(connection), progress() as shown:
        async with sdk.async_client(connection) as client:
            shown.begin(len(files), sum(file.size_bytes for file in files))
            there = [one.to_dict() async for one in client.vector_stores.files.list(store_id, limit=_PAGE)]
            uploader = Uploader(client, store_id, Known.of(there), wishes.given, wishes.part_bytes, shown)
            outcomes = await uploader.bring_all(files, at_once=wishes.at_once)
            return await _indexed(client, store_id, outcomes, shown) if wishes.wait else outcomes


async def _indexed(client: AsyncOpenAI, store_id: str, outcomes: list[Outcome], shown: Progress) -> list[Outcome]:
    """With the reasons of those that could not be indexed. Of the others, older versions are deleted."""
    ours = {outcome.file_id for outcome in outcomes if outcome.file_id is not None}
    await indexing.wait(client, store_id, ours, shown)
    reasons = await indexing.failures(client, store_id, ours)
    settled = [replace(one, reason=reasons.get(one.file_id or "", one.reason)) for one in outcomes]
    for outcome in settled:
        for old in outcome.replaces if not outcome.reason else ():
            with suppress(openai.NotFoundError):  # another upload of the same folder was quicker
                await client.files.delete(old)
    return settled
