"""The queue trigger and the output bindings, over a real queue."""

import asyncio
import base64
import os
import signal

import aiohttp
import pytest

from local.host.host import Host
from tests.local.conftest import Account, Notes, StartHost, alive, eventually


async def test_a_message_comes_with_its_id_count_and_times(host: Host, account: Account, notes: Notes) -> None:
    await account.send("shared-described", "hello")
    _, message_id, count, inserted, expires, receipt, invocation, _ = (await notes.wait("described"))[0]
    assert count == 1
    assert message_id
    assert receipt
    assert inserted < expires
    assert invocation


async def test_a_list_goes_out_as_one_message_each_and_a_blob_is_named_after_the_trigger(
    host: Host, account: Account
) -> None:
    await account.send("shared-fan-out", "a,b,c")
    assert sorted(await account.taken("shared-results", 3)) == ["a", "b", "c"]
    copies = account.blobs.get_container_client("copies")
    names = [blob.name async for blob in copies.list_blobs()]
    contents = [await (await copies.download_blob(name)).readall() for name in names]
    assert contents.count(b"a,b,c") == 1


async def test_a_returned_value_goes_to_the_bound_queue(host: Host, account: Account) -> None:
    await account.send("shared-returns", "loud")
    assert await account.taken("shared-results", 1) == ["LOUD"]


async def test_an_http_function_can_put_a_message_on_a_queue(
    host: Host, http: aiohttp.ClientSession, notes: Notes
) -> None:
    async with http.post("/api/enqueue", data=b"note over-http") as response:
        assert response.status == 202
    await notes.wait("job-done", "note over-http")


async def test_a_failing_message_is_tried_so_often_and_then_parked(host: Host, account: Account, notes: Notes) -> None:
    await account.send("shared-jobs", "fail always")
    await notes.wait("poison", "fail always")
    assert [note[2] for note in notes.of("job", "fail always")] == [1, 2, 3]
    await eventually(lambda: _is_empty(account, "shared-jobs"))


async def test_a_message_that_was_tried_too_often_already_is_parked_and_not_run(
    start_host: StartHost, account: Account, own_notes: Notes, prefix: str
) -> None:
    await account.send(f"{prefix}jobs", "note tired")
    queue = account.queues.get_queue_client(f"{prefix}jobs")
    for _ in range(3):
        message = await queue.receive_message()
        assert message is not None
        await queue.update_message(message, visibility_timeout=0)
    await start_host()
    await own_notes.wait("poison", "note tired")
    assert not own_notes.of("job")


async def test_a_message_that_is_not_base64_is_parked_as_it_is(host: Host, account: Account) -> None:
    await account.send("shared-described", "not base64!", raw=True)
    await account.queues.get_queue_client("shared-described-poison").create_queue()
    assert await eventually(lambda: account.peeked("shared-described-poison")) == ["not base64!"]


async def test_a_message_whose_worker_dies_is_tried_again_at_once(host: Host, account: Account, notes: Notes) -> None:
    await account.send("shared-jobs", "die-once inside")
    await notes.wait("job-done", "die-once inside", 2)


async def test_a_message_held_by_a_killed_worker_is_tried_again_at_once(
    host: Host, account: Account, notes: Notes
) -> None:
    await account.send("shared-jobs", "hold 2")
    await notes.wait("job", "hold 2", 1)
    os.kill(host.worker_pids[0], signal.SIGKILL)
    await notes.wait("job-done", "hold 2", 2)


async def test_a_message_that_takes_too_long_loses_its_worker_and_is_tried_again(
    host: Host, account: Account, notes: Notes
) -> None:
    await account.send("shared-jobs", "block-once x")
    first = (await notes.wait("job", "block-once x", 1))[0]
    second = (await notes.wait("job-done", "block-once x", 2))[0]
    assert first[-1] != second[-1]


async def test_retries_in_memory_do_not_count_as_dequeues(host: Host, account: Account, notes: Notes) -> None:
    await account.send("shared-fixed", "x")
    assert [note[1:4] for note in await notes.wait("fixed", count=3)] == [[1, 0, 2], [1, 1, 2], [1, 2, 2]]
    await eventually(lambda: _is_empty(account, "shared-fixed"))


