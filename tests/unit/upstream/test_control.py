"""The HTTP control endpoints and the program: what a test in another process uses."""

import asyncio
import sys
from pathlib import Path

import aiohttp

from tests.upstream import ScriptedUpstream

ROOT = Path(__file__).parents[3]
PLAIN = {"model": "chat", "messages": [{"role": "user", "content": "Hello"}]}


async def test_a_script_is_posted_as_a_list_or_for_one_model(
    upstream: ScriptedUpstream, http: aiohttp.ClientSession
) -> None:
    await http.post(f"{upstream.url}/_script", json=[{"status": 503}])
    await http.post(f"{upstream.url}/_script", json={"model": "chat", "default": {"status": 404}})
    seen = []
    for _ in range(2):
        async with http.post(f"{upstream.endpoint}/chat/completions", json=PLAIN) as response:
            seen.append(response.status)
    assert seen == [503, 404]


async def test_an_unknown_field_of_a_script_is_refused(upstream: ScriptedUpstream, http: aiohttp.ClientSession) -> None:
    async with http.post(f"{upstream.url}/_script", json=[{"statsu": 503}]) as response:
        assert response.status == 400
        assert "statsu" in await response.text()


async def test_the_journal_is_read_and_reset_and_keeps_no_key(
    upstream: ScriptedUpstream, http: aiohttp.ClientSession
) -> None:
    headers = {"Authorization": "Bearer sk-secret", "x-trace": "1"}
    await http.post(f"{upstream.endpoint}/chat/completions?v=1", json=PLAIN, headers=headers)
    async with http.get(f"{upstream.url}/_journal?finished=1") as response:
        text, journal = await response.text(), await response.json()
    entry = journal["entries"][0]
    assert "sk-secret" not in text
    assert (entry["headers"]["x-trace"], entry["auth"], entry["query"]) == ("1", "bearer", {"v": "1"})
    assert entry["body"] == PLAIN
    assert entry["usage_sent"]["prompt_tokens"] == entry["prompt_tokens"] == journal["totals"]["prompt_tokens"]
    await http.delete(f"{upstream.url}/_journal")
    async with http.get(f"{upstream.url}/_journal") as response:
        assert (await response.json())["totals"]["calls"] == 0


async def test_waiting_for_a_call_that_never_comes_times_out(
    upstream: ScriptedUpstream, http: aiohttp.ClientSession
) -> None:
    async with http.get(f"{upstream.url}/_journal?finished=1&timeout=0.01") as response:
        assert response.status == 408


async def test_the_program_prints_its_address_and_stops_on_sigterm(http: aiohttp.ClientSession) -> None:
    program = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.upstream",
        "--default",
        '{"text": "Yes."}',
        stdout=asyncio.subprocess.PIPE,
        cwd=ROOT,
    )
    endpoint = (await program.stdout.readline()).decode().split()[-1]
    async with http.post(f"{endpoint}/chat/completions", json=PLAIN) as response:
        answer = await response.json()
    program.terminate()
    assert answer["choices"][0]["message"]["content"] == "Yes."
    assert await program.wait() == 0
