"""The program inside a worker process: Microsoft's worker library over the socket pair that the host left open for us.

`python -m local.host.worker FD APP_DIR LOG_LEVEL`: only the host starts it.
It ends when the host's end of the socket closes.
"""

import asyncio
import ctypes
import logging
import os
import signal
import socket
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

from local.host import protos
from local.host.frames import Line, Message, from_wire, to_wire

_PR_SET_PDEATHSIG = 1
_READY_POLL_S = 0.01


def main() -> None:
    fd, app_dir, level = int(sys.argv[1]), sys.argv[2], sys.argv[3]
    _die_with_parent()
    _become_app(app_dir)
    _set_up_logging(level)
    asyncio.run(_Worker(app_dir).run(fd))


def _die_with_parent() -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _become_app(app_dir: str) -> None:
    """Leave nothing of ours importable, then append the app's folder, as the real worker does."""
    root = str(Path(__file__).parents[2])
    sys.path[:] = [entry for entry in sys.path if entry not in ("", root)]
    sys.path.append(app_dir)
    os.chdir(app_dir)


def _set_up_logging(level: str) -> None:
    logging.basicConfig(level=level, stream=sys.stderr, format="%(levelname)s %(name)s: %(message)s")
    for chatty in ("azure", "httpx", "asyncio"):
        logging.getLogger(chatty).setLevel(logging.INFO if level == "DEBUG" else logging.WARNING)


class _Worker:
    def __init__(self, app_dir: str) -> None:
        import azure_functions_runtime

        self._runtime: Any = azure_functions_runtime
        self._app_dir = app_dir
        self._ids: dict[str, str] = {}
        self._running: set[asyncio.Task[None]] = set()

    async def run(self, fd: int) -> None:
        loop = asyncio.get_running_loop()
        _, self._line = await loop.create_connection(lambda: Line(self._begin), sock=socket.socket(fileno=fd))
        if not await self._start():
            self._line.close()
        await self._line.closed
        _end_quietly()

    def _begin(self, message: Message) -> None:
        task = asyncio.Task(self._invoke(message), loop=asyncio.get_running_loop(), eager_start=True)
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def _start(self) -> bool:
        self._runtime.start_threadpool_executor()
        request = protos.Record(capabilities={}, function_app_directory=self._app_dir)
        init = await self._call("worker_init_request", request)
        if init.result.status != protos.StatusResult.Success:
            error = init.result.exception
            self._line.send({"failed": error.message, "trace": error.stack_trace})
            return False
        listing = await self._call("functions_metadata_request", None)
        functions: list[Any] = listing.function_metadata_results or []
        for function in functions:
            await self._call(
                "function_load_request", protos.Record(function_id=function.function_id, metadata=function)
            )
        self._ids = {function.name: function.function_id for function in functions}
        uri = init.capabilities.get("HttpUri")
        if uri:
            await _until_listening(uri)
        self._line.send({"ready": uri, "functions": [_described(function) for function in functions]})
        return True

    async def _call(self, kind: str, request: Any) -> Any:
        properties = {"host": "127.0.0.1", "protos": protos}
        envelope = SimpleNamespace(request=SimpleNamespace(**{kind: request}), properties=properties)
        return await getattr(self._runtime, kind)(envelope)

    async def _invoke(self, message: Message) -> None:
        self._runtime.invocation_id_cv.set(message["id"])
        response = await self._call("invocation_request", self._request(message))
        answer: Message = {"id": message["id"], "ok": response.result.status == protos.StatusResult.Success}
        if not answer["ok"]:
            answer["error"] = response.result.exception.message
            answer["trace"] = response.result.exception.stack_trace
        bindings: list[Any] = response.output_data or []
        outputs = [(binding.name, protos.plain_data(binding.data)) for binding in bindings]
        outputs.append(("$return", protos.plain_data(response.return_value)))
        answer["outputs"] = {name: to_wire(data) for name, data in outputs if data is not None}
        self._line.send(answer)

    def _request(self, message: Message) -> protos.Record:
        count, maximum, error = message["retry"]
        return protos.Record(
            invocation_id=message["id"],
            function_id=self._ids[message["function"]],
            input_data=[_parameter(name, item) for name, item in message["inputs"].items()],
            trigger_metadata={name: protos.typed_data(from_wire(item)) for name, item in message["metadata"].items()},
            trace_context=protos.Record(
                trace_parent=message["trace"][0], trace_state=message["trace"][1], attributes={}
            ),
            retry_context=protos.Record(
                retry_count=count,
                max_retry_count=maximum,
                exception=protos.RpcException(message=error, stack_trace="", source=""),
            ),
        )


def _end_quietly() -> None:
    """An app is not told that its worker ends: what it leaves open, and uvicorn's own end, are no errors."""
    for name in ("uvicorn.error", "asyncio"):
        logging.getLogger(name).disabled = True
    sys.unraisablehook = lambda _: None


def _parameter(name: str, item: list[Any]) -> protos.ParameterBinding:
    return protos.ParameterBinding(name=name, data=protos.typed_data(from_wire(item)))


def _described(function: Any) -> Message:
    return {
        "name": function.name,
        "bindings": list(function.raw_bindings),
        "retry": _described_retry(function.retry_options),
    }


def _described_retry(options: Any) -> Message | None:
    if options is None:
        return None
    spans = ("delay_interval", "minimum_interval", "maximum_interval")
    seconds = {name: getattr(options, name).total_seconds() for name in spans if getattr(options, name) is not None}
    return {"strategy": options.retry_strategy, "max_retry_count": options.max_retry_count, **seconds}


async def _until_listening(uri: str) -> None:
    """The library's inner web server starts by itself; say ready only when it answers."""
    _quieten_web_server()
    where = urlsplit(uri)
    while True:
        try:
            _, writer = await asyncio.open_connection(where.hostname, where.port)
        except OSError:
            await asyncio.sleep(_READY_POLL_S)
        else:
            writer.close()
            return


def _quieten_web_server() -> None:
    """The host logs invocations; the inner server's access log would say each twice."""
    from uvicorn.config import LOGGING_CONFIG

    LOGGING_CONFIG["loggers"]["uvicorn.error"]["level"] = "WARNING"
    LOGGING_CONFIG["loggers"]["uvicorn.access"]["handlers"] = []
    logging.getLogger("uvicorn.error").addFilter(_is_news)


def _is_news(record: logging.LogRecord) -> bool:
    """False for a function's own exception on its way through the web server: its invocation has reported it."""
    frame = record.exc_info[2] if record.exc_info else None
    while frame is not None:
        if frame.tb_frame.f_globals.get("__name__") == "azure_functions_runtime.http_v2":
            return False
        frame = frame.tb_next
    return True


if __name__ == "__main__":
    main()
