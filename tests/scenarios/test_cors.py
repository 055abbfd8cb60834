"""Pages in browsers: those of the origins in the settings may call the API, others not."""

import pytest

from tests.scenarios.deck import PAGE, Deck

PREFLIGHT = {
    "access-control-request-method": "POST",
    "access-control-request-headers": "authorization,content-type,x-stainless-retry-count",
}


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/files/file-x/content", "/v1/uploads/u/parts"])
async def test_a_page_of_an_allowed_origin_may_ask_before_it_calls(deck: Deck, path: str) -> None:
    async with deck.http(None) as http:
        answer = await http.options(path, headers={"origin": PAGE, **PREFLIGHT})
        assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (204, PAGE)
        assert answer.headers["access-control-allow-headers"] == PREFLIGHT["access-control-request-headers"]
        assert "access-control-allow-credentials" not in answer.headers
        other = await http.options(path, headers={"origin": "https://evil.example", **PREFLIGHT})
        assert "access-control-allow-origin" not in other.headers
        assert other.status_code == 405


async def test_answers_and_refusals_are_readable_by_that_page_alone(deck: Deck) -> None:
    async with deck.http() as http, deck.http(None) as keyless:
        for client, path, status in ((http, "/v1/models", 200), (keyless, "/v1/models", 401), (http, "/v1/nope", 404)):
            answer = await client.get(path, headers={"origin": PAGE})
            assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (status, PAGE)
            assert "x-request-id" in answer.headers["access-control-expose-headers"]
            other = await client.get(path, headers={"origin": "https://evil.example"})
            assert "access-control-allow-origin" not in other.headers
            assert other.headers["vary"] == "origin"
