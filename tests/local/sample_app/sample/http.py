import asyncio
import os
import time

import azure.functions as func
from azurefunctions.extensions.http.fastapi import JSONResponse, Request, Response, StreamingResponse

from sample import note

bp = func.Blueprint()
ANONYMOUS = func.AuthLevel.ANONYMOUS


@bp.route("ping", methods=["GET"], auth_level=ANONYMOUS)
async def ping(req: Request) -> JSONResponse:
    return JSONResponse({"pong": True, "pid": os.getpid()})


@bp.route("settings/{name}", methods=["GET"], auth_level=ANONYMOUS)
async def setting(req: Request) -> JSONResponse:
    return JSONResponse({"value": os.environ.get(req.path_params["name"]), "cwd": os.getcwd()})  # noqa: PTH109


@bp.route("keyed", methods=["GET"])
async def keyed(req: Request) -> JSONResponse:
    return JSONResponse({"ok": True})


@bp.route("admins", methods=["GET"], auth_level=func.AuthLevel.ADMIN)
async def admins(req: Request) -> JSONResponse:
    return JSONResponse({"ok": True})


@bp.route("items/{kind:alpha}/{id:int?}", methods=["GET", "POST"], auth_level=ANONYMOUS)
async def items(req: Request) -> JSONResponse:
    return JSONResponse({"params": dict(req.path_params), "query": dict(req.query_params), "method": req.method})


@bp.route("items/special", methods=["GET"], auth_level=ANONYMOUS)
async def special_item(req: Request) -> JSONResponse:
    return JSONResponse({"special": True})


@bp.route("rest/{*path}", methods=["GET"], auth_level=ANONYMOUS)
async def rest(req: Request) -> JSONResponse:
    return JSONResponse({"path": req.path_params.get("path", "")})


@bp.route("rest/{*path}", methods=["PUT"], auth_level=ANONYMOUS)
async def rest_put(req: Request) -> JSONResponse:
    return JSONResponse({"put": req.path_params.get("path", "")})


@bp.route("rest/one", methods=["POST"], auth_level=ANONYMOUS)
async def rest_one(req: Request) -> JSONResponse:
    return JSONResponse({"one": True})


@bp.route("headers", methods=["GET"], auth_level=ANONYMOUS)
async def headers(req: Request) -> JSONResponse:
    return JSONResponse(dict(req.headers), headers={"x-mine": "kept"})


@bp.route("context", methods=["GET"], auth_level=ANONYMOUS)
async def context_of(req: Request, context: func.Context) -> JSONResponse:
    trace = context.trace_context.trace_parent
    return JSONResponse({"id": context.invocation_id, "function": context.function_name, "trace": trace})


steps: asyncio.Queue[bytes] = asyncio.Queue()


@bp.route("steps", methods=["POST"], auth_level=ANONYMOUS)
async def add_step(req: Request) -> JSONResponse:
    """Take each block of the body as it comes, for those who follow."""
    async for block in req.stream():
        await steps.put(block)
    return JSONResponse({})


@bp.route("steps", methods=["GET"], auth_level=ANONYMOUS)
async def follow_steps(req: Request) -> StreamingResponse:
    async def follow():
        while step := await steps.get():
            yield step

    return StreamingResponse(follow(), media_type="text/event-stream")


@bp.route("endless", methods=["GET"], auth_level=ANONYMOUS)
async def endless(req: Request) -> StreamingResponse:
    async def ticks():
        try:
            while True:
                yield b"data: tick\n\n"
                await asyncio.sleep(0.01)
        finally:
            note("endless", "closed")

    return StreamingResponse(ticks(), media_type="text/event-stream")


@bp.route("break", methods=["GET"], auth_level=ANONYMOUS)
async def break_off(req: Request) -> StreamingResponse:
    async def parts():
        yield b"first"
        raise ValueError("in the middle")

    return StreamingResponse(parts())


@bp.route("upload", methods=["POST"], auth_level=ANONYMOUS)
async def upload(req: Request) -> JSONResponse:
    total = 0
    async for block in req.stream():
        total += len(block)
    return JSONResponse({"total": total})


@bp.route("refuse", methods=["POST"], auth_level=ANONYMOUS)
async def refuse(req: Request) -> Response:
    return Response(status_code=409)


@bp.route("boom", methods=["GET"], auth_level=ANONYMOUS)
async def boom(req: Request) -> JSONResponse:
    raise ValueError("a secret detail")


@bp.route("nothing", methods=["GET"], auth_level=ANONYMOUS)
async def nothing(req: Request) -> Response:
    return None  # type: ignore[return-value]


@bp.route("wait", methods=["GET"], auth_level=ANONYMOUS)
async def wait(req: Request) -> JSONResponse:
    """Wait until the client is gone, or for the seconds asked."""
    note("wait", "begun")
    until = time.monotonic() + float(req.query_params.get("s", "2"))
    while time.monotonic() < until:
        if await req.is_disconnected():
            note("wait", "disconnected")
            break
        await asyncio.sleep(0.02)
    return JSONResponse({"waited": True})


@bp.route("block", methods=["GET"], auth_level=ANONYMOUS)
async def block(req: Request) -> JSONResponse:
    note("block", "begun")
    time.sleep(60)  # noqa: ASYNC251 - a function that blocks its worker is the point
    return JSONResponse({})


@bp.route("enqueue", methods=["POST"], auth_level=ANONYMOUS)
@bp.queue_output(arg_name="out", queue_name="%SAMPLE_PREFIX%jobs", connection="AzureWebJobsStorage")
async def enqueue(req: Request, out: func.Out[str]) -> JSONResponse:
    out.set((await req.body()).decode())
    return JSONResponse({"queued": True}, status_code=202)
