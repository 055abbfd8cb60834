"""`status` and `reset` of local mode, as programs over a folder of their own."""

import asyncio
import json
import os
import sys
from pathlib import Path

import apsw
import pytest

from local.host.host import Host
from local.setup.ownership import owned
from local.status import queues
from tests.local.conftest import Account


async def local(folder: Path, *arguments: str, answer: str = "") -> tuple[int | None, str]:
    """The program's exit code and everything it said."""
    program = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "local", *arguments, "--folder", str(folder)),
        env={name: value for name, value in os.environ.items() if not name.startswith("FLIGHTDECK_")},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await program.communicate(answer.encode())
    return program.returncode, said.decode()


def documents(folder: Path, *states: str) -> None:
    store = apsw.Connection(str(folder / "flightdeck.db"))
    store.execute("CREATE TABLE records (kind TEXT, body TEXT)")
    rows = [("DocumentRecord", json.dumps({"state": state})) for state in states]
    store.executemany("INSERT INTO records VALUES (?, ?)", [*rows, ("FileRecord", "{}")])
    store.close()


async def test_the_status_names_queues_documents_workers_and_ports(
    tmp_path: Path, host: Host, account: Account, prefix: str
) -> None:
    (tmp_path / "env").write_text(f"export AZURE_STORAGE_CONNECTION_STRING='{account.connection_string}'\n")
    documents(tmp_path, "ready", "ready", "extracting", "failed")
    await account.send(f"{prefix}jobs-poison", "rotten")
    with owned(tmp_path, host.url):
        code, said = await local(tmp_path, "status")
    assert code == 0, said
    assert f"{host.url}, process {os.getpid()}" in said
    assert f"workers {host.worker_pids[0]}" in said
    assert f"blobs on port {account.blobs.url.rpartition(':')[2].partition('/')[0]}" in said
    (line,) = [line for line in said.splitlines() if f"{prefix}jobs-poison" in line]
    assert line.split()[1].rstrip(",") == "1"
    assert line.endswith("<- look at it")
    assert "Documents: 1 in flight; extracting 1, failed 1, ready 2." in said


async def test_a_queue_is_as_old_as_its_oldest_message(account: Account, prefix: str) -> None:
    await account.send(f"{prefix}waiting", "one")
    await account.send(f"{prefix}waiting", "two")
    found = {queue.name: queue async for queue in queues(account.connection_string)}
    queue = found[f"{prefix}waiting"]
    assert queue.depth == 2
    assert queue.oldest_s is not None
    assert 0 <= queue.oldest_s < 60


async def test_the_status_of_a_folder_that_nobody_uses_says_so(tmp_path: Path) -> None:
    code, said = await local(tmp_path, "status")
    assert code == 0
    assert f"Local mode does not run in {tmp_path}." in said


@pytest.mark.parametrize(("arguments", "answer"), [(["--yes"], ""), ([], "y\n")])
async def test_a_reset_deletes_data_and_keeps_keys(tmp_path: Path, arguments: list[str], answer: str) -> None:
    documents(tmp_path, "ready")
    (tmp_path / "azurite").mkdir()
    (tmp_path / "azurite" / "blob").write_text("x")
    (tmp_path / "secrets.json").write_text("{}")
    code, said = await local(tmp_path, "reset", *arguments, answer=answer)
    assert code == 0
    assert "azurite, flightdeck.db" in said
    assert (tmp_path / "secrets.json").exists()
    assert not (tmp_path / "azurite").exists()
    assert not (tmp_path / "flightdeck.db").exists()


@pytest.mark.parametrize("answer", ["", "n\n", "\n"])
async def test_a_reset_that_is_not_agreed_to_deletes_nothing(tmp_path: Path, answer: str) -> None:
    documents(tmp_path, "ready")
    code, said = await local(tmp_path, "reset", answer=answer)
    assert code == 0
    assert "Nothing was deleted." in said
    assert (tmp_path / "flightdeck.db").exists()


async def test_a_reset_under_a_running_local_mode_is_refused(tmp_path: Path) -> None:
    documents(tmp_path, "ready")
    with owned(tmp_path, "http://127.0.0.1:1"):
        code, said = await local(tmp_path, "reset", "--yes")
    assert code == 1
    assert f"http://127.0.0.1:1, process {os.getpid()}" in said
    assert (tmp_path / "flightdeck.db").exists()
