"""Two functions that do nothing: a plain answer, and a stream of as many events at such a pace as the query says."""

import asyncio
import time
from collections.abc import AsyncIterator

import azure.functions as func
from azurefunctions.extensions.http.fastapi import Request, Response, StreamingResponse

app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)

PLAIN = b'{"id":"hello","choices":[{"index":0,"message":{"role":"assistant","content":"Hello."}}]}'
EVENT = b'data: {"sent":%d,"id":"hello","choices":[{"index":0,"delta":{"content":" w"},"finish_reason":null}]}\n\n'


@app.route("hello", methods=["GET", "POST"])
async def hello(req: Request) -> Response:
    await req.body()
    return Response(PLAIN, media_type="application/json")


@app.route("stream", methods=["GET", "POST"])
async def stream(req: Request) -> StreamingResponse:
    count, pace_s = int(req.query_params["count"]), float(req.query_params["pace_s"])
    return StreamingResponse(events(count, pace_s), media_type="text/event-stream")


async def events(count: int, pace_s: float) -> AsyncIterator[bytes]:
    loop = asyncio.get_running_loop()
    due = loop.time()
    for _ in range(count):
        due += pace_s
        await asyncio.sleep(due - loop.time())
        yield EVENT % time.monotonic_ns()
    yield b"data: [DONE]\n\n"
