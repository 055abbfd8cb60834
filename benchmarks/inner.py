"""The HTTP server inside a Functions worker, by itself: the extension's own FastAPI application and uvicorn server.

`python -m benchmarks.inner PORT` answers what the hello-world app answers, without the runtime around it.
"""

import asyncio
import sys
from typing import Any

import fastapi
from azurefunctions.extensions.http import fastapi as extension
from fastapi.responses import StreamingResponse
from uvicorn.config import LOGGING_CONFIG

from benchmarks.hello.function_app import PLAIN, events


def main() -> None:
    # As in the local host's worker: no access log.
    LOGGING_CONFIG["loggers"]["uvicorn"]["level"] = "WARNING"
    LOGGING_CONFIG["loggers"]["uvicorn.access"]["handlers"] = []
    app: Any = extension.WebApp()
    app.route(_answer)
    asyncio.run(extension.WebServer("127.0.0.1", int(sys.argv[1]), app).serve())


async def _answer(request: fastapi.Request) -> fastapi.Response:
    if request.url.path == "/stream":
        count, pace_s = int(request.query_params["count"]), float(request.query_params["pace_s"])
        return StreamingResponse(events(count, pace_s), media_type="text/event-stream")
    await request.body()
    return fastapi.Response(PLAIN, media_type="application/json")


if __name__ == "__main__":
    main()
