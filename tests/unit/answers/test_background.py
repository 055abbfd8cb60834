"""Responses that a queue makes: who may make them, what is waited for, and what becomes of the rest."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from shared.adapters.memory.conversations import MemoryConversationItems
from shared.adapters.memory.records import MemoryRecords
from shared.adapters.models import HttpModels
from shared.answers.conversations import Conversations
from shared.answers.responses.attached import AttachedFiles
from shared.answers.responses.background import BackgroundResponses
from shared.answers.responses.creation import ResponseAnswers
from shared.answers.responses.draft import Draft
from shared.answers.responses.file_search import FileSearch
from shared.answers.responses.kept import KeptResponses
from shared.answers.responses.rounds import Rounds
from shared.answers.responses.tasks import Tasks
from shared.answers.responses.truncation import truncated
from shared.errors import NotFoundError, OverloadedError, UpstreamRefusalError
from shared.ports.blobs import FILES
from shared.ports.conversations import ConversationRecord
from shared.ports.records import TenantRecord
from shared.ports.responses import Begun, Queued, ResponseRecord, Said
from shared.retrieval.poison import POISON
from shared.retrieval.tenants import Tenants
from shared.wire.lists import ListQuery
from shared.wire.messages import ParkedMessage, ResponseMessage, parse_response
from shared.wire.replies import Relayed, Streamed
from shared.wire.responses import ResponseBody, ResponseObject
from shared.wire.vector_stores import VectorStoreBody
from tests.unit.gateway.conftest import CALLER, Bench, RememberingMeter, WordCounter
from tests.unit.retrieval.world import World
from tests.upstream import ScriptedUpstream, Step
from tests.upstream.script import ToolCall


class Office:
    """Responses over memory, with the scripted model server behind them."""

    def __init__(self, bench: Bench) -> None:
        self.bench, self.world = bench, World()
        self.clock, services = self.world.clock, self.world.services
        self.records: MemoryRecords[ResponseRecord] = MemoryRecords(ResponseRecord)
        self.kept = KeptResponses(self.records, self.world.blobs)
        tenants = Tenants(MemoryRecords(TenantRecord))
        items = MemoryConversationItems()
        self.conversations = Conversations(MemoryRecords(ConversationRecord), items, tenants, self.clock)
        search = FileSearch(services.searcher, services.vector_stores)
        rounds = Rounds(bench.cached(), bench.catalogue, search, WordCounter(), self.clock)
        tasks = Tasks(self.kept, self.conversations, AttachedFiles(services.files), self.clock)
        self.background = BackgroundResponses(
            self.records, self.kept, tasks, rounds, self.world.queues, self.world.blobs, self.clock
        )
        self.answers = ResponseAnswers(rounds, tasks, self.kept, self.background, self.clock)

    async def queued(self, **asked: Any) -> ResponseMessage:
        body = ResponseBody.model_validate({"model": "gpt", "input": "Go.", "background": True, **asked})
        assert isinstance(await self.answers.create(CALLER, body), ResponseObject)
        (message,) = await self.world.queues.take("responses")
        return parse_response(message.body)

    async def record(self, message: ResponseMessage) -> ResponseRecord:
        return (await self.records.get(message.tenant, message.response_id)).value

    async def text(self, message: ResponseMessage) -> tuple[str, str]:
        response = Draft.of(await self.record(message)).response()
        return response.status, "".join(part.text for item in response.output for part in item.parts)  # type: ignore[union-attr]


@pytest.fixture
async def office() -> AsyncIterator[Office]:
    models = HttpModels()
    async with ScriptedUpstream() as upstream:
        yield Office(Bench(upstream, models, RememberingMeter()))
        models.close()


async def test_a_message_that_comes_twice_makes_one_answer(office: Office) -> None:
    message = await office.queued()
    await office.background.handle(message, "m")
    await office.background.handle(message, "m")
    assert await office.text(message) == ("completed", "Scripted answer.")
    assert len(office.bench.meter.attempts) == 1


async def test_a_message_about_nothing_is_dropped(office: Office) -> None:
    await office.background.handle(ResponseMessage(tenant="acme", response_id="resp_nope"), "m")


async def test_models_that_are_down_are_waited_for_and_not_for_ever(office: Office) -> None:
    message = await office.queued(model="gone")
    with pytest.raises(OverloadedError):
        await office.background.handle(message, "m")
    record = await office.record(message)
    assert (record.ended, record.claim) == (False, None)
    office.clock.advance(timedelta(minutes=31).total_seconds())
    await office.background.handle(message, "another")
    response = Draft.of(await office.record(message)).response()
    assert response.status == "failed"
    assert response.error is not None


async def test_while_one_message_makes_it_another_waits_until_the_first_has_gone_silent(office: Office) -> None:
    message = await office.queued()
    stored = await office.records.get(message.tenant, message.response_id)
    claimed = replace(
        stored.value,
        claim="dead",
        claimed_until=office.clock.now() + timedelta(seconds=60),
        moves=(Queued(), Begun(), Said(("lost",))),
    )
    await office.records.replace(claimed, if_match=stored.etag)
    with pytest.raises(OverloadedError, match="another message"):
        await office.background.handle(message, "m")
    office.clock.advance(61)
    await office.background.handle(message, "m")
    assert await office.text(message) == ("completed", "Scripted answer.")


async def test_the_same_message_takes_over_at_once(office: Office) -> None:
    message = await office.queued()
    stored = await office.records.get(message.tenant, message.response_id)
    until = office.clock.now() + timedelta(seconds=60)
    await office.records.replace(replace(stored.value, claim="m", claimed_until=until), if_match=stored.etag)
    await office.background.handle(message, "m")
    assert (await office.text(message))[0] == "completed"


async def test_of_two_runs_at_once_only_one_writes_an_answer(office: Office) -> None:
    office.bench.upstream.script("chat", Step(text="first", first_byte_s=0.3), Step(text="second"))
    message = await office.queued()
    slow = asyncio.create_task(office.background.handle(message, "m"))
    await office.bench.upstream.journal.wait_until(lambda journal: bool(journal.entries), timeout_s=60)
    await office.background.handle(message, "m")
    await slow
    assert await office.text(message) == ("completed", "second")


async def test_what_every_attempt_failed_at_is_failed_with_the_reason(office: Office) -> None:
    message = await office.queued()
    parked = ParkedMessage(code="server_error", reason="It broke.", body=message.model_dump_json())
    await office.background.give_up(parked, "m")
    await office.background.give_up(parked, "m")
    response = Draft.of(await office.record(message)).response()
    assert (response.status, response.error and response.error.message) == ("failed", "It broke.")


async def test_what_is_about_no_response_is_kept_among_the_blobs(office: Office) -> None:
    await office.background.give_up(ParkedMessage(code="x", reason="y", body="{}"), "m")
    content = b"".join([piece async for piece in office.world.blobs.read(POISON, "responses/m")])
    assert content == b"{}"


async def test_every_round_is_metered_once_and_the_response_says_the_sum(office: Office) -> None:
    store = await office.world.services.vector_stores.create(CALLER, VectorStoreBody(name="s"))
    search = ToolCall(name="file_search", arguments='{"queries": ["a"]}')
    office.bench.upstream.script("chat", Step(tool_calls=(search,)), Step(tool_calls=(search,)), Step(text="Done."))
    tool = {"type": "file_search", "vector_store_ids": [store.id]}
    message = await office.queued(tools=[tool])
    await office.background.handle(message, "m")
    usage = Draft.of(await office.record(message)).response().usage
    consumed = office.bench.meter.consumptions.values()
    assert len(office.bench.meter.attempts) == len(consumed) == 3
    assert usage is not None
    assert usage.input_tokens == sum(one.input_tokens for one in consumed)
    assert usage.output_tokens == sum(one.output_tokens for one in consumed)


@pytest.mark.parametrize("refused_s", [60, 0])
async def test_a_refusal_that_comes_soon_is_an_error_and_a_later_one_ends_the_stream(
    office: Office, refused_s: float
) -> None:
    office.bench.upstream.script("chat", Step(status=400, error="content_filter", first_byte_s=0.1))
    answers = replace(office.answers, refused_s=refused_s)
    body = ResponseBody.model_validate({"model": "gpt", "input": "Go.", "stream": True})
    if refused_s:
        with pytest.raises(UpstreamRefusalError):
            await answers.create(CALLER, body)
        return
    streamed = await answers.create(CALLER, body)
    assert isinstance(streamed, Streamed)
    told = b"".join([piece async for piece in streamed.events])
    names = [line.removeprefix(b"event: ") for line in told.splitlines() if line.startswith(b"event: ")]
    assert names == [b"response.created", b"response.in_progress", b"response.failed", b"error"]
    assert told.count(b"content management policy") == 3


async def test_a_large_input_is_kept_beside_its_record_and_goes_with_it(office: Office) -> None:
    text = "word " * 200
    items = [{"role": "user", "content": text}] * 300
    body = ResponseBody.model_validate({"model": "gpt", "input": items, "truncation": "auto"})
    assert isinstance(await office.answers.create(CALLER, body), Relayed)
    (stored,) = (await office.records.list("acme")).items
    assert (stored.value.has_blob, stored.value.input) == (True, ())
    page = await office.answers.input_items(CALLER, stored.value.id, ListQuery(limit=100))
    assert (len(page.data), page.has_more) == (100, True)
    history = await office.kept.before(CALLER, stored.value.id)
    assert len(history.items) == 301
    await office.answers.delete(CALLER, stored.value.id)
    with pytest.raises(NotFoundError):
        await office.world.blobs.head(FILES, f"acme/{stored.value.id}")


def test_a_prompt_that_is_too_long_loses_its_beginning_and_no_system_message() -> None:
    words = [
        {"role": "system", "content": "one two"},
        {"role": "user", "content": "a b c d e f"},
        {"role": "assistant", "content": None, "tool_calls": [{"id": "1"}]},
        {"role": "tool", "content": "four words of output"},
        {"role": "user", "content": "the last"},
    ]
    assert truncated(words, 1000, WordCounter()) == words
    assert truncated(words, 24, WordCounter()) == [words[0], *words[2:]]
    assert truncated(words, 16, WordCounter()) == [words[0], words[4]]
    assert truncated(words, 1, WordCounter()) == [words[0], words[4]]
