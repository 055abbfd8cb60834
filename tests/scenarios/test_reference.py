"""The API as it describes itself, and requests written as the description says."""

import json
import re

import pytest

from shared.reference import DOCUMENT
from tests.fuzz.fuzzing import fuzz
from tests.scenarios.deck import PAGE, Deck


async def test_the_openapi_document_is_for_everybody_also_for_the_pages_of_allowed_origins(deck: Deck) -> None:
    async with deck.http(tenant=None) as http:
        answer = await http.get("/v1/openapi.json", headers={"origin": PAGE})
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["access-control-allow-origin"] == PAGE
    assert answer.json() == json.loads(DOCUMENT.read_text())


async def test_the_page_about_the_api_names_every_operation_and_loads_nothing(deck: Deck) -> None:
    paths = json.loads(DOCUMENT.read_text())["paths"]
    async with deck.http(tenant=None) as http:
        answer = await http.get("/reference")
    page = answer.text
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert [path for path in paths if f"</span> {path}</h3>" not in page] == []
    assert re.search(r"<(script|link|img|iframe)|src=|url\(|https?://", page) is None
    anchors = set(re.findall(r' id="([^"]+)"', page))
    assert set(re.findall(r'href="#([^"]+)"', page)) <= anchors, "a link that leads nowhere"


@pytest.mark.parametrize("written", ["group_by=model&group_by=source", "group_by[]=model&group_by[]=source"])
async def test_a_list_in_a_query_is_repeated_with_or_without_brackets(deck: Deck, written: str) -> None:
    async with deck.http() as http:
        answer = await http.get(f"/v1/organization/usage/completions?start_time=1772582400&{written}&group_by=nothing")
    assert answer.json()["error"]["param"] == "group_by.2"


async def test_a_parameter_that_is_no_list_is_refused_when_it_comes_twice(deck: Deck) -> None:
    async with deck.http() as http:
        answer = await http.get("/v1/files?limit=1&limit=2")
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "limit")


async def test_whatever_is_asked_the_answer_is_one_that_the_document_names(deck: Deck) -> None:
    """The short form of `make fuzz`."""
    findings = await fuzz(deck, cases=200, seed=7)
    assert findings.passed, findings.printed
    assert findings.cases >= 200, findings.printed
