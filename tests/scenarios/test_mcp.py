"""The Model Context Protocol through its official client: two tools, and no sight of what another may read."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest
import pytest_asyncio
from mcp import Client, MCPError
from mcp.client.streamable_http import streamable_http_client

from tests.scenarios.deck import Deck
from tests.scenarios.test_documents import ready

QUERY = {"query": "Which colour does the lighthouse have?"}


@dataclass
class Lighthouses:
    """Documents by their ids in MCP: one for all of acme, one for acme's hr, one of another tenant."""

    ours: str
    hr: str
    theirs: str


@asynccontextmanager
async def agent(deck: Deck, tenant: str) -> AsyncIterator[Client]:
    async with (
        deck.http(tenant) as http,
        Client(streamable_http_client(f"{deck.url}/mcp", http_client=http)) as client,
    ):
        yield client


async def said(client: Client, tool: str, arguments: dict[str, Any]) -> Any:
    """What the tool answered, which its text and its structure say alike."""
    result = await client.call_tool(tool, arguments)
    assert not result.is_error, result.content
    assert json.loads(result.content[0].text) == result.structured_content
    return result.structured_content


async def found(client: Client) -> set[str]:
    return {one["id"] for one in (await said(client, "search", QUERY))["results"]}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def lighthouses(product: Deck) -> Lighthouses:
    return Lighthouses(
        ours=await _put(product, "acme", "vermilion", colour="vermilion"),
        hr=await _put(product, "acme-hr", "saffron", acl="hr"),
        theirs=await _put(product, "other", "cerulean"),
    )


async def _put(deck: Deck, tenant: str, word: str, **attributes: str) -> str:
    client = deck.client(tenant)
    store = await client.vector_stores.create(name=f"mcp {word}")
    text = f"The colour of the lighthouse is {word}.".encode()
    file = await client.files.create(file=(f"{word}.txt", text), purpose="assistants")
    await client.vector_stores.files.create(store.id, file_id=file.id, attributes=attributes)
    assert (await ready(deck, store.id, file.id, tenant)).status == "completed"
    return f"{store.id}:{file.id}"


async def test_an_agent_lists_both_tools_searches_and_fetches(deck: Deck, lighthouses: Lighthouses) -> None:
    async with agent(deck, "acme") as client:
        assert [tool.name for tool in (await client.list_tools()).tools] == ["search", "fetch"]
        results = (await said(client, "search", QUERY))["results"]
        hit = next(one for one in results if one["id"] == lighthouses.ours)
        document = await said(client, "fetch", {"id": hit["id"]})
    assert document == hit | {
        "title": "vermilion.txt",
        "text": "The colour of the lighthouse is vermilion.",
        "metadata": {"colour": "vermilion"},
    }
    async with deck.http() as http:
        assert "vermilion" in (await http.get(hit["url"])).text


async def test_an_agent_sees_nothing_of_another_tenant_or_of_other_principals(
    deck: Deck, lighthouses: Lighthouses
) -> None:
    every = {lighthouses.ours, lighthouses.hr, lighthouses.theirs}
    may = {
        "acme": {lighthouses.ours},
        "acme-hr": {lighthouses.ours, lighthouses.hr},
        "other": {lighthouses.theirs},
    }
    for who, allowed in may.items():
        async with agent(deck, who) as client:
            assert await found(client) & every == allowed, who
            for identity in every - allowed:
                refused = await client.call_tool("fetch", {"id": identity})
                missing = await client.call_tool("fetch", {"id": "vs_none:file_none"})
                text = refused.content[0].text.replace(identity, "vs_none:file_none")
                assert (refused.is_error, text) == (True, missing.content[0].text)


async def test_what_an_agent_asks_wrongly_is_told_by_json_rpc(deck: Deck) -> None:
    async with agent(deck, "acme") as client:
        with pytest.raises(MCPError, match="Unknown tool 'delete'"):
            await client.call_tool("delete", {})
        with pytest.raises(MCPError, match=r"query: Field required"):
            await client.call_tool("search", {})
    async with deck.http() as http:
        ping = {"jsonrpc": "2.0", "id": 7, "method": "ping"}
        assert (await http.post("/mcp", json=ping)).json() == {"jsonrpc": "2.0", "id": 7, "result": {}}
        for wrong in ([ping], {"id": 7}, "ping", None, ping | {"id": 1.5}, ping | {"params": [1]}):
            answer = await http.post("/mcp", json=wrong)
            assert (answer.status_code, answer.json()["error"]["code"]) == (400, -32600), wrong
        unknown = (await http.post("/mcp", json=ping | {"method": "resources/list"})).json()
        assert unknown["error"] == {"code": -32601, "message": "Unknown method 'resources/list'."}
        noted = await http.post("/mcp", json={"jsonrpc": "2.0", "method": "notifications/initialized"})
        assert (noted.status_code, noted.content) == (202, b"")
        assert (await http.get("/mcp")).status_code == 405
    async with deck.http(None) as http:
        assert (await http.post("/mcp", json=ping)).status_code == 401
