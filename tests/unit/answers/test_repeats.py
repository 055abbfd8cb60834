"""A request that comes again: what is done, and what is told."""

import asyncio
from collections.abc import Awaitable, Callable
from io import BytesIO

import pytest

from shared.adapters.memory.receipts import MemoryReceipts
from shared.adapters.system import SystemClock
from shared.answers.repeats import REPLAYED, Repeats
from shared.errors import ConflictError, InvalidRequestError, OverloadedError
from shared.ports.keys import Caller
from shared.ports.receipts import MAX_ANSWER_BYTES
from shared.wire.conversations import ConversationObject
from shared.wire.files import FileForm
from shared.wire.repeats import Asked
from shared.wire.replies import Relayed, Reply, Streamed
from shared.wire.uploads import Upload

ANN, BOB = Caller("acme", "ann"), Caller("acme", "bob")


def asked(text: bytes = b'{"a":1}', operation: str = "create_conversation", **path: str) -> Asked:
    return Asked(operation, path, ConversationObject(id="", created_at=0), text)


def form(content: bytes, name: str = "a.txt", purpose: str = "assistants") -> Asked:
    upload = Upload(name, "text/plain", len(content), BytesIO(content))
    return Asked("create_file", {}, FileForm.model_validate({"file": upload, "purpose": purpose}), b"")


class Work:
    """Counts how often it is done; waits, if told to, until it may end."""

    def __init__(self, reply: Callable[[int], Reply] | None = None, *, waits: bool = False) -> None:
        self.done = 0
        self.began = asyncio.Event()
        self.may_end = asyncio.Event()
        self._reply = reply or (lambda number: ConversationObject(id=f"conv_{number}", created_at=0))
        if not waits:
            self.may_end.set()

    async def __call__(self) -> Reply:
        self.began.set()
        await self.may_end.wait()
        self.done += 1
        return self._reply(self.done)


@pytest.fixture
def repeats() -> Repeats:
    return Repeats(MemoryReceipts(SystemClock()), SystemClock(), patience_s=30)


def body_of(reply: Reply) -> bytes:
    assert isinstance(reply, Relayed)
    return reply.body


async def test_the_same_request_is_done_once_and_told_twice(repeats: Repeats) -> None:
    work = Work()
    first = await repeats.once(ANN, "k", asked(), work)
    again = await repeats.once(ANN, "k", asked(), work)
    assert isinstance(again, Relayed)
    assert (work.done, again.body, again.headers) == (1, body_of(first), {REPLAYED: "true"})


async def test_another_request_with_the_key_is_refused_and_not_done(repeats: Repeats) -> None:
    work = Work()
    await repeats.once(ANN, "k", asked(), work)
    for other in (asked(b"{}"), asked(operation="create_file"), asked(conversation_id="conv_1")):
        with pytest.raises(InvalidRequestError, match="'k' was used with another request") as refused:
            await repeats.once(ANN, "k", other, work)
        assert refused.value.code == "idempotency_key_reused"
    assert work.done == 1


async def test_the_same_key_of_another_caller_is_another(repeats: Repeats) -> None:
    work = Work()
    for caller in (ANN, BOB, Caller("other", "ann")):
        await repeats.once(caller, "k", asked(), work)
    assert work.done == 3


async def test_forms_are_told_apart_by_what_is_in_them(repeats: Repeats) -> None:
    work = Work()
    await repeats.once(ANN, "k", form(b"one"), work)
    await repeats.once(ANN, "k", form(b"one"), work)
    for other in (form(b"two"), form(b"one", name="b.txt"), form(b"one", purpose="batch")):
        with pytest.raises(InvalidRequestError):
            await repeats.once(ANN, "k", other, work)
    assert work.done == 1


async def test_a_file_can_still_be_read_after_it_was_told_apart(repeats: Repeats) -> None:
    upload = form(b"content")

    async def work() -> Reply:
        return Relayed(upload.body.file.file.read())  # type: ignore[attr-defined]

    assert body_of(await repeats.once(ANN, "k", upload, work)) == b"content"


async def test_of_several_at_once_one_does_it_and_all_tell_the_same(repeats: Repeats) -> None:
    work = Work(waits=True)
    calls = [asyncio.create_task(repeats.once(ANN, "k", asked(), work)) for _ in range(4)]
    await work.began.wait()
    work.may_end.set()
    assert {body_of(reply) for reply in await asyncio.gather(*calls)} == {body_of(calls[0].result())}
    assert work.done == 1


async def test_who_waits_too_long_is_told_to_come_back(repeats: Repeats) -> None:
    impatient = Repeats(repeats._receipts, SystemClock(), patience_s=0)
    work = Work(waits=True)
    first = asyncio.create_task(repeats.once(ANN, "k", asked(), work))
    await work.began.wait()
    with pytest.raises(ConflictError) as refused:
        await impatient.once(ANN, "k", asked(), work)
    assert (refused.value.code, refused.value.headers["x-should-retry"]) == ("idempotency_in_progress", "true")
    work.may_end.set()
    await first


async def test_what_a_client_left_is_done_and_told_when_it_comes_back(repeats: Repeats) -> None:
    work = Work(waits=True)
    left = asyncio.create_task(repeats.once(ANN, "k", asked(), work))
    await work.began.wait()
    left.cancel()
    await asyncio.gather(left, return_exceptions=True)
    work.may_end.set()
    await repeats.once(ANN, "k", asked(), work)
    await repeats.drain()
    assert work.done == 1


async def test_a_failure_is_not_kept(repeats: Repeats) -> None:
    work = Work()

    async def failing() -> Reply:
        raise OverloadedError("down")

    with pytest.raises(OverloadedError):
        await repeats.once(ANN, "k", asked(), failing)
    await repeats.once(ANN, "k", asked(), work)
    assert work.done == 1


async def test_an_answer_too_large_to_keep_is_given_once_and_never_done_twice(repeats: Repeats) -> None:
    work = Work(lambda _: Relayed(b'"' + b"x" * MAX_ANSWER_BYTES + b'"'))
    assert len(body_of(await repeats.once(ANN, "k", asked(), work))) > MAX_ANSWER_BYTES
    again = await repeats.once(ANN, "k", asked(), work)
    assert isinstance(again, Relayed)
    assert (again.status, b"answer_not_kept" in again.body, work.done) == (409, True, 1)


async def test_what_is_no_plain_answer_is_passed_on_and_not_kept(repeats: Repeats) -> None:
    async def events() -> object:
        yield b""

    work = Work(lambda _: Streamed(events()))  # type: ignore[arg-type]
    for _ in range(2):
        assert isinstance(await repeats.once(ANN, "k", asked(), work), Streamed)
    assert work.done == 2


@pytest.mark.parametrize("key", ["", " ", "a b", "é", "x" * 256, "a\n"])
async def test_a_key_that_is_none_is_refused(repeats: Repeats, key: str) -> None:
    work: Callable[[], Awaitable[Reply]] = Work()
    with pytest.raises(InvalidRequestError, match="1 to 255 visible"):
        await repeats.once(ANN, key, asked(), work)
