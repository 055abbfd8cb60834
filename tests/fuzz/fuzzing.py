"""One run of schemathesis, as a program of its own, and what it found."""

import asyncio
import json
import math
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from shared.reference import DOCUMENT
from tests.scenarios.deck import KEYS, ROOT, Deck, eventually
from tests.scenarios.test_isolation import made

TENANT = "fuzz"
CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
)


@dataclass(frozen=True, slots=True)
class Findings:
    """`printed` is what schemathesis said, with a command for each failure that repeats it."""

    cases: int
    operations: int
    passed: bool
    printed: str


async def fuzz(deck: Deck, *, cases: int, seed: int) -> Findings:
    """Send at least so many requests, evenly over the operations. The same seed makes up the same ones.

    Its key is of a tenant of its own, and none that the API can revoke or limit. Half of the ids it sends are real.
    """
    ids = await made(deck, TENANT)
    try:
        with TemporaryDirectory() as folder:
            return await _run(deck.url, ids, _each(cases), seed, Path(folder))
    finally:
        await _quiet(deck)


def _each(cases: int) -> int:
    """A tenth more, and nothing counted for operations that take nothing: schemathesis asks nothing twice, and for an
    operation that takes but an id it runs out of what to ask."""
    operations = [one for path in json.loads(DOCUMENT.read_text())["paths"].values() for one in path.values()]
    variable = sum(bool(one.keys() & {"parameters", "requestBody"}) for one in operations)
    return math.ceil(cases * 1.1 / variable)


async def _run(url: str, ids: dict[str, str], each: int, seed: int, folder: Path) -> Findings:
    report = folder / "report.json"
    arguments = [f"{url}/v1/openapi.json", "--no-color", "--phases=fuzzing", f"--checks={','.join(CHECKS)}"]
    arguments += [f"--max-examples={each}", f"--seed={seed}", "--continue-on-failure", "--generation-database=none"]
    arguments += [f"--header=Authorization: Bearer {KEYS[TENANT + '-admin']}", "--warnings=off"]
    arguments += ["--report=json", f"--report-json-path={report}"]
    env = os.environ | {"SCHEMATHESIS_HOOKS": "tests.fuzz.hooks", "FUZZ_IDS": json.dumps(ids), "PYTHONPATH": str(ROOT)}
    child = await asyncio.create_subprocess_exec(
        str(Path(sys.executable).with_name("schemathesis")),
        "run",
        *arguments,
        cwd=folder,  # where it leaves what it keeps
        env=env,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    printed, _ = await child.communicate()
    return _findings(json.loads(report.read_text()) if report.exists() else {}, printed.decode())


def _findings(report: dict[str, Any], printed: str) -> Findings:
    assert report.get("complete"), printed
    cases, operations = report["test_cases"]["generated"], report["operations"]["tested"]
    return Findings(cases, operations, report["exit_code"] == 0, printed)


async def _quiet(deck: Deck) -> None:
    """Until the files that it put into stores are indexed: tests that come next count what the models are asked."""
    client = deck.client(TENANT)

    async def indexing() -> int:
        return sum([store.file_counts.in_progress async for store in client.vector_stores.list(limit=100)])

    await eventually(indexing, lambda count: count == 0)
