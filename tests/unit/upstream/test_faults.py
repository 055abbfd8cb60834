"""Every scripted fault, as a client meets it, and what the journal says of it."""

import asyncio
import json

import aiohttp
import openai
import pytest
from openai import AsyncOpenAI

from tests.upstream import ScriptedUpstream, Step

HELLO = [{"role": "user", "content": "Hello"}]
STREAM = {"model": "chat", "messages": HELLO, "stream": True}
PLAIN = {"model": "chat", "messages": HELLO}


@pytest.mark.parametrize(
    ("status", "raised"),
    [
        (400, openai.BadRequestError),
        (401, openai.AuthenticationError),
        (404, openai.NotFoundError),
        (429, openai.RateLimitError),
        (500, openai.InternalServerError),
        (503, openai.InternalServerError),
    ],
)
async def test_a_scripted_status_is_raised_and_costs_no_tokens(
    upstream: ScriptedUpstream, client: AsyncOpenAI, status: int, raised: type[openai.APIStatusError]
) -> None:
    upstream.script("chat", Step(status=status))
    with pytest.raises(raised):
        await client.chat.completions.create(model="chat", messages=HELLO)
    totals = upstream.journal.totals
    assert totals.by_status == {str(status): 1}
    assert totals.prompt_tokens == totals.completion_tokens == 0


@pytest.mark.parametrize(
    ("form", "header"), [("seconds", "Retry-After"), ("milliseconds", "retry-after-ms"), ("date", "Retry-After")]
)
async def test_retry_after_comes_in_each_form(
    upstream: ScriptedUpstream, http: aiohttp.ClientSession, form: str, header: str
) -> None:
    upstream.script("chat", Step(status=429, retry_after_s=2, retry_after_form=form))
    async with http.post(f"{upstream.endpoint}/chat/completions", json=PLAIN) as response:
        value = response.headers[header]
    assert value in ("2", "2000") or value.endswith("GMT")


@pytest.mark.parametrize("code", ["content_filter", "context_length_exceeded"])
async def test_named_errors_are_400_with_their_code(upstream: ScriptedUpstream, client: AsyncOpenAI, code: str) -> None:
    upstream.script("chat", Step(error=code))
    with pytest.raises(openai.BadRequestError) as caught:
        await client.chat.completions.create(model="chat", messages=HELLO)
    assert caught.value.code == code


async def test_steps_are_used_once_each_and_in_order_before_the_default(
    upstream: ScriptedUpstream, http: aiohttp.ClientSession
) -> None:
    upstream.script("chat", Step(status=503, times=2), Step(status=429), default=Step(status=404))
    assert upstream.steps.pending() == {"chat": 3}
    seen = []
    for _ in range(5):
        async with http.post(f"{upstream.endpoint}/chat/completions", json=PLAIN) as response:
            seen.append(response.status)
    assert seen == [503, 503, 429, 404, 404]


@pytest.mark.parametrize("body", [PLAIN, STREAM])
async def test_a_reset_comes_before_any_status_line(
    upstream: ScriptedUpstream, http: aiohttp.ClientSession, body: dict[str, object]
) -> None:
    upstream.script("chat", Step(fault="reset"))
    with pytest.raises(aiohttp.ClientOSError):
        await http.post(f"{upstream.endpoint}/chat/completions", json=body)
    assert upstream.journal.entries[0].status is None


@pytest.mark.parametrize(("after", "role"), [(0, False), (0, True), (3, True)])
async def test_a_cut_stream_ends_cleanly_without_its_end_mark(
    upstream: ScriptedUpstream, http: aiohttp.ClientSession, after: int, role: bool
) -> None:
    upstream.script("chat", Step(chunk_count=8, fault="cut", after_chunks=after, role_chunk=role))
    async with http.post(f"{upstream.endpoint}/chat/completions", json=STREAM) as response:
        raw = await response.text()
    assert raw.count("data:") == after + role
    assert "[DONE]" not in raw
    assert upstream.journal.totals.completion_tokens == after
    assert upstream.journal.entries[0].usage_sent is None


