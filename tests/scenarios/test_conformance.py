"""The conformance suite with the client that is installed; `make conformance` runs it with all others."""

import os
import sys
from pathlib import Path

from tests.api.clients import pytest_command, run
from tests.api.told import told
from tests.scenarios.deck import Deck


async def test_the_installed_client_passes_all_of_its_checks(deck: Deck, tmp_path: Path) -> None:
    report = tmp_path / "report.xml"
    outcome = await run(pytest_command(sys.executable, "openai_python", report), report, os.environ | told(deck))
    assert outcome.good, outcome
