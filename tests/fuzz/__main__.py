"""`python -m tests.fuzz [--cases 5000] [--seed N]`: fuzz a product of its own; exit 1 if anything was found."""

import argparse
import asyncio
import secrets
from pathlib import Path
from tempfile import TemporaryDirectory

from local.azurite import Azurite, AzuriteConfig
from tests.fuzz.fuzzing import Findings, fuzz
from tests.scenarios.deck import running
from tests.upstream import ScriptedUpstream


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--cases", type=int, default=5000, help="requests to make up, at least")
    parser.add_argument(
        "--seed", type=int, default=secrets.randbelow(2**32), help="to repeat a run; default: a new one"
    )
    arguments = parser.parse_args()
    print(f"seed {arguments.seed}", flush=True)
    with TemporaryDirectory(prefix="flightdeck-fuzz-") as folder:
        findings = asyncio.run(_fuzzed(Path(folder), arguments.cases, arguments.seed))
    print(findings.printed)
    print(f"{findings.cases} requests to {findings.operations} operations, seed {arguments.seed}")
    if not findings.passed or findings.cases < arguments.cases:
        raise SystemExit(1)


async def _fuzzed(folder: Path, cases: int, seed: int) -> Findings:
    storage = Azurite(AzuriteConfig(data_dir=folder / "azurite"))
    await storage.start()
    try:
        async with ScriptedUpstream() as upstream, running(folder, storage, upstream) as deck:
            return await fuzz(deck, cases=cases, seed=seed)
    finally:
        await storage.stop()


if __name__ == "__main__":
    main()
