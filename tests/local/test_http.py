"""The HTTP front: routes, both ways of streaming, and what happens when either side fails."""

import asyncio
import io
import json
import os
import signal
from collections.abc import AsyncIterator

import aiohttp
import pytest

from local.host.host import Host
from tests.local.conftest import Notes, StartHost, eventually


async def exchange(host: Host, request: bytes) -> bytes:
    """Send bytes as they are and read until the host closes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", host.config.port)
    writer.write(request)
    answer = await asyncio.wait_for(reader.read(), 20)
    writer.close()
    return answer


async def test_a_function_answers_and_the_inner_server_is_not_named(http: aiohttp.ClientSession) -> None:
    async with http.get("/api/ping") as response:
        assert response.status == 200
        assert (await response.json())["pong"] is True
        assert "Server" not in response.headers


async def test_a_literal_route_wins_over_a_constrained_one(http: aiohttp.ClientSession) -> None:
    async with http.get("/api/items/special") as response:
        assert await response.json() == {"special": True}
    async with http.get("/api/items/other/7?a=b") as response:
        assert await response.json() == {"params": {"kind": "other", "id": "7"}, "query": {"a": "b"}, "method": "GET"}


async def test_a_constraint_keeps_other_paths_out_and_an_optional_part_may_be_missing(
    http: aiohttp.ClientSession,
) -> None:
    async with http.get("/api/items/other") as response:
        assert (await response.json())["params"] == {"kind": "other"}
    async with http.get("/api/items/123") as response:
        assert response.status == 404
    async with http.get("/api/items/other/seven") as response:
        assert response.status == 404


async def test_a_catch_all_takes_the_rest_of_the_path(http: aiohttp.ClientSession) -> None:
    async with http.get("/api/rest/a/b%20c/d") as response:
        assert await response.json() == {"path": "a/b c/d"}
    async with http.get("/api/rest") as response:
        assert await response.json() == {"path": ""}


async def test_an_unknown_path_is_404_and_so_is_a_known_one_with_another_method(http: aiohttp.ClientSession) -> None:
    async with http.get("/api/unknown") as response:
        assert response.status == 404
    async with http.delete("/api/ping") as response:
        assert response.status == 404


async def test_a_route_of_lower_precedence_wins_where_it_alone_takes_the_method(http: aiohttp.ClientSession) -> None:
    async with http.post("/api/rest/one") as response:
        assert await response.json() == {"one": True}
    async with http.put("/api/rest/one") as response:
        assert await response.json() == {"put": "one"}


async def test_the_caller_cannot_choose_the_invocation_id(http: aiohttp.ClientSession) -> None:
    chosen = {"x-ms-invocation-id": "mine", "x-other": "kept", "TE": "trailers"}
    async with http.get("/api/headers", headers=chosen) as response:
        seen = await response.json()
        assert response.headers["x-mine"] == "kept"
    assert seen["x-ms-invocation-id"] != "mine"
    assert seen["x-other"] == "kept"
    assert "te" not in seen


async def test_the_trace_of_the_caller_reaches_the_function(http: aiohttp.ClientSession) -> None:
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    async with http.get("/api/context", headers={"traceparent": trace}) as response:
        context = await response.json()
    assert context["trace"] == trace
    assert context["function"] == "context_of"


async def test_bodies_stream_both_ways_without_waiting_for_their_end(http: aiohttp.ClientSession) -> None:
    lines: asyncio.Queue[bytes | None] = asyncio.Queue()

    async def body() -> AsyncIterator[bytes]:
        while (line := await lines.get()) is not None:
            yield line

    upload = asyncio.create_task(http.post("/api/steps", data=body()))
    async with http.get("/api/steps") as response:
        for line in (b"one\n", b"two\n", b"three\n"):
            await lines.put(line)
            assert await asyncio.wait_for(response.content.readline(), 10) == line
        await lines.put(None)  # an empty last block ends what follows
        assert await response.content.read() == b""
    assert (await upload).status == 200


async def test_a_large_upload_arrives_whole_with_a_length_and_in_chunks(http: aiohttp.ClientSession) -> None:
    async def blocks() -> AsyncIterator[bytes]:
        for _ in range(50):
            yield b"x" * 100_000

    async with http.post("/api/upload", data=io.BytesIO(b"x" * 5_000_000)) as response:
        assert await response.json() == {"total": 5_000_000}
    async with http.post("/api/upload", data=blocks()) as response:
        assert await response.json() == {"total": 5_000_000}


async def test_a_body_over_the_limit_is_413(http: aiohttp.ClientSession, host: Host) -> None:
    async def blocks() -> AsyncIterator[bytes]:
        for _ in range(100):
            yield b"x" * 100_000

    head = b"POST /api/upload HTTP/1.1\r\nHost: x\r\nContent-Length: 8000001\r\n\r\n"
    assert (await exchange(host, head)).startswith(b"HTTP/1.1 413 ")
    async with http.post("/api/upload", data=blocks()) as response:
        assert response.status == 413


async def test_a_client_that_waits_for_permission_gets_it(host: Host) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", host.config.port)
    writer.write(b"POST /api/upload HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n")
    assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
    writer.write(b"body")
    assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200 ")
    assert await reader.readexactly(11) == b'{"total":4}'
    writer.close()


@pytest.mark.parametrize(
    "head",
    [
        b"POST /api/upload HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST /api/upload HTTP/1.1\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
        b"POST /api/upload HTTP/1.1\r\nContent-Length : 3\r\n\r\nabc",
        b"POST /api/upload HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n\r\n",
        b"nonsense\r\n\r\n",
        b"GET /api/items/special HTTP/1.1\r\nHost: x\r\nX-Note: a\x00b\r\n\r\n",
        b"GET /api/items/special HTTP/1.1\r\nHost: x\r\nX-Note: a\nb\r\n\r\n",
    ],
)
async def test_a_request_that_two_readers_could_read_differently_is_400(host: Host, head: bytes) -> None:
    assert (await exchange(host, head)).startswith(b"HTTP/1.1 400 ")


async def test_one_connection_serves_several_requests(host: Host) -> None:
    once = b"GET /api/items/special HTTP/1.1\r\nHost: x\r\n"
    answer = await exchange(host, once + b"\r\n" + once + b"\r\n" + once + b"Connection: close\r\n\r\n")
    assert answer.count(b"HTTP/1.1 200 ") == 3


async def test_a_client_of_http_1_0_gets_a_stream_without_chunks_and_then_the_end(
    host: Host, http: aiohttp.ClientSession
) -> None:
    plain = await exchange(host, b"GET /api/items/special HTTP/1.0\r\n\r\n")
    assert plain.endswith(b'{"special":true}')
    async with http.post("/api/steps", data=b"a step") as response:
        assert response.status == 200
    head, _, body = (await exchange(host, b"GET /api/steps HTTP/1.0\r\n\r\n")).partition(b"\r\n\r\n")
    assert b"transfer-encoding" not in head.lower()
    assert body == b"a step"


async def test_an_answer_before_the_body_was_read_arrives(http: aiohttp.ClientSession) -> None:
    async with http.post("/api/refuse", data=io.BytesIO(b"x" * 4_000_000)) as response:
        assert response.status == 409


@pytest.mark.parametrize("path", ["boom", "nothing"])
async def test_a_function_that_fails_gives_a_bare_500(http: aiohttp.ClientSession, path: str) -> None:
    async with http.get(f"/api/{path}") as response:
        assert response.status == 500
        assert await response.text() == "Internal Server Error"


async def test_a_stream_that_fails_half_way_is_cut_off(http: aiohttp.ClientSession) -> None:
    async with http.get("/api/break") as response:
        assert response.status == 200
        with pytest.raises(aiohttp.ClientPayloadError):
            await response.read()


async def test_a_client_that_leaves_a_stream_closes_the_generator(host: Host, notes: Notes) -> None:
    before = len(notes.of("endless"))
    async with aiohttp.ClientSession(host.url) as leaving:
        response = await leaving.get("/api/endless")
        await response.content.readline()
        response.close()
    await notes.wait("endless", "closed", count=before + 1)


async def test_a_client_that_leaves_before_an_answer_is_seen_to_be_gone(host: Host, notes: Notes) -> None:
    before = len(notes.of("wait", "begun"))
    async with aiohttp.ClientSession(host.url) as leaving:
        call = asyncio.create_task(leaving.get("/api/wait?s=30"))
        await notes.wait("wait", "begun", count=before + 1)
        call.cancel()
        await asyncio.gather(call, return_exceptions=True)
    await notes.wait("wait", "disconnected")


async def test_app_settings_and_folder_are_those_of_the_app(http: aiohttp.ClientSession, host: Host) -> None:
    async with http.get("/api/settings/SAMPLE_SETTING") as response:
        assert await response.json() == {"value": "from the host", "cwd": str(host.config.app_dir)}
    async with http.get("/api/settings/FUNCTIONS_WORKER_RUNTIME") as response:
        assert (await response.json())["value"] == "python"


async def test_a_killed_worker_costs_502_or_a_cut_and_another_serves_what_follows(
    http: aiohttp.ClientSession, host: Host, notes: Notes
) -> None:
    before = len(notes.of("block"))
    streaming = await http.get("/api/endless")
    blocked = asyncio.create_task(http.get("/api/block"))
    await notes.wait("block", "begun", count=before + 1)
    async with http.get("/admin/host/status") as response:
        assert response.status == 200  # a function that blocks its worker does not block the host
    (pid,) = host.worker_pids
    os.kill(pid, signal.SIGKILL)
    assert (await blocked).status == 502
    with pytest.raises(aiohttp.ClientPayloadError):
        await streaming.read()
    await eventually(lambda: pid not in host.worker_pids)
    async with http.get("/api/ping") as response:
        assert response.status == 200


async def test_keys_are_asked_for_when_authorisation_is_on(start_host: StartHost) -> None:
    host = await start_host(enable_auth=True, master_key="m", function_key="f", idle_s=0.5)

    async def status(path: str, key: str | None = None) -> int:
        headers = {"x-functions-key": key} if key else {}
        async with aiohttp.ClientSession(host.url) as client, client.get(path, headers=headers) as response:
            return response.status

    assert await status("/api/ping") == 200
    assert await status("/api/keyed") == 401
    assert await status("/api/keyed", "f") == 200
    assert await status("/api/keyed?code=f") == 200
    assert await status("/api/keyed?code=f", "wrong") == 401
    assert await status("/api/admins", "f") == 401
    assert await status("/api/admins", "m") == 200
    assert await status("/api/wait?s=3") == 504  # nothing moved for the idle time


async def test_workers_take_turns(start_host: StartHost) -> None:
    host = await start_host(worker_processes=2)
    async with aiohttp.ClientSession(host.url) as client:

        async def pid() -> int:
            async with client.get("/api/ping") as response:
                return json.loads(await response.text())["pid"]

        pids = [await pid() for _ in range(4)]
    assert set(pids) == set(host.worker_pids)
    assert pids[0] == pids[2] != pids[1] == pids[3]
    os.kill(pids[0], signal.SIGKILL)
    await eventually(lambda: pids[0] not in host.worker_pids and len(host.worker_pids) == 2)
