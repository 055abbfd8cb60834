"""The host as a program: what it says when it starts, when it cannot, and what it leaves behind."""

import asyncio
import os
import pty
import signal
import sys
from pathlib import Path

import aiohttp
import pytest

from local.azurite import Azurite, AzuriteConfig, AzuriteError
from local.host.config import HostConfig, development_account, seconds
from local.host.front import PortTakenError
from local.host.host import Host
from local.host.process import AppError
from local.setup.ownership import any_port
from tests.local.conftest import SAMPLE_APP, Account, StartHost, alive, eventually


async def started(app_dir: Path, code: str) -> str:
    """What a host says of an app with this code."""
    (app_dir / "function_app.py").write_text(code)
    host = Host(HostConfig(app_dir=app_dir, port=any_port()))
    with pytest.raises(AppError) as refusal:
        await host.start()
    return str(refusal.value)


async def test_an_app_that_does_not_import_is_refused_with_reason_and_line(tmp_path: Path) -> None:
    reason = await started(tmp_path, "import azure.functions\n\nimport not_installed\n")
    assert "No module named 'not_installed'" in reason
    assert f"{tmp_path}/function_app.py, line 3" in reason


async def test_a_function_that_cannot_be_indexed_is_refused_by_name(tmp_path: Path) -> None:
    code = """
import azure.functions as func
app = func.FunctionApp()
@app.queue_trigger(arg_name="msg", queue_name="q", connection="AzureWebJobsStorage")
async def broken(wrong: func.QueueMessage) -> None: ...
"""
    assert "the broken function" in await started(tmp_path, code)


async def test_a_binding_whose_connection_is_not_set_is_refused_by_setting(tmp_path: Path) -> None:
    code = """
import azure.functions as func
app = func.FunctionApp()
@app.queue_trigger(arg_name="msg", queue_name="q", connection="ELSEWHERE")
async def lost(msg: func.QueueMessage) -> None: ...
"""
    assert "'ELSEWHERE'" in await started(tmp_path, code)


async def test_a_binding_that_the_host_does_not_have_is_refused_by_type(tmp_path: Path) -> None:
    code = """
import azure.functions as func
app = func.FunctionApp()
@app.queue_trigger(arg_name="msg", queue_name="q", connection="AzureWebJobsStorage")
@app.blob_input(arg_name="blob", path="c/x", connection="AzureWebJobsStorage")
async def reads(msg: func.QueueMessage, blob: func.InputStream) -> None: ...
"""
    assert "'reads' has a binding of type 'blob'" in await started(tmp_path, code)


async def test_storage_that_is_not_there_is_said_in_one_sentence(start_host: StartHost) -> None:
    with pytest.raises(AppError, match=r"^Azure Storage cannot be used: Cannot connect"):
        await start_host(storage=development_account(any_port(), any_port()))


async def test_a_taken_port_is_said_in_one_sentence(start_host: StartHost, host: Host) -> None:
    with pytest.raises(PortTakenError, match=rf"^Port {host.config.port} of 127\.0\.0\.1 is taken"):
        await start_host(port=host.config.port)


async def test_the_program_prints_its_functions_serves_and_stops_when_asked(account: Account, tmp_path: Path) -> None:
    program, port = await run(account, tmp_path)
    async with aiohttp.ClientSession() as client, client.get(f"http://127.0.0.1:{port}/api/ping") as response:
        worker = (await response.json())["pid"]
    program.terminate()
    log = (await program.communicate())[1].decode()
    assert program.returncode == 0
    assert f"ping: [GET] http://127.0.0.1:{port}/api/ping" in log
    assert "on_upload: blobTrigger uploads/{name}" in log
    assert "function=ping id=" in log
    assert "\033[" not in log
    assert not alive(worker)


async def test_log_lines_have_colour_on_a_terminal_only() -> None:
    code = "import logging; from local.host import banner; banner.log_to_stderr(verbose=False); logging.error('seen')"
    ours, theirs = pty.openpty()
    on_terminal = await asyncio.create_subprocess_exec(sys.executable, "-c", code, stderr=theirs)
    in_file = await asyncio.create_subprocess_exec(sys.executable, "-c", code, stderr=asyncio.subprocess.PIPE)
    await on_terminal.wait()
    shown = os.read(ours, 1000)
    _, written = await in_file.communicate()
    os.close(ours)
    os.close(theirs)
    assert shown.startswith(b"\033[31m")
    assert b"seen\033[0m" in shown
    assert written.endswith(b"seen\n")
    assert b"\033" not in written