async def test_dequeues_count_once_retries_are_used_up(host: Host, account: Account, notes: Notes) -> None:
    await account.send("shared-exponential", "x")
    await eventually(lambda: _is_empty(account, "shared-exponential"))
    assert [note[1:3] for note in notes.of("exponential")] == [[1, 0], [1, 1], [2, 0], [2, 1], [3, 0], [3, 1]]
    assert await account.taken("shared-exponential-poison", 1) == ["x"]


async def test_only_a_batch_and_its_threshold_run_at_once(host: Host, account: Account, notes: Notes) -> None:
    for number in range(10):
        await account.send("shared-jobs", f"hold 0.3{number}")
    await eventually(lambda: sum(note[1].startswith("hold 0.3") for note in notes.of("job-done")) == 10)
    running = most = 0
    for kind, *what in notes.all():
        if kind in ("job", "job-done") and str(what[0]).startswith("hold 0.3"):
            running += 1 if kind == "job" else -1
            most = max(most, running)
    assert 4 <= most <= 6


async def test_a_lock_is_renewed_for_as_long_as_the_function_runs(
    start_host: StartHost, account: Account, own_notes: Notes, prefix: str
) -> None:
    await start_host(lock_s=1)
    await account.send(f"{prefix}jobs", "hold 3")
    await own_notes.wait("job-done", "hold 3")
    await eventually(lambda: _is_empty(account, f"{prefix}jobs"))
    assert len(own_notes.of("job", "hold 3")) == 1


async def test_a_stopping_host_finishes_what_it_can_and_gives_back_the_rest(
    start_host: StartHost, account: Account, own_notes: Notes, prefix: str
) -> None:
    host = await start_host(grace_s=1.0)
    await account.send(f"{prefix}jobs", "hold 0.5")
    await account.send(f"{prefix}jobs", "hold 4.5")
    async with aiohttp.ClientSession(host.url) as client:
        call = asyncio.create_task(client.get("/api/wait?s=0.5"))
        await own_notes.wait("wait", "begun")
        await own_notes.wait("job", count=2)
        await asyncio.wait_for(host.stop(), 10)
        assert (await call).status == 200
    assert own_notes.of("job-done", "hold 0.5")
    messages = [message async for message in account.queues.get_queue_client(f"{prefix}jobs").receive_messages()]
    assert [(base64.b64decode(one.content).decode(), one.dequeue_count) for one in messages] == [("hold 4.5", 2)]


async def test_what_a_host_enqueues_itself_does_not_wait_for_its_next_look(
    start_host: StartHost, own_notes: Notes
) -> None:
    host = await start_host(max_poll_s=10.0)
    await own_notes.wait("tick", count=4)  # by now the looks at an empty queue are seconds apart
    async with aiohttp.ClientSession(host.url) as client, client.post("/api/enqueue", data=b"note woken") as response:
        assert response.status == 202
    async with asyncio.timeout(1.5):
        await own_notes.wait("job-done", "note woken")


async def test_a_message_that_somebody_else_settles_meanwhile_is_theirs(
    start_host: StartHost, account: Account, own_notes: Notes, prefix: str, caplog: pytest.LogCaptureFixture
) -> None:
    await start_host()
    await account.send(f"{prefix}jobs", "hold 0.3")
    await own_notes.wait("job", "hold 0.3")
    await account.queues.get_queue_client(f"{prefix}jobs").clear_messages()
    await eventually(lambda: "was not ours to delete any more" in caplog.text)
    await account.send(f"{prefix}jobs", "note after")
    await own_notes.wait("job-done", "note after")
    assert len(own_notes.of("job", "hold 0.3")) == 1


async def test_what_a_worker_started_ends_with_it(host: Host, account: Account, notes: Notes) -> None:
    await account.send("shared-jobs", "spawn x")
    _, child, worker = (await notes.wait("child"))[0]
    await notes.wait("job-done", "spawn x")
    os.kill(worker, signal.SIGKILL)
    await eventually(lambda: not alive(child))


async def _is_empty(account: Account, queue: str) -> bool:
    return await account.depth(queue) == 0
