"""The expectations of every Functions host, held against the local one, and against `func start` where there is one."""

import asyncio
import base64
import contextlib
import json
import os
import shutil
import signal
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from azure.core.exceptions import ResourceExistsError

from local.host.config import HostConfig
from local.host.host import Host
from local.setup.ownership import any_port
from tests.local.conftest import SAMPLE_APP, Account, Notes, eventually
from tests.local.expectations import ROWS, Row

_ABSENT = "Core Tools are not installed: there is no `func` on the PATH, so nothing was asked of `func start`."
_BUNDLE = {"id": "Microsoft.Azure.Functions.ExtensionBundle", "version": "[4.0.0, 5.0.0)"}
_PREFIX = "parity{}-"


@dataclass(frozen=True, slots=True)
class Target:
    """A host that serves the sample app, whoever made it."""

    url: str
    prefix: str
    notes: Notes


@pytest_asyncio.fixture(
    scope="session",
    loop_scope="session",
    params=["local", pytest.param("func", marks=pytest.mark.skipif(shutil.which("func") is None, reason=_ABSENT))],
)
async def target(
    request: pytest.FixtureRequest, account: Account, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Target]:
    folder = tmp_path_factory.mktemp(request.param)
    port, prefix = any_port(), _PREFIX.format(request.param)
    target = Target(f"http://127.0.0.1:{port}", prefix, Notes(folder / "notes.jsonl"))
    env = {"SAMPLE_NOTES": str(target.notes.path), "SAMPLE_PREFIX": prefix}
    serving = _local if request.param == "local" else _func
    async with serving(folder, port, account, env):
        yield target


@contextlib.asynccontextmanager
async def _local(_: Path, port: int, account: Account, env: dict[str, str]) -> AsyncIterator[None]:
    host = Host(HostConfig(app_dir=SAMPLE_APP, port=port, storage=account.connection_string, env=env, host_id="parity"))
    await host.start()
    yield
    await host.stop()


@contextlib.asynccontextmanager
async def _func(folder: Path, port: int, account: Account, env: dict[str, str]) -> AsyncIterator[None]:
    """`func start` over a copy of the sample app that names an extension bundle; never run where this was written."""
    app = folder / "app"
    shutil.copytree(SAMPLE_APP, app)
    host_json = json.loads((app / "host.json").read_text())
    (app / "host.json").write_text(json.dumps(host_json | {"extensionBundle": _BUNDLE}))
    storage = {"FUNCTIONS_WORKER_RUNTIME": "python", "AzureWebJobsStorage": account.connection_string}
    (app / "local.settings.json").write_text(json.dumps({"IsEncrypted": False, "Values": storage | env}))
    program = await asyncio.create_subprocess_exec(
        *("func", "start", "--port", str(port)),
        cwd=app,
        env={**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"},
        start_new_session=True,
    )
    try:
        await eventually(lambda: _running(f"http://127.0.0.1:{port}"), 180)
        yield
    finally:
        os.killpg(program.pid, signal.SIGINT)
        await program.wait()


async def _running(url: str) -> bool:
    with contextlib.suppress(aiohttp.ClientError, ValueError):
        async with aiohttp.ClientSession(url) as client, client.get("/admin/host/status") as response:
            return (await response.json())["state"] == "Running"
    return False


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name.replace(" ", "-"))
async def test_a_host_does_what_is_expected(target: Target, account: Account, row: Row) -> None:
    if row.request is not None:
        await _ask(target, row)
    if row.message is not None:
        queue, text = row.message
        await account.send(target.prefix + queue, text, raw=row.raw)
    if row.polled is not None:
        container, name, content = row.polled
        await account.upload(target.prefix + container, name, content)
    if row.blob is not None:
        await _drop(target, account, row)
    if row.queued is not None:
        await eventually(lambda: _arrived(target, account, row), 60)
    await eventually(lambda: len(_of(target, row)) >= len(row.notes), 60)
    for seen, expected in zip(_of(target, row), row.notes, strict=True):
        assert tuple(seen[: len(expected)]) == expected


async def _ask(target: Target, row: Row) -> None:
    assert row.request is not None
    async with (
        aiohttp.ClientSession(target.url) as client,
        client.request(*row.request, headers=row.headers, data=row.body or None) as response,
    ):
        assert response.status == row.status
        answer: dict[str, Any] = json.loads(await response.read()) if row.json else {}
    assert {name: answer.get(name) for name in row.json} == row.json


async def _drop(target: Target, account: Account, row: Row) -> None:
    assert row.blob is not None
    container, name, content, function = row.blob
    url = await account.upload(container, name, content)
    if row.deleted:
        await account.blobs.get_blob_client(container, name).delete_blob()
    data = {"url": url, "eTag": "0x1", "blobType": "BlockBlob", "api": "PutBlob"}
    event = {
        "id": name,
        "topic": "/storage",
        "subject": f"/blobServices/default/containers/{container}/blobs/{name}",
        "eventType": "Microsoft.Storage.BlobCreated",
        "eventTime": "2026-01-01T00:00:00Z",
        "dataVersion": "",
        "metadataVersion": "1",
        "data": data,
    }
    webhook = f"{target.url}/runtime/webhooks/blobs?functionName=Host.Functions.{function}"
    headers = {"aeg-event-type": "Notification"}
    async with aiohttp.ClientSession() as client, client.post(webhook, json=[event], headers=headers) as response:
        assert response.status == 202


def _of(target: Target, row: Row) -> list[list[Any]]:
    """The notes that belong to a row: of its kinds, about its subject."""
    kinds = {note[0] for note in row.notes}
    subjects = {note[1] for note in row.notes if isinstance(note[1], str)}
    return [note for note in target.notes.all() if note[0] in kinds and (not subjects or note[1] in subjects)]


async def _arrived(target: Target, account: Account, row: Row) -> bool:
    assert row.queued is not None
    queue, text = row.queued
    client = account.queues.get_queue_client(target.prefix + queue)
    with contextlib.suppress(ResourceExistsError):
        await client.create_queue()
    texts = [message.content for message in await client.peek_messages(32)]
    return text in texts or base64.b64encode(text.encode()).decode() in texts
