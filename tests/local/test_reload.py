"""A host that follows its app as it is written, and what host.json and app settings say of functions."""

import json
import logging
from pathlib import Path

import aiohttp
import pytest

from local.host.config import HostConfig
from local.host.host import Host
from local.host.reload import ReloadingHost
from local.setup.ownership import any_port
from tests.local.conftest import Account, StartHost, eventually

APP = """
import logging
import azure.functions as func
from azurefunctions.extensions.http.fastapi import Request, Response
app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)

@app.route("{route}", methods=["GET"])
async def answer(req: Request) -> Response:
    logging.info("quiet word")
    logging.warning("loud word")
    return Response("{text}")
"""


def write(app_dir: Path, *, text: str, route: str = "answer") -> None:
    (app_dir / "function_app.py").write_text(APP.format(text=text, route=route))


async def asked(port: int, route: str = "answer") -> str:
    try:
        async with (
            aiohttp.ClientSession(f"http://127.0.0.1:{port}") as client,
            client.get(f"/api/{route}") as response,
        ):
            return await response.text() if response.status == 200 else str(response.status)
    except aiohttp.ClientError as error:
        return type(error).__name__


async def test_a_change_of_the_app_takes_over_and_a_broken_one_does_not(
    tmp_path: Path, account: Account, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "local")
    (tmp_path / ".funcignore").write_text("drafts\n")
    (tmp_path / "drafts").mkdir()
    write(tmp_path, text="one")
    port = any_port()
    host = ReloadingHost(HostConfig(app_dir=tmp_path, port=port, storage=account.connection_string))
    await host.start()
    try:
        assert await asked(port) == "one"
        (tmp_path / "drafts" / "idea.py").write_text("nonsense(")  # is not deployed, so it does not count
        (tmp_path / "function_app.py").write_text("import not_installed\n")
        await eventually(lambda: "No module named 'not_installed'" in caplog.text)
        assert await asked(port) == "one"
        write(tmp_path, text="two", route="other")
        assert await eventually(lambda: _unless_away(port, "other")) == "two"
        assert await asked(port) == "404"
        (tmp_path / "host.json").write_text(json.dumps({"extensions": {"http": {"routePrefix": "api/v2"}}}))
        assert await eventually(lambda: _unless_away(port, "v2/other")) == "two"
    finally:
        await host.stop()
    assert await asked(port) == "ClientConnectorError"
    assert "drafts" not in caplog.text


async def _unless_away(port: int, route: str) -> str:
    answer = await asked(port, route)
    return answer if answer == "two" else ""


async def test_functions_log_from_the_level_that_host_json_sets(
    tmp_path: Path, account: Account, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "local")
    levels = {"default": "Information", "Function": "Warning"}
    (tmp_path / "host.json").write_text(json.dumps({"logging": {"logLevel": levels}}))
    write(tmp_path, text="one")
    host = Host(HostConfig(app_dir=tmp_path, port=any_port(), storage=account.connection_string))
    await host.start()
    try:
        assert await asked(host.config.port) == "one"
        await eventually(lambda: "loud word" in caplog.text)
    finally:
        await host.stop()
    assert "quiet word" not in caplog.text


async def test_a_function_that_an_app_setting_switches_off_is_not_served(
    start_host: StartHost, prefix: str, account: Account
) -> None:
    off = {"AzureWebJobs.ping.Disabled": "true", "AzureWebJobs.job.Disabled": "1", "AzureWebJobs.tick.Disabled": "0"}
    host = await start_host(env={"SAMPLE_NOTES": "/dev/null", "SAMPLE_PREFIX": prefix, **off})
    assert await asked(host.config.port, "ping") == "404"
    assert {"ping", "job"}.isdisjoint(function.name for function in host.functions)
    assert "tick" in {function.name for function in host.functions}
    queues = [queue.name async for queue in account.queues.list_queues(name_starts_with=prefix)]
    assert f"{prefix}described" in queues
    assert f"{prefix}jobs" not in queues