async def test_an_aborted_stream_delivers_what_came_before_the_abort(
    upstream: ScriptedUpstream, http: aiohttp.ClientSession
) -> None:
    upstream.script("chat", Step(chunk_count=8, fault="abort", after_chunks=3))
    received = bytearray()

    async def read() -> None:
        async with http.post(f"{upstream.endpoint}/chat/completions", json=STREAM) as response:
            async for part in response.content.iter_any():
                received.extend(part)

    with pytest.raises(aiohttp.ClientError):
        await read()
    assert received.count(b"data:") == 4
    assert upstream.journal.totals.completion_tokens == 3


@pytest.mark.parametrize("fault", ["cut", "abort"])
async def test_a_plain_answer_breaks_in_the_middle_of_its_body(
    upstream: ScriptedUpstream, http: aiohttp.ClientSession, fault: str
) -> None:
    upstream.script("chat", Step(fault=fault))
    with pytest.raises(aiohttp.ClientError):
        async with http.post(f"{upstream.endpoint}/chat/completions", json=PLAIN) as response:
            await response.read()
    assert upstream.journal.totals.completion_tokens == 0


async def test_a_malformed_event_stands_between_good_ones(
    upstream: ScriptedUpstream, http: aiohttp.ClientSession
) -> None:
    upstream.script("chat", Step(chunk_count=4, fault="malformed", after_chunks=2))
    async with http.post(f"{upstream.endpoint}/chat/completions", json=STREAM) as response:
        events = [line[6:] for line in (await response.text()).split("\n\n") if line]
    with pytest.raises(json.JSONDecodeError):
        json.loads(events[3])
    assert json.loads(events[4])["choices"][0]["delta"]["content"] == " w2"
    assert events[-1] == "[DONE]"


async def test_a_malformed_plain_body_is_not_json(upstream: ScriptedUpstream, http: aiohttp.ClientSession) -> None:
    upstream.script("chat", Step(fault="malformed"))
    async with http.post(f"{upstream.endpoint}/chat/completions", json=PLAIN) as response:
        with pytest.raises(json.JSONDecodeError):
            await response.json()


async def test_a_stall_lasts_until_the_client_leaves_and_the_journal_says_when(
    upstream: ScriptedUpstream, http: aiohttp.ClientSession
) -> None:
    upstream.script("chat", Step(chunk_count=8, fault="stall", after_chunks=2))
    async with http.post(f"{upstream.endpoint}/chat/completions", json=STREAM) as response:
        await upstream.journal.wait_chunks(2)
        response.close()
    await upstream.journal.wait_left()
    entry = upstream.journal.entries[0]
    assert entry.client_left
    assert (entry.chunks_sent, entry.completion_tokens) == (2, 2)
    assert upstream.journal.totals.active == 0


async def test_a_client_that_leaves_before_the_first_byte_is_recorded(
    upstream: ScriptedUpstream, http: aiohttp.ClientSession
) -> None:
    upstream.script("chat", Step(first_byte_s=60))
    call = asyncio.create_task(http.post(f"{upstream.endpoint}/chat/completions", json=PLAIN))
    await upstream.journal.wait_until(lambda journal: len(journal.entries) == 1)
    call.cancel()
    await upstream.journal.wait_left()
    assert upstream.journal.entries[0].status is None


async def test_a_wrong_key_is_refused_when_the_server_has_one(http: aiohttp.ClientSession) -> None:
    async with ScriptedUpstream(api_key="right") as upstream:
        for key, status in (("right", 200), ("wrong", 401)):
            headers = {"Authorization": f"Bearer {key}"}
            async with http.post(f"{upstream.endpoint}/chat/completions", json=PLAIN, headers=headers) as response:
                assert response.status == status
