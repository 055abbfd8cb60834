"""Where a worker's CPU time goes: py-spy's samples of it under load, each given to the part of the system it serves."""

import asyncio
import re
from collections import Counter
from pathlib import Path

from benchmarks import environments
from benchmarks.load import Scenario, drive
from benchmarks.sides import Side

_PROGRAM = environments.LITELLM.program("py-spy")
_RATE = 400
_FRAME = re.compile(r"^(?P<function>.*) \((?P<path>.*):\d+\)$")
_OURS = re.compile(r".*/((?:functions|shared)/.*)\.py$")
_LIBRARIES = {
    "uvicorn": "inner HTTP server: uvicorn",
    "h11": "inner HTTP server: h11",
    "httptools": "inner HTTP server: httptools",
    "starlette": "inner HTTP server: starlette, fastapi",
    "fastapi": "inner HTTP server: starlette, fastapi",
    "azure_functions_runtime": "Functions runtime",
    "azurefunctions": "Functions runtime",
    "azure": "Functions runtime",
    "aiohttp": "aiohttp, reading answers",
}


async def sample(side: Side, scenario: Scenario, *, seconds: int, folder: Path) -> str | None:
    """py-spy's folded stacks of the side's worker under this load. None when py-spy may not look into processes."""
    output = folder / "stacks.txt"
    command = [str(_PROGRAM), "record", "--pid", str(side.worker[0]), "--duration", str(seconds), "--rate", str(_RATE)]
    command += ["--format", "raw", "--full-filenames", "--output", str(output)]
    quiet = asyncio.subprocess.DEVNULL
    sampler = await asyncio.create_subprocess_exec(*command, stdout=quiet, stderr=quiet)
    while sampler.returncode is None:
        await drive(side.target(scenario), scenario)
        await side.at_rest()
    return output.read_text() if output.exists() else None


def by_part(stacks: str) -> list[tuple[str, float]]:
    """Percent of the samples by the innermost part of ours on the stack, or by library where there is none of ours."""
    parts: Counter[str] = Counter()
    for line in stacks.splitlines():
        stack, _, count = line.rpartition(" ")
        frames = [found for frame in stack.split(";") if (found := _FRAME.match(frame))]
        if frames and not _idle(frames):
            parts[_part(frames)] += int(count)
    total = parts.total() or 1
    return [(part, 100 * count / total) for part, count in parts.most_common()]


def _idle(frames: list[re.Match[str]]) -> bool:
    """Waiting, for events or for work: py-spy sees a system call, the kernel counts no time."""
    return frames[-1]["function"].endswith(("select", "_worker")) or "threading.py" in frames[-1]["path"]


def _part(frames: list[re.Match[str]]) -> str:
    for frame in reversed(frames):
        if "/logging/" in frame["path"]:
            return "logging"
        if ours := _OURS.match(frame["path"]):
            return ours[1]
    for frame in reversed(frames):
        if "/site-packages/" in frame["path"]:
            package = frame["path"].split("/site-packages/")[1].split("/")[0]
            return _LIBRARIES.get(package, package)
        if "/local/host/" in frame["path"]:
            return "local host's worker loop, asyncio"
    return "asyncio"
