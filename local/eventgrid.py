"""Event Grid for Azurite, which raises no events: containers are listed, changes played to webhooks and a queue.

`python -m local.eventgrid` runs it beside `func start`; `Player` is the same for a supervisor and for tests.
"""

import argparse
import asyncio
import base64
import contextlib
import json
import logging
import random
import signal
import sys
import time
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, Self

import aiohttp
from azure.core.exceptions import AzureError, ResourceExistsError
from azure.storage.blob import BlobProperties
from azure.storage.blob.aio import BlobServiceClient, ContainerClient
from azure.storage.queue.aio import QueueServiceClient

from local.faults import add_faults
from local.host.config import DEVELOPMENT_STORAGE, expanded

type Event = dict[str, Any]
type Kind = Literal["Microsoft.Storage.BlobCreated", "Microsoft.Storage.BlobDeleted"]
_CREATED: Kind = "Microsoft.Storage.BlobCreated"
_DELETED: Kind = "Microsoft.Storage.BlobDeleted"
_log = logging.getLogger("local.eventgrid")


@dataclass(frozen=True, slots=True, kw_only=True)
class PlayerConfig:
    """What to watch and where to play it. The last four make deliveries as bad as Event Grid's may be."""

    storage: str
    state_file: Path
    containers: tuple[str, ...] = ("documents",)
    queue: str = "documents"
    webhooks: tuple[str, ...] = ()
    interval_s: float = 0.5
    duplicate: bool = False
    shuffle: bool = False
    drop_rate: float = 0.0
    seed: int = 0


@dataclass(frozen=True, slots=True)
class _Change:
    container: str
    name: str
    etag: str | None  # None: deleted
    event: Event


class _State:
    """What was played last of each blob, in a file that is whole at every moment."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._played: dict[str, dict[str, str]] = json.loads(path.read_text()) if path.exists() else {}

    def played(self, container: str) -> dict[str, str]:
        return self._played.setdefault(container, {})

    def save(self) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        draft = self._path.with_suffix(".draft")
        draft.write_text(json.dumps(self._played))
        draft.replace(self._path)


class Player:
    """Plays each change at least once: it is remembered as played only after every delivery was taken."""

    def __init__(self, config: PlayerConfig) -> None:
        self._config = config
        self._state = _State(config.state_file)
        self._random = random.Random(config.seed)  # noqa: S311 - chaos that can be repeated, not a secret
        connection = expanded(config.storage)
        self._blobs = BlobServiceClient.from_connection_string(connection)
        self._queues = QueueServiceClient.from_connection_string(connection)
        self._queue = self._queues.get_queue_client(config.queue)
        self._http = aiohttp.ClientSession()

    async def __aenter__(self) -> Self:
        with contextlib.suppress(ResourceExistsError):
            await self._queue.create_queue()
        for name in self._config.containers:
            with contextlib.suppress(ResourceExistsError):
                await self._blobs.create_container(name)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._http.close()
        await self._queues.close()
        await self._blobs.close()

    async def run(self) -> None:
        """Play until cancelled; what could not be delivered is tried again in the next round."""
        while True:
            try:
                await self.play_once()
            except (AzureError, aiohttp.ClientError, TimeoutError) as error:
                _log.warning("Events will be played again: %r", error)
            await asyncio.sleep(self._config.interval_s)

    async def play_once(self) -> int:
        """Deliver every change since the last round; how many there were."""
        changes = [change for name in self._config.containers for change in await self._changes(name)]
        if self._config.shuffle:
            self._random.shuffle(changes)
        try:
            for change in changes:
                await self._play(change)
        finally:
            if changes:
                self._state.save()
        return len(changes)

    async def _changes(self, name: str) -> list[_Change]:
        container = self._blobs.get_container_client(name)
        played = self._state.played(name)
        present: dict[str, BlobProperties] = {blob.name: blob async for blob in container.list_blobs()}
        changes = [
            _Change(name, blob.name, _etag(blob), _event(_CREATED, container, blob.name, blob))
            for blob in present.values()
            if played.get(blob.name) != _etag(blob)
        ]
        gone = [blob for blob in played if blob not in present]
        return changes + [_Change(name, blob, None, _event(_DELETED, container, blob, None)) for blob in gone]

    async def _play(self, change: _Change) -> None:
        if self._random.random() >= self._config.drop_rate:
            for _ in range(2 if self._config.duplicate else 1):
                await self._deliver(change)
        played = self._state.played(change.container)
        if change.etag is None:
            played.pop(change.name, None)
        else:
            played[change.name] = change.etag

    async def _deliver(self, change: _Change) -> None:
        if change.etag is not None:
            for webhook in self._config.webhooks:
                headers = {"aeg-event-type": "Notification"}
                async with self._http.post(webhook, json=[change.event], headers=headers) as response:
                    response.raise_for_status()
        await self._queue.send_message(base64.b64encode(json.dumps(change.event).encode()).decode())
        _log.info("%s %s", change.event["eventType"], change.event["subject"])


def _etag(blob: BlobProperties) -> str:
    return str(blob.etag).strip('"')


def _event(kind: Kind, container: ContainerClient, name: str, blob: BlobProperties | None) -> Event:
    account = container.account_name
    data: dict[str, Any] = {
        "api": "PutBlob" if kind == _CREATED else "DeleteBlob",
        "requestId": str(uuid.uuid4()),
        "url": container.get_blob_client(name).url,
        "blobType": "BlockBlob",
        "sequencer": f"{time.time_ns():032x}",
    }
    if blob is not None:
        content_type = blob.content_settings.content_type or "application/octet-stream"
        data |= {"eTag": _etag(blob), "contentType": content_type, "contentLength": blob.size}
    return {
        "id": str(uuid.uuid4()),
        "topic": f"/subscriptions/local/resourceGroups/local/providers/Microsoft.Storage/storageAccounts/{account}",
        "subject": f"/blobServices/default/containers/{container.container_name}/blobs/{name}",
        "eventType": kind,
        "eventTime": datetime.now(UTC).isoformat().replace("+00:00", "Z"),
        "data": data,
        "dataVersion": "",
        "metadataVersion": "1",
    }


def main() -> None:
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    logging.getLogger("azure").setLevel(logging.WARNING)
    asyncio.run(_play_until_stopped(_config()))


async def _play_until_stopped(config: PlayerConfig) -> None:
    async with Player(config) as player:
        playing = asyncio.create_task(player.run())
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, playing.cancel)
        await asyncio.gather(playing, return_exceptions=True)


def _config() -> PlayerConfig:
    parser = argparse.ArgumentParser(
        prog="python -m local.eventgrid", description="Play Azurite's blob changes as events."
    )
    parser.add_argument("--storage", default=DEVELOPMENT_STORAGE, help="connection string")
    parser.add_argument("--state-file", type=Path, default=Path(".local/eventgrid.json"))
    parser.add_argument("--container", dest="containers", action="append", help="may be repeated; documents by default")
    parser.add_argument("--queue", default="documents")
    parser.add_argument("--webhook", dest="webhooks", action="append", default=[], help="may be repeated")
    parser.add_argument("--interval-s", type=float, default=0.5)
    add_faults(parser)
    chosen = vars(parser.parse_args())
    chosen["containers"] = tuple(chosen["containers"] or ["documents"])
    chosen["webhooks"] = tuple(chosen["webhooks"])
    return PlayerConfig(**chosen)


if __name__ == "__main__":
    main()
