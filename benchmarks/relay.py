"""A bare aiohttp relay: the least that any gateway in Python must do. `python -m benchmarks.relay PORT UPSTREAM`."""

import sys
from collections.abc import AsyncIterator

from aiohttp import ClientSession, TCPConnector, web

_UPSTREAM = web.AppKey("upstream", str)
_SESSION = web.AppKey("session", ClientSession)
_KEPT = ("Content-Type", "Authorization")


def main() -> None:
    app = web.Application()
    app[_UPSTREAM] = sys.argv[2].rstrip("/")
    app.cleanup_ctx.append(_session)
    app.router.add_post("/v1/{path:.+}", _relay)
    web.run_app(app, host="127.0.0.1", port=int(sys.argv[1]), access_log=None, print=None)


async def _session(app: web.Application) -> AsyncIterator[None]:
    async with ClientSession(connector=TCPConnector(limit=0)) as session:
        app[_SESSION] = session
        yield


async def _relay(request: web.Request) -> web.StreamResponse:
    url = f"{request.app[_UPSTREAM]}/{request.match_info['path']}"
    headers = {name: request.headers[name] for name in _KEPT if name in request.headers}
    async with request.app[_SESSION].post(url, data=await request.read(), headers=headers) as answer:
        kind = answer.headers.get("Content-Type", "application/json")
        if not kind.startswith("text/event-stream"):
            return web.Response(status=answer.status, body=await answer.read(), headers={"Content-Type": kind})
        response = web.StreamResponse(status=answer.status, headers={"Content-Type": kind})
        await response.prepare(request)
        async for piece in answer.content.iter_any():
            await response.write(piece)
        await response.write_eof()
        return response


if __name__ == "__main__":
    main()
