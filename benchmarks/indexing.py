"""The program inside a fresh process of the cold start benchmark: index one function app, say how long it took.

`python -m benchmarks.indexing APP_DIR` prints one JSON line. Microsoft's worker library is imported before the clock
starts: on Azure a waiting instance has it loaded already, and it is the same for every app.
"""

import asyncio
import json
import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from local.host import protos
from local.host.protos import Record


@dataclass(frozen=True, slots=True)
class Instant:
    """A moment of this process, on the wall and by the CPU time that it has taken."""

    wall_s: float
    cpu_s: float

    @classmethod
    def now(cls) -> "Instant":
        return cls(time.perf_counter(), time.process_time())

    def since(self, earlier: "Instant") -> dict[str, float]:
        return {"wall_ms": (self.wall_s - earlier.wall_s) * 1000, "cpu_ms": (self.cpu_s - earlier.cpu_s) * 1000}


class Worker:
    """Microsoft's worker library, for the one app of this process."""

    def __init__(self, app_dir: str) -> None:
        import azure_functions_runtime

        self._runtime: Any = azure_functions_runtime
        self._app_dir = app_dir
        # The app must come from its own folder, as on Azure, not from this checkout.
        here = str(Path.cwd())
        sys.path[:] = [entry for entry in sys.path if entry not in ("", here)]
        sys.path.append(app_dir)
        os.chdir(app_dir)

    async def index(self) -> Any:
        """The library's answer to the host's first request. Raise SystemExit when the app cannot be indexed."""
        response = await self.call("worker_init_request", Record(capabilities={}, function_app_directory=self._app_dir))
        require(response)
        return response

    async def functions(self) -> list[Any]:
        return (await self.call("functions_metadata_request", None)).function_metadata_results or []

    async def call(self, kind: str, request: Any) -> Any:
        properties = {"host": "127.0.0.1", "protos": protos}
        envelope = SimpleNamespace(request=SimpleNamespace(**{kind: request}), properties=properties)
        return await getattr(self._runtime, kind)(envelope)


def require(response: Any) -> None:
    if response.result.status != protos.StatusResult.Success:
        raise SystemExit(f"{response.result.exception.message}\n{response.result.exception.stack_trace}")


async def _measured(app_dir: str) -> dict[str, Any]:
    worker, loaded = Worker(app_dir), set(sys.modules)
    began = Instant.now()
    await worker.index()
    took = Instant.now().since(began)
    modules = sorted(set(sys.modules) - loaded)
    return {**took, "functions": len(await worker.functions()), "modules": modules}


if __name__ == "__main__":
    print(json.dumps(asyncio.run(_measured(sys.argv[1]))))
