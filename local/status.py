"""`python -m local status`: queues, documents, workers and ports of the local mode that uses a folder."""

import asyncio
import contextlib
import re
from collections.abc import AsyncIterable, AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

import aiohttp
import apsw
from azure.core.exceptions import AzureError
from azure.storage.queue import QueueProperties
from azure.storage.queue.aio import QueueServiceClient

from local.setup.environment import stored_connection
from local.setup.ownership import Holder, holder

_POISON = "-poison"
_ENDPOINT = re.compile(r"(Blob|Queue)Endpoint=http://127\.0\.0\.1:(\d+)/")
_SETTLED = ("ready", "failed", "needs_ocr", "empty", "deleted")
_STATES = (
    "SELECT json_extract(body, '$.state'), count(*) FROM records WHERE kind = 'DocumentRecord' GROUP BY 1 ORDER BY 1"
)
_TIMEOUT = aiohttp.ClientTimeout(total=5)


@dataclass(frozen=True, slots=True)
class Queue:
    name: str
    depth: int  # hidden messages too: those in work, and those that wait for their time
    oldest_s: float | None  # of the messages that nobody works on

    def __str__(self) -> str:
        age = "" if self.oldest_s is None else f", the oldest waits for {_span(self.oldest_s)}"
        hint = "  <- look at it" if self.depth and self.name.endswith(_POISON) else ""
        return f"  {self.name:56}{self.depth:>6}{age}{hint}"


async def report(folder: Path) -> str:
    """What there is to know, in lines for a person."""
    held = holder(folder)
    lines = [_running(folder, held)]
    if held is not None:
        lines += await _host(held.url)
        lines += await _storage(stored_connection(folder))
    lines += await asyncio.to_thread(_documents, folder / "flightdeck.db")
    return "\n".join(lines)


def _running(folder: Path, held: Holder | None) -> str:
    if held is None:
        return f"Local mode does not run in {folder}."
    return f"Local mode runs in {folder}: {held.url}, process {held.pid}."


async def _host(url: str) -> list[str]:
    try:
        async with (
            aiohttp.ClientSession(timeout=_TIMEOUT) as session,
            session.get(f"{url}/admin/host/status") as answer,
        ):
            status = await answer.json()
            return [f"Host: up for {_span(status['processUptime'] / 1000)}; workers {_listed(status['workers'])}."]
    except (aiohttp.ClientError, TimeoutError, ValueError, KeyError):
        return [f"Host: nobody answers on {url} as our host does (`func start` may run there, or nothing yet)."]


async def _storage(connection: str) -> list[str]:
    ports = {service.lower(): port for service, port in _ENDPOINT.findall(connection)}
    lines = [f"Azurite: blobs on port {ports.get('blob', '?')}, queues on port {ports.get('queue', '?')}.", "Queues:"]
    try:
        lines += [str(queue) async for queue in queues(connection)]
    except AzureError as error:
        lines.append(f"  They cannot be read: {error.message}")
    return lines


async def queues(connection: str) -> AsyncIterator[Queue]:
    async with QueueServiceClient.from_connection_string(connection, retry_total=0) as service:
        listed = cast("AsyncIterable[QueueProperties]", service.list_queues())
        async for found in listed:
            client = service.get_queue_client(found.name)
            depth = (await client.get_queue_properties()).approximate_message_count or 0
            waiting = await client.peek_messages()
            since = waiting[0].inserted_on if waiting else None
            yield Queue(found.name, depth, (datetime.now(UTC) - since).total_seconds() if since else None)


def _documents(database: Path) -> list[str]:
    """States of documents, from the embedded store; another store is not for us to read."""
    if not database.exists():
        return ["Documents: there is no embedded store yet."]
    try:
        states = _states(database)
    except apsw.Error as error:
        return [f"Documents: the store cannot be read: {error}"]
    flying = sum(count for state, count in states.items() if state not in _SETTLED)
    listed = ", ".join(f"{state} {count}" for state, count in states.items())
    return [f"Documents: {flying} in flight; {listed or 'there are none'}."]


def _states(database: Path) -> dict[str, int]:
    with contextlib.closing(apsw.Connection(str(database), flags=apsw.SQLITE_OPEN_READONLY)) as store:
        rows = store.execute(_STATES).fetchall()
    return {str(state): int(str(count)) for state, count in rows}


def _listed(pids: list[int]) -> str:
    return ", ".join(str(pid) for pid in pids) or "none, one is starting"


def _span(seconds: float) -> str:
    minutes, rest = divmod(max(0, int(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s" if minutes else f"{rest} s"
