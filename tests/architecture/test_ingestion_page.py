"""docs/ingestion.md, held to the code: its tables are derived here and compared."""

import ast
import re
from collections.abc import Iterable
from dataclasses import fields
from pathlib import Path
from typing import get_args

from functions import vector_stores
from shared.errors import DocumentError
from shared.ports.records import DocumentState, LastError
from shared.retrieval.extraction.formats import FORMATS
from shared.retrieval.extraction.limits import Limits
from shared.retrieval.objects import STATUS, attached_file
from shared.settings.environment import RECONCILE_SCHEDULE
from shared.wire.vector_stores import Progress
from tests.contracts.stores import document_record

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/ingestion.md").read_text()


def table(heading: str) -> list[list[str]]:
    """The first two cells of each row of the first table under a heading, without their code marks."""
    section = PAGE.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    rows = [line.strip("|").split("|") for line in section.splitlines() if line.startswith("| `")]
    return [[cell.strip().strip("`") for cell in row[:2]] for row in rows]


def test_every_state_is_told_with_its_status() -> None:
    assert table("States") == [[state, STATUS[state]] for state in get_args(DocumentState)]


def test_every_code_is_told_with_the_one_that_clients_see() -> None:
    told = table("Codes")
    assert {code for code, _ in told} == {*_codes(), "server_error", "waiting"}
    for code, seen in told:
        error = attached_file(document_record("d", state="failed", last_error=LastError(code, "why"))).last_error
        assert error is not None
        assert error.code == seen


def test_every_limit_is_told_with_its_value() -> None:
    assert table("Limits") == [[one.name, f"{getattr(Limits(), one.name):,}"] for one in fields(Limits)]


def test_every_format_that_is_read_is_named() -> None:
    listed = re.search(r"Read are: (.*?),\s+and\s+source\s+code", PAGE, re.DOTALL)
    assert listed
    named = " ".join(listed[1].split())
    assert [each.name for each in FORMATS if each.name not in named] == []


def test_every_field_of_the_progress_is_told() -> None:
    told = {name for cell, _ in _cells("Watch a document") for name in re.findall(r"`(\w+)`", cell)}
    assert told == set(Progress.model_fields)


def test_the_route_and_the_schedule_are_those_of_the_code() -> None:
    source = Path(str(vector_stores.__file__)).read_text()
    assert '_FILE + "/retry", methods=["POST"]' in source
    assert 'files/$file/retry"' in PAGE
    assert RECONCILE_SCHEDULE.split()[2:] == ["*"] * 4, "the page says: once an hour"


def _cells(heading: str) -> Iterable[tuple[str, str]]:
    section = PAGE.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    for line in section.splitlines():
        if line.startswith("| `"):
            first, second = line.strip("|").split("|")[:2]
            yield first, second


def _codes() -> set[str]:
    """Every code that a document is refused with anywhere."""
    found = {DocumentError.default_code}
    for path in (ROOT / "shared").glob("**/*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "DocumentError":
                codes = [one.value for one in node.keywords if one.arg == "code"]
                found |= {one.value for one in codes if isinstance(one, ast.Constant) and isinstance(one.value, str)}
    return found
