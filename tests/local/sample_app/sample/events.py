import asyncio
import json
import os
import time
from typing import List  # noqa: UP035 - the indexer knows no other list

import azure.functions as func
from azurefunctions.extensions.bindings.blob import BlobClient

from sample import note

bp = func.Blueprint()
STORAGE = "AzureWebJobsStorage"


@bp.queue_trigger(arg_name="msg", queue_name="%SAMPLE_PREFIX%jobs", connection=STORAGE)
async def job(msg: func.QueueMessage) -> None:
    """Do what the message says: `note`, `fail`, `die-once`, `hold`, `spawn` or `block-once`."""
    body = msg.get_body().decode()
    word, _, rest = body.partition(" ")
    note("job", body, msg.dequeue_count)
    if word == "fail":
        raise RuntimeError("told to fail")
    if word == "die-once" and msg.dequeue_count == 1:
        os.kill(os.getpid(), 9)
    if word == "hold":
        await asyncio.sleep(float(rest))
    if word == "spawn":
        child = await asyncio.create_subprocess_exec("sleep", "600")
        note("child", child.pid)
    if word == "block-once" and msg.dequeue_count == 1:
        time.sleep(60)  # noqa: ASYNC251 - a function that blocks its worker is the point
    note("job-done", body, msg.dequeue_count)


@bp.queue_trigger(arg_name="msg", queue_name="%SAMPLE_PREFIX%described", connection=STORAGE)
async def described(msg: func.QueueMessage, context: func.Context) -> None:
    inserted = msg.insertion_time.isoformat() if msg.insertion_time else None
    expires = msg.expiration_time.isoformat() if msg.expiration_time else None
    note("described", msg.id, msg.dequeue_count, inserted, expires, msg.pop_receipt, context.invocation_id)


@bp.queue_trigger(arg_name="msg", queue_name="%SAMPLE_PREFIX%jobs-poison", connection=STORAGE)
async def on_jobs_poison(msg: func.QueueMessage) -> None:
    note("poison", msg.get_body().decode())


@bp.queue_trigger(arg_name="msg", queue_name="%SAMPLE_PREFIX%fan-out", connection=STORAGE)
@bp.queue_output(arg_name="many", queue_name="%SAMPLE_PREFIX%results", connection=STORAGE)
@bp.blob_output(arg_name="copy", path="copies/{id}.txt", connection=STORAGE)
async def fan_out(msg: func.QueueMessage, many: func.Out[List[str]], copy: func.Out[str]) -> None:  # noqa: UP006
    body = msg.get_body().decode()
    many.set(body.split(","))
    copy.set(body)


@bp.queue_trigger(arg_name="msg", queue_name="%SAMPLE_PREFIX%returns", connection=STORAGE)
@bp.queue_output(arg_name="$return", queue_name="%SAMPLE_PREFIX%results", connection=STORAGE)
async def returns(msg: func.QueueMessage) -> str:
    return msg.get_body().decode().upper()


@bp.queue_trigger(arg_name="msg", queue_name="%SAMPLE_PREFIX%fixed", connection=STORAGE)
@bp.retry(strategy="fixed_delay", max_retry_count="2", delay_interval="00:00:00")
async def fixed(msg: func.QueueMessage, context: func.Context) -> None:
    retry = context.retry_context
    note("fixed", msg.dequeue_count, retry.retry_count, retry.max_retry_count)
    if retry.retry_count < 2:
        raise RuntimeError("again")


@bp.queue_trigger(arg_name="msg", queue_name="%SAMPLE_PREFIX%exponential", connection=STORAGE)
@bp.retry(strategy="exponential_backoff", max_retry_count="1", minimum_interval="00:00:00", maximum_interval="00:00:01")
async def exponential(msg: func.QueueMessage, context: func.Context) -> None:
    note("exponential", msg.dequeue_count, context.retry_context.retry_count)
    raise RuntimeError("always")


@bp.blob_trigger(arg_name="blob", path="uploads/{name}", connection=STORAGE, source=func.BlobSource.EVENT_GRID)
async def on_upload(blob: func.InputStream) -> None:
    content = blob.read()
    note("upload", blob.name, blob.length, content.decode(), blob.uri)
    if content == b"poison":
        raise RuntimeError("a bad blob")


@bp.blob_trigger(arg_name="client", path="big/{name}", connection=STORAGE, source=func.BlobSource.EVENT_GRID)
async def on_big(client: BlobClient, context: func.Context) -> None:
    size = await asyncio.to_thread(lambda: client.get_blob_properties().size)
    note("big", client.container_name, client.blob_name, size)


@bp.blob_trigger(arg_name="blob", path="%SAMPLE_PREFIX%polled/{name}", connection=STORAGE)
async def on_polled(blob: func.InputStream) -> None:
    content = blob.read().decode()
    note("polled", (blob.name or "").partition("/")[2], content)
    if content == "poison":
        raise RuntimeError("a bad blob")


@bp.timer_trigger(arg_name="timer", schedule="* * * * * *", run_on_startup=False, use_monitor=False)
async def tick(timer: func.TimerRequest) -> None:
    note("tick", timer.past_due, time.time())


@bp.timer_trigger(arg_name="timer", schedule="0 0 3 * * *", run_on_startup=True)
async def nightly(timer: func.TimerRequest) -> None:
    note("nightly", timer.past_due, json.dumps(timer.schedule_status))
