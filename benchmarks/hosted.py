"""Function apps on the local Functions host: hello world, Flightdeck, and Flightdeck less one of its parts.

Only HTTP functions run: on Azure all HTTP functions scale together and every other function by itself, so the queue
consumers' work is not the HTTP worker's.
"""

import hashlib
import hmac
import json
import textwrap
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from azure.storage.queue.aio import QueueClient

from benchmarks.packages import deploy_flightdeck, deploy_hello
from benchmarks.processes import Program, command_of, family, free_port, module
from benchmarks.sides import HELLO_PATHS, KEY, MODELS, Side

_PEPPER = "benchmark"
_WORKER = "local.host.worker"
_HTTP_ONLY = """
    from flightdeck_app import app

    _functions = [function for function in app.get_functions() if function.get_trigger().type == "httpTrigger"]
    app.get_functions = lambda: _functions
"""
_LIMITS = [{"per": per, "requests": 1_000_000, "tokens": 1_000_000_000} for per in ("tenant", "key")]
"""Held to, and never reached."""

_ONE_BY_ONE = {"FLIGHTDECK_GATHER_S": "0"}
_UNMETERED = """
    import shared.metering.meter


    class _NoMeter:
        def __init__(self, *_: object) -> None: ...

        def reserve(self, _: object) -> "_NoMeter":
            return self

        def settle(self, _: object) -> None: ...

        async def drain(self) -> None: ...


    shared.metering.meter.QueueMeter = _NoMeter
"""


async def hello(folder: Path, storage: str) -> Side:
    return await _serve("Functions runtime, hello world", deploy_hello(folder / "hello"), storage, paths=HELLO_PATHS)


async def flightdeck(folder: Path, storage: str, upstream_url: str) -> Side:
    """With limits, of the tenant and of the key, and the meter."""
    return await _whole("Flightdeck", folder / "flightdeck", storage, upstream_url, {})


async def one_by_one(folder: Path, storage: str, upstream_url: str) -> Side:
    return await _whole("+ limits and meter", folder / "one-by-one", storage, upstream_url, _ONE_BY_ONE)


async def _whole(name: str, target: Path, storage: str, upstream_url: str, more: Mapping[str, str]) -> Side:
    wanted = settings(target.with_name(f"{target.name}-data"), upstream_url) | more
    wanted["FLIGHTDECK_LIMITS"] = json.dumps(_LIMITS)
    side = await _serve(name, _variant(target, _HTTP_ONLY), storage, settings=wanted)
    side.tidy = partial(_clear_usage_queue, storage)
    return side


async def unmetered(folder: Path, storage: str, upstream_url: str) -> Side:
    app = _variant(folder / "unmetered", _UNMETERED + _HTTP_ONLY)
    wanted = settings(folder / "unmetered-data", upstream_url) | _ONE_BY_ONE
    return await _serve("+ gateway relay, piece by piece", app, storage, settings=wanted)


def refusing(served: Side) -> Side:
    """The same worker, asked for a model that it does not know: host, edge, key, parsing, and no upstream call."""
    body = json.dumps({"model": "unknown", "messages": [{"role": "user", "content": "Hello."}]}).encode()
    name = "+ edge, key, parsing (a refused request)"
    return Side(name, [], served.base_url, served.worker, served.front, served.headers, body=body, status=404)


async def _clear_usage_queue(storage: str) -> None:
    """Nobody records usage here, and Azurite slows down with every message that stays."""
    async with QueueClient.from_connection_string(storage, "usage") as queue:
        await queue.clear_messages()


def retried_writes(served: Side) -> int:
    """How often the worker said that a write to the usage queue did not succeed at once."""
    log = served.programs[0].output()
    return sum(log.count(word) for word in ("usage_undelivered", "usage_unannounced", "usage_lost"))


def _variant(target: Path, entry: str) -> Path:
    """The real app, with a function_app.py before it that changes what this side is to do without."""
    return deploy_flightdeck(target, entry=textwrap.dedent(entry))


async def _serve(
    name: str,
    app_dir: Path,
    storage: str,
    *,
    settings: Mapping[str, str] | None = None,
    paths: Mapping[str, str] | None = None,
) -> Side:
    port = free_port()
    command = module("local.host", str(app_dir), "--port", str(port), "--storage", storage)
    program = await Program.start(app_dir.name, command, port=port, env=settings)
    members = family(program.pid)
    workers = [pid for pid in members if _WORKER in command_of(pid)]
    if len(workers) != 1:
        raise SystemExit(f"{name}: expected one worker process, found {len(workers)}.\n{program.output()[-3000:]}")
    return Side(
        name,
        [program],
        f"http://127.0.0.1:{port}",
        worker=family(workers[0]),
        front=[pid for pid in members if pid not in family(workers[0])],
        headers={"Authorization": f"Bearer {KEY}"},
        paths=paths or {},
    )


def settings(data: Path, upstream_url: str) -> dict[str, str]:
    """What the app needs beside its storage; its keys and its store lie in the folder."""
    data.mkdir(parents=True)
    keys = data / "keys.json"
    digest = hmac.digest(_PEPPER.encode(), KEY.encode(), hashlib.sha256).hex()
    keys.write_text(json.dumps([{"id": "key_benchmark", "hmac": digest, "tenant": "benchmark", "principals": []}]))
    return {
        "FLIGHTDECK_STORE": f"sqlite:///{data / 'flightdeck.db'}",
        "FLIGHTDECK_MODELS": json.dumps(_catalogue(upstream_url)),
        "FLIGHTDECK_KEYS_FILE": str(keys),
        "FLIGHTDECK_KEY_PEPPER": _PEPPER,
        "FLIGHTDECK_BLOB_TRIGGER": "false",
    }


def _catalogue(upstream_url: str) -> dict[str, object]:
    def deployment(name: str) -> dict[str, object]:
        return {"id": f"scripted-{name}", "endpoint": f"{upstream_url}/v1", "model": name, "api_key": KEY}

    chat = {name: {"deployments": [deployment(name)]} for name in MODELS}
    return {**chat, "embedding": {"kind": "embedding", "dimensions": 384, "deployments": [deployment("embedding")]}}
