"""The program inside a fresh process of the cold start benchmark: index one function app, say how long it took.

`python -m benchmarks.indexing APP_DIR` prints one JSON line. Microsoft's worker library is imported before the clock
starts: on Azure a waiting instance has it loaded already, and it is the same for every app.
"""

import asyncio
import json
import os
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from local.host import protos
from local.host.protos import Record


def main() -> None:
    app_dir = sys.argv[1]
    import azure_functions_runtime as runtime

    # The app must come from its own folder, as on Azure, not from this checkout.
    here = str(Path.cwd())
    sys.path[:] = [entry for entry in sys.path if entry not in ("", here)]
    sys.path.append(app_dir)
    os.chdir(app_dir)
    print(json.dumps(asyncio.run(_index(runtime, app_dir))))


async def _index(runtime: Any, app_dir: str) -> dict[str, Any]:
    init = Record(capabilities={}, function_app_directory=app_dir)
    request = SimpleNamespace(
        request=SimpleNamespace(worker_init_request=init), properties={"host": "127.0.0.1", "protos": protos}
    )
    loaded = set(sys.modules)
    wall, cpu = time.perf_counter(), time.process_time()
    response = await runtime.worker_init_request(request)
    wall_ms, cpu_ms = (time.perf_counter() - wall) * 1000, (time.process_time() - cpu) * 1000
    if response.result.status != protos.StatusResult.Success:
        raise SystemExit(f"{response.result.exception.message}\n{response.result.exception.stack_trace}")
    functions = (await runtime.functions_metadata_request(None)).function_metadata_results or []
    modules = sorted(set(sys.modules) - loaded)
    return {"wall_ms": wall_ms, "cpu_ms": cpu_ms, "functions": len(functions), "modules": modules}


if __name__ == "__main__":
    main()
