"""The program inside a fresh process of the cold start benchmark: index one function app, answer one request.

`python -m benchmarks.first_answer APP_DIR FUNCTION PATH KEY` asks what is on standard input of that HTTP function and
prints one JSON line: times since the start of indexing, and under `request` those of the request alone. What the host
does meanwhile is done here: load the functions, wait for the worker's own web server, forward the request to it and
ask for the invocation.
"""

import asyncio
import json
import os
import sys
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from benchmarks.indexing import Instant, Worker, require
from local.host import protos

_INVOCATION = "cold-start"
_POLL_S = 0.001


@dataclass(frozen=True, slots=True)
class Request:
    path: str
    key: str
    body: bytes


async def _measured(app_dir: str, function: str, request: Request) -> dict[str, Any]:
    worker, loaded = Worker(app_dir), set(sys.modules)
    began = Instant.now()
    address = urlsplit((await worker.index()).capabilities["HttpUri"])
    ids = await _load(worker)
    await _listening(address.hostname, address.port)
    asked = Instant.now()
    invoked = asyncio.create_task(worker.call("invocation_request", _invocation(ids[function])))
    await _post(address.hostname, address.port, request)
    answered = Instant.now()
    require(await invoked)
    return {
        **answered.since(began),
        "request": answered.since(asked),
        "functions": len(ids),
        "modules": sorted(set(sys.modules) - loaded),
    }


async def _load(worker: Worker) -> dict[str, str]:
    ids: dict[str, str] = {}
    for function in await worker.functions():
        request = protos.Record(function_id=function.function_id, metadata=function)
        require(await worker.call("function_load_request", request))
        ids[function.name] = function.function_id
    return ids


def _invocation(function_id: str) -> protos.Record:
    return protos.Record(
        invocation_id=_INVOCATION,
        function_id=function_id,
        input_data=[protos.ParameterBinding(name="req", data=protos.typed_data(("http", {})))],
        trigger_metadata={},
        trace_context=protos.Record(trace_parent="", trace_state="", attributes={}),
        retry_context=protos.Record(
            retry_count=0,
            max_retry_count=0,
            exception=protos.RpcException(message="", stack_trace="", source=""),
        ),
    )


async def _listening(host: str | None, port: int | None) -> None:
    while True:
        try:
            _, writer = await asyncio.open_connection(host, port)
        except OSError:
            await asyncio.sleep(_POLL_S)
        else:
            writer.close()
            return


async def _post(host: str | None, port: int | None, request: Request) -> None:
    """By hand: a client library would be loaded before the app loads it. Raise SystemExit for any answer but 200."""
    reader, writer = await asyncio.open_connection(host, port)
    head = (
        f"POST {request.path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nAuthorization: Bearer {request.key}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(request.body)}\r\n"
        f"x-ms-invocation-id: {_INVOCATION}\r\n\r\n"
    )
    writer.write(head.encode() + request.body)
    answer = await reader.read()
    if not answer.startswith(b"HTTP/1.1 200 "):
        raise SystemExit(f"{request.path} answered {answer[:2000]!r}")


def main() -> None:
    app_dir, function, path, key = sys.argv[1:5]
    request = Request(path, key, sys.stdin.buffer.read())
    print(json.dumps(asyncio.run(_measured(app_dir, function, request))), flush=True)
    os._exit(0)  # what the app has open is not what is measured


if __name__ == "__main__":
    main()
