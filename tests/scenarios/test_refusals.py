"""What a client gets for a mistake: OpenAI's error shape, a status that says whose fault it is, and no internals."""

import json
from typing import Any

import pytest

from tests.scenarios.deck import Deck
from tests.upstream import Step

CHAT = "/v1/chat/completions"
GOOD: dict[str, Any] = {"model": "chat", "messages": [{"role": "user", "content": "hi"}]}


@pytest.mark.parametrize(
    ("body", "status", "code", "param"),
    [
        (b"{not json", 400, "invalid_json", None),
        (b"", 400, "missing_required_parameter", "messages"),
        (b"[]", 400, None, None),
        (b'"text"', 400, None, None),
        (b"\xff\xfe", 400, "invalid_json", None),
        (GOOD | {"messages": "hi"}, 400, None, "messages"),
        (GOOD | {"messages": []}, 400, None, "messages"),
        (GOOD | {"messages": [{"role": "king", "content": "hi"}]}, 400, None, "messages.0.role"),
        (GOOD | {"stream": "yes"}, 400, None, "stream"),
        (GOOD | {"max_tokens": -1}, 400, None, "max_tokens"),
        (GOOD | {"max_tokens": "ten"}, 400, None, "max_tokens"),
        (GOOD | {"model": 3}, 400, None, "model"),
        ({"messages": GOOD["messages"]}, 400, None, "model"),
        (GOOD | {"model": "nope"}, 404, "model_not_found", "model"),
        (GOOD | {"model": "embedding"}, 404, "model_not_found", "model"),
        (GOOD | {"data_sources": [{"type": "azure_search", "parameters": {}}]}, 400, None, "data_sources.0.type"),
        (
            GOOD | {"data_sources": [{"type": "vector_store", "parameters": {"vector_store_ids": ["vs_nope"]}}]},
            404,
            "not_found",
            "vector_store_id",
        ),
    ],
)
async def test_a_bad_chat_request_is_refused_with_what_was_wrong(
    deck: Deck, body: Any, status: int, code: str | None, param: str | None
) -> None:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    async with deck.http() as http:
        answer = await http.post(CHAT, content=raw, headers={"content-type": "application/json"})
    error = answer.json()["error"]
    assert (answer.status_code, error["type"]) == (status, "invalid_request_error")
    assert error["message"].endswith(".")
    assert error["param"] == param
    if code:
        assert error["code"] == code
    assert answer.headers["x-request-id"].startswith("req_")
    assert "Traceback" not in answer.text


@pytest.mark.parametrize("headers", [{}, {"authorization": "Bearer wrong-key-that-nobody-knows"}, {"api-key": "x"}])
@pytest.mark.parametrize("path", [CHAT, "/v1/models", "/v1/files", "/v1/vector_stores/vs_x/search"])
async def test_a_missing_or_unknown_key_is_401(deck: Deck, headers: dict[str, str], path: str) -> None:
    method = "GET" if path in ("/v1/models", "/v1/files") else "POST"
    async with deck.http(tenant=None) as http:
        answer = await http.request(method, path, headers=headers, json=GOOD if method == "POST" else None)
    assert answer.status_code == 401
    assert answer.json()["error"]["code"] == "invalid_api_key"
    assert "nobody-knows" not in answer.text


async def test_an_unknown_route_is_404_and_a_wrong_method_405(deck: Deck) -> None:
    async with deck.http() as http:
        unknown = await http.post("/v1/nothing/here", json={})
        wrong = await http.delete(CHAT)
    assert (unknown.status_code, unknown.json()["error"]["code"]) == (404, "unknown_url")
    assert (wrong.status_code, wrong.json()["error"]["code"]) == (405, "method_not_allowed")
    assert "POST" in wrong.json()["error"]["message"]


@pytest.mark.parametrize(("path", "code"), [("/v1/models/a%0Ab", "model_not_found"), ("/%0A", "unknown_url")])
async def test_a_line_break_in_a_path_is_answered_by_us(deck: Deck, path: str, code: str) -> None:
    async with deck.http() as http:
        answer = await http.get(path)
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, code)


async def test_a_body_over_the_limit_is_413(deck: Deck) -> None:
    padded = json.dumps(GOOD | {"padding": "x" * 9_000_000}).encode()
    async with deck.http() as http:
        declared = await http.post(CHAT, content=padded)
        chunked = await http.post(CHAT, content=_pieces(padded))
    for answer in (declared, chunked):
        assert (answer.status_code, answer.json()["error"]["code"]) == (413, "request_too_large")


async def _pieces(data: bytes) -> Any:
    for start in range(0, len(data), 65536):
        yield data[start : start + 65536]


async def test_a_context_that_is_too_long_is_400_with_openais_code(deck: Deck) -> None:
    deck.upstream.script("chat", Step(error="context_length_exceeded"))
    long = GOOD | {"messages": [{"role": "user", "content": "word " * 8000}]}
    async with deck.http() as http:
        theirs = await http.post(CHAT, json=GOOD)
        ours = await http.post(CHAT, json=long)
        streamed = await http.post(CHAT, json=long | {"stream": True})
    for answer in (theirs, ours, streamed):
        assert (answer.status_code, answer.json()["error"]["code"]) == (400, "context_length_exceeded")


@pytest.mark.parametrize("value", ["", [], [""], 3, None, {"a": 1}])
async def test_a_bad_embedding_input_is_400(deck: Deck, value: Any) -> None:
    async with deck.http() as http:
        answer = await http.post("/v1/embeddings", json={"model": "embedding", "input": value})
    assert answer.status_code == 400
    assert answer.json()["error"]["param"].startswith("input")


async def test_a_search_on_a_missing_store_is_404(deck: Deck) -> None:
    async with deck.http() as http:
        answer = await http.post("/v1/vector_stores/vs_missing/search", json={"query": "x"})
    assert answer.status_code == 404
    assert "'vs_missing'" in answer.json()["error"]["message"]


async def test_a_list_query_out_of_range_is_400(deck: Deck) -> None:
    async with deck.http() as http:
        answer = await http.get("/v1/files?limit=0")
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "limit")


async def test_health_needs_no_key_and_ready_names_every_dependency(deck: Deck) -> None:
    async with deck.http(tenant=None) as http:
        assert (await http.get("/health")).json() == {"status": "ok"}
        ready = await http.get("/ready")
    checks = ready.json()["checks"]
    assert (ready.status_code, ready.json()["status"]) == (503, "unavailable")
    assert "cannot be reached" in checks.pop("model down")
    assert checks == dict.fromkeys(("store", "queues", "blobs", "model chat", "model embedding"), "ok")
