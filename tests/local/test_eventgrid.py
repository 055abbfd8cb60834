"""The Event Grid player: what it plays, and what it remembers over a restart."""

import asyncio
import base64
import json
import sys
import uuid
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from local.eventgrid import Player, PlayerConfig
from local.host.host import Host
from local.setup.ownership import any_port
from tests.local.conftest import Account, Notes


@pytest.fixture
def config(account: Account, tmp_path: Path) -> dict[str, Any]:
    """A container and a queue of this test's own."""
    name = f"eg-{uuid.uuid4().hex[:8]}"
    return {
        "storage": account.connection_string,
        "state_file": tmp_path / "state" / "eventgrid.json",
        "containers": (name,),
        "queue": name,
    }


async def played(account: Account, config: dict[str, Any]) -> list[tuple[str, str]]:
    """Kind and blob name of each event on the queue, which is emptied."""
    client = account.queues.get_queue_client(config["queue"])
    events: list[tuple[str, str]] = []
    async for message in client.receive_messages(max_messages=32):
        event = json.loads(base64.b64decode(message.content))
        events.append((event["eventType"].rpartition(".")[2], event["subject"].rpartition("/blobs/")[2]))
        await client.delete_message(message)
    return events


async def test_creation_change_and_deletion_are_each_played_once(account: Account, config: dict[str, Any]) -> None:
    container = config["containers"][0]
    async with Player(PlayerConfig(**config)) as player:
        await account.upload(container, "acme/kb/a.txt", b"1")
        assert await player.play_once() == 1
        assert await player.play_once() == 0
        assert await played(account, config) == [("BlobCreated", "acme/kb/a.txt")]
        await account.upload(container, "acme/kb/a.txt", b"2")
        await player.play_once()
        assert await played(account, config) == [("BlobCreated", "acme/kb/a.txt")]
        await account.blobs.get_blob_client(container, "acme/kb/a.txt").delete_blob()
        await player.play_once()
        assert await played(account, config) == [("BlobDeleted", "acme/kb/a.txt")]


async def test_an_event_has_the_fields_of_event_grid(account: Account, config: dict[str, Any]) -> None:
    async with Player(PlayerConfig(**config)) as player:
        url = await account.upload(config["containers"][0], "a b.txt", b"12345")
        await player.play_once()
    message = await account.queues.get_queue_client(config["queue"]).receive_message()
    assert message is not None
    event = json.loads(base64.b64decode(message.content))
    assert event["eventType"] == "Microsoft.Storage.BlobCreated"
    assert event["subject"] == f"/blobServices/default/containers/{config['containers'][0]}/blobs/a b.txt"
    assert {"id", "topic", "eventTime", "dataVersion", "metadataVersion"} <= event.keys()
    assert event["data"]["url"] == url
    assert event["data"]["contentLength"] == 5
    assert event["data"]["blobType"] == "BlockBlob"
    assert {"api", "eTag", "contentType", "sequencer"} <= event["data"].keys()


async def test_a_restart_plays_what_changed_meanwhile_and_nothing_else(
    account: Account, config: dict[str, Any]
) -> None:
    container = config["containers"][0]
    async with Player(PlayerConfig(**config)) as player:
        for name in ("kept", "changed", "deleted"):
            await account.upload(container, name, b"1")
        await player.play_once()
        await played(account, config)
    await account.upload(container, "changed", b"2")
    await account.upload(container, "new", b"1")
    await account.blobs.get_blob_client(container, "deleted").delete_blob()
    async with Player(PlayerConfig(**config)) as player:
        await player.play_once()
    expected = [("BlobCreated", "changed"), ("BlobCreated", "new"), ("BlobDeleted", "deleted")]
    assert sorted(await played(account, config)) == expected


async def test_what_was_not_delivered_is_played_again(account: Account, config: dict[str, Any]) -> None:
    nobody = f"http://127.0.0.1:{any_port()}/"
    async with Player(PlayerConfig(**config, webhooks=(nobody,))) as player:
        await account.upload(config["containers"][0], "a", b"1")
        with pytest.raises(aiohttp.ClientError):
            await player.play_once()
    async with Player(PlayerConfig(**config)) as player:
        assert await player.play_once() == 1


async def test_duplicates_and_losses_repeat_with_their_seed(account: Account, config: dict[str, Any]) -> None:
    async def names(state: str) -> list[str]:
        chaos = {**config, "state_file": config["state_file"].with_name(state)}
        async with Player(PlayerConfig(**chaos, duplicate=True, shuffle=True, drop_rate=0.3, seed=1)) as player:
            await player.play_once()
        return [name for _, name in await played(account, config)]

    async with Player(PlayerConfig(**config)):
        for number in range(10):
            await account.upload(config["containers"][0], str(number), b"1")
    first = await names("first")
    assert first == await names("second")
    assert first[::2] == first[1::2]
    assert 0 < len(set(first)) < 10
    assert first != sorted(first)


async def test_the_webhook_of_a_blob_function_hears_of_creations(
    host: Host, account: Account, notes: Notes, config: dict[str, Any]
) -> None:
    chosen = {**config, "containers": ("uploads",), "webhooks": host.blob_webhooks}
    async with Player(PlayerConfig(**chosen)) as player:
        await account.upload("uploads", "played.txt", b"by the player")
        await player.play_once()
    assert (await notes.wait("upload", "uploads/played.txt"))[0][3] == "by the player"


async def test_the_program_plays_until_it_is_stopped(account: Account, config: dict[str, Any]) -> None:
    arguments = ["--storage", account.connection_string, "--state-file", str(config["state_file"])]
    arguments += ["--container", config["containers"][0], "--queue", config["queue"], "--interval-s", "0.05"]
    program = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "local.eventgrid", *arguments, stderr=asyncio.subprocess.PIPE
    )
    await account.upload(config["containers"][0], "a", b"1")
    assert program.stderr is not None
    assert b"Microsoft.Storage.BlobCreated" in await asyncio.wait_for(program.stderr.readline(), 20)
    program.terminate()
    assert await program.wait() == 0
