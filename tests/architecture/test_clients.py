"""The page of what clients may expect names those that `make conformance` runs, in the versions that it installs."""

import re
from pathlib import Path

from tests.api.clients import CLIENTS

PAGE = (Path(__file__).parents[2] / "docs" / "openai.md").read_text()


def test_the_page_names_every_client_with_the_version_it_is_run_with() -> None:
    section = PAGE.partition("## Clients")[2].partition("\n## ")[0]
    rows = [re.findall(r"`([^`]+)`", line) for line in section.splitlines() if line.startswith("| `")]
    told = {(row[0], version) for row in rows for version in row if re.fullmatch(r"\d+\.\d+\.\d+", version)}
    assert told == {(client.title, client.version) for client in CLIENTS}
