"""`python -m tests.api [client ...]`: the product once, then every client's programs, each in its own environment."""

import argparse
import asyncio
import os
import sys
import tempfile
from pathlib import Path

from benchmarks.report import table
from local.azurite import Azurite, AzuriteConfig
from tests.api.clients import CLIENTS, FOLDER, Client, Outcome, run
from tests.api.told import product_settings, told
from tests.scenarios.deck import running
from tests.upstream import ScriptedUpstream


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.api", description=__doc__)
    parser.add_argument("clients", nargs="*", metavar="client", help=f"of {', '.join(one.name for one in CLIENTS)}")
    wanted = parser.parse_args().clients
    if unknown := set(wanted) - {client.name for client in CLIENTS}:
        parser.error(f"unknown: {', '.join(sorted(unknown))}")
    chosen = [client for client in CLIENTS if not wanted or client.name in wanted]
    outcomes = asyncio.run(_run(chosen))
    _print(chosen, outcomes)
    sys.exit(not all(outcome.good for outcome in outcomes))


async def _run(clients: list[Client]) -> list[Outcome]:
    for client in clients:
        await client.install()
    with tempfile.TemporaryDirectory(prefix="flightdeck-conformance-") as scratch:
        folder = Path(scratch)
        storage = Azurite(AzuriteConfig(data_dir=folder / "azurite"))
        await storage.start()
        try:
            async with (
                ScriptedUpstream() as upstream,
                running(folder, storage, upstream, product_settings(upstream)) as deck,
            ):
                env = os.environ | told(deck)
                return [await _client(client, env) for client in clients]
        finally:
            await storage.stop()


async def _client(client: Client, env: dict[str, str]) -> Outcome:
    print(f"\n== {client.name}: {client.title} {client.version}", flush=True)
    report = FOLDER / f"{client.name}.xml"
    return await run(client.command(report), report, env)


def _print(clients: list[Client], outcomes: list[Outcome]) -> None:
    rows = [
        (client.title, client.version, outcome.passed, len(outcome.failed), len(outcome.skipped), outcome.took_s)
        for client, outcome in zip(clients, outcomes, strict=True)
    ]
    print("\n" + table(["client", "version", "passed", "failed", "skipped", "seconds"], rows))


if __name__ == "__main__":
    main()
