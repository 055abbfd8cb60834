"""Requests that may be sent again: done once, and answered as the first time for a day.

The work goes on when its client leaves: it is who waited too long that asks again, and he shall find the answer.
"""

import asyncio
import hashlib
import logging
import re
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from pydantic import BaseModel
from pydantic_core import to_json

from shared.errors import ConflictError, InvalidRequestError, PlatformError, TooLargeError
from shared.ports.clock import Clock
from shared.ports.keys import Caller
from shared.ports.receipts import Receipts
from shared.wire.repeats import Asked
from shared.wire.replies import Relayed, Reply
from shared.wire.uploads import Upload

log = logging.getLogger(__name__)

REPLAYED = "idempotent-replayed"

_KEPT_S = 24 * 3600
_UNDER_WAY_S = 300
"""Longer than a request lives (230 s on Azure): so long the key of a process that died is nobody's."""

_LOOK_EVERY_S = 0.2
_PIECE_BYTES = 1 << 20
_KEY = re.compile(r"[\x21-\x7e]{1,255}")


class Repeats:
    """`patience_s` is how long one waits for the answer to the same request that is under way."""

    def __init__(self, receipts: Receipts, clock: Clock, *, patience_s: float = 20) -> None:
        self._receipts = receipts
        self._clock = clock
        self._patience_s = patience_s
        self._under_way: set[asyncio.Task[Reply]] = set()

    async def once(self, caller: Caller, key: str, asked: Asked, work: Callable[[], Awaitable[Reply]]) -> Reply:
        """What `work` answers, or answered to the same caller's same request before.

        A failure is not kept: then the next does it. Raise InvalidRequestError when the key was another request's,
        ConflictError while the same is under way for long.
        """
        if not _KEY.fullmatch(key):
            raise InvalidRequestError(f"The idempotency key {key[:255]!r} is not 1 to 255 visible ASCII characters.")
        place, claim = f"{caller.key_id}:{key}", self._clock.new_id("claim_")
        fingerprint = await _fingerprint(asked)
        give_up = self._clock.monotonic() + self._patience_s
        while found := await self._receipts.claim(caller.tenant, place, claim, fingerprint, ttl_s=_UNDER_WAY_S):
            if found.fingerprint != fingerprint:
                message = f"The idempotency key {key!r} was used with another request: take a new one."
                raise InvalidRequestError(message, code="idempotency_key_reused")
            if found.answer is not None:
                return Relayed(found.answer.encode(), found.status, {REPLAYED: "true"})
            if self._clock.monotonic() > give_up:
                raise _under_way(key)
            await asyncio.sleep(_LOOK_EVERY_S)
        return await asyncio.shield(self._kept_alive(self._settled(caller.tenant, place, claim, work)))

    async def drain(self) -> None:
        """Wait for what goes on without its client."""
        await asyncio.gather(*self._under_way, return_exceptions=True)

    async def _settled(self, tenant: str, place: str, claim: str, work: Callable[[], Awaitable[Reply]]) -> Reply:
        try:
            reply = await work()
        except BaseException:
            await _noted(self._receipts.release(tenant, place, claim))
            raise
        if isinstance(reply, BaseModel):
            reply = Relayed(reply.model_dump_json().encode())
        if isinstance(reply, Relayed):
            await _noted(self._settle(tenant, place, claim, reply))
        else:
            await _noted(self._receipts.release(tenant, place, claim))
        return reply

    async def _settle(self, tenant: str, place: str, claim: str, reply: Relayed) -> None:
        try:
            body = reply.body.decode()
            await self._receipts.settle(tenant, place, claim, body, status=reply.status, ttl_s=_KEPT_S)
        except TooLargeError as error:
            told = _unkept(error)
            await self._receipts.settle(tenant, place, claim, told, status=ConflictError.status, ttl_s=_KEPT_S)

    def _kept_alive(self, work: Coroutine[Any, Any, Reply]) -> "asyncio.Task[Reply]":
        task = asyncio.create_task(work)
        self._under_way.add(task)
        task.add_done_callback(self._over)
        return task

    def _over(self, task: "asyncio.Task[Reply]") -> None:
        self._under_way.discard(task)
        if not task.cancelled():
            task.exception()  # who was there to hear of it has


async def _fingerprint(asked: Asked) -> str:
    """Of everything that is asked. A form is taken by its fields, since each time its parts are parted differently."""
    parts = [asked.operation.encode(), to_json(asked.path), asked.raw]
    if not asked.raw:
        for name, value in asked.body:
            parts.append(name.encode())
            parts += await _form_file(value) if isinstance(value, Upload) else [to_json(value)]
    hashed = hashlib.sha256()
    for part in parts:
        hashed.update(len(part).to_bytes(8) + part)
    return hashed.hexdigest()


async def _form_file(upload: Upload) -> list[bytes]:
    def digest() -> bytes:
        upload.file.seek(0)
        hashed = hashlib.sha256()
        while piece := upload.file.read(_PIECE_BYTES):
            hashed.update(piece)
        upload.file.seek(0)
        return hashed.digest()

    return [to_json([upload.filename, upload.content_type]), await asyncio.to_thread(digest)]


async def _noted(done: Awaitable[None]) -> None:
    """The work is done, or has failed, and its answer is told, whatever becomes of its receipt."""
    try:
        await done
    except PlatformError as error:
        log.warning("receipt_unkept reason=%s", error)


def _under_way(key: str) -> ConflictError:
    error = ConflictError(f"The request of idempotency key {key!r} is still under way.", code="idempotency_in_progress")
    error.headers = {"x-should-retry": "true", "retry-after": "5"}
    return error


def _unkept(error: TooLargeError) -> str:
    message = f"The request was done before. {error} So it cannot be told again."
    shape = {"message": message, "type": ConflictError.type, "param": None, "code": "answer_not_kept"}
    return to_json({"error": shape}).decode()