async def test_no_worker_outlives_a_killed_host(account: Account, tmp_path: Path) -> None:
    program, port = await run(account, tmp_path)
    async with aiohttp.ClientSession() as client, client.get(f"http://127.0.0.1:{port}/api/ping") as response:
        worker = (await response.json())["pid"]
    os.kill(program.pid, signal.SIGKILL)
    await program.communicate()
    await eventually(lambda: not alive(worker))


async def test_the_program_says_why_it_does_not_start(host: Host, account: Account) -> None:
    arguments = [str(SAMPLE_APP), "--port", str(host.config.port), "--storage", account.connection_string]
    program = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "local.host", *arguments),
        env={**os.environ, "SAMPLE_NOTES": os.devnull, "SAMPLE_PREFIX": "unused-"},
        stderr=asyncio.subprocess.PIPE,
    )
    log = (await program.communicate())[1].decode()
    assert program.returncode == 1
    assert "Traceback" not in log
    assert f"Port {host.config.port} of 127.0.0.1 is taken" in log.splitlines()[-1]


async def run(account: Account, tmp_path: Path) -> tuple[asyncio.subprocess.Process, int]:
    """The program, serving, on a port of its own."""
    port = any_port()
    arguments = [str(SAMPLE_APP), "--port", str(port), "--storage", account.connection_string, "--host-id", f"p{port}"]
    program = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "local.host", *arguments),
        env={**os.environ, "SAMPLE_NOTES": str(tmp_path / "notes"), "SAMPLE_PREFIX": f"p{port}-"},
        stderr=asyncio.subprocess.PIPE,
    )

    async def serves() -> bool:
        try:
            async with aiohttp.ClientSession() as client, client.get(f"http://127.0.0.1:{port}/admin/host/status"):
                return True
        except aiohttp.ClientError:
            return False

    await eventually(serves)
    return program, port


async def test_azurite_keeps_its_data_over_a_restart_and_says_when_its_port_is_taken(tmp_path: Path) -> None:
    first = Azurite(AzuriteConfig(data_dir=tmp_path / "data"))
    await first.start()
    before = Account(first.connection_string)
    await before.upload("kept", "a", b"1")
    taken = Azurite(AzuriteConfig(data_dir=tmp_path / "other", blob_port=first.blob_port))
    with pytest.raises(AzuriteError, match="EADDRINUSE"):
        await taken.start()
    await before.close()
    await first.stop()
    again = Azurite(AzuriteConfig(data_dir=tmp_path / "data", blob_port=first.blob_port, queue_port=first.queue_port))
    await again.start()
    after = Account(again.connection_string)
    blob = await after.blobs.get_blob_client("kept", "a").download_blob()
    assert await blob.readall() == b"1"
    await after.close()
    await again.stop()


async def test_azurite_ends_with_the_process_that_started_it(tmp_path: Path) -> None:
    code = """
import asyncio, pathlib, sys
from local.azurite import Azurite, AzuriteConfig
async def main():
    azurite = Azurite(AzuriteConfig(data_dir=pathlib.Path(sys.argv[1])))
    await azurite.start()
    print(azurite.blob_port, flush=True)
    await asyncio.sleep(600)
asyncio.run(main())
"""
    parent = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", code, str(tmp_path)), stdout=asyncio.subprocess.PIPE
    )
    assert parent.stdout is not None
    port = int(await asyncio.wait_for(parent.stdout.readline(), 60))
    parent.kill()
    await parent.communicate()
    await eventually(lambda: refuses(port))


async def refuses(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return True
    writer.close()
    return False


@pytest.mark.parametrize(("span", "expected"), [("00:00:10", 10), ("01:02:03.5", 3723.5), ("1.00:00:00", 86400)])
async def test_a_time_span_is_read_as_dotnet_writes_it(span: str, expected: float) -> None:
    assert seconds(span) == expected
