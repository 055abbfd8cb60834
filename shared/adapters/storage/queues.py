"""The `Queues` port over the REST API of Azure Storage: a send through the SDK takes three times the processor time.

Delivery is at least once. A put whose answer was lost is sent again and may leave two messages; an update whose answer
was lost finds its receipt spent and raises NotFoundError although it took effect. Consumers count by id.
"""

import asyncio
import base64
import math
import re
import secrets
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

from shared.adapters.connections import Connections, Reply, request
from shared.adapters.storage.auth import Request, StorageAccount, authorizer
from shared.errors import CapacityError, InvalidRequestError, NotFoundError, PlatformError, TooLargeError
from shared.ports.queues import QueueName, Receipt

if TYPE_CHECKING:
    from azure.core.credentials_async import AsyncTokenCredential

MAX_BODY_BYTES = 48 * 1024
"""What fits into the service's 64 KiB once it is base64."""

MAX_DELAY_S = 7 * 86400

TTL_S = 30 * 86400
"""Messages outlive an outage of weeks, and never the ledger's memory of the events that they carry."""

_ATTEMPTS = 4
_TIMEOUT_S = 5
_TRANSIENT = frozenset({408, 429, 500, 502, 503, 504})
_GONE = frozenset({"MessageNotFound", "PopReceiptMismatch", "QueueNotFound"})
_ADDED = re.compile(r"<(MessageId|PopReceipt)>([^<]*)<")
_jitter = secrets.SystemRandom()


class StorageQueues:
    """`backoff_s` bounds the first wait between attempts; it doubles."""

    def __init__(
        self,
        account: StorageAccount,
        *,
        credential: "AsyncTokenCredential | None" = None,
        backoff_s: float = 0.2,
    ) -> None:
        parts = urlsplit(account.queue_url)
        self._base = parts.path
        self._connections = Connections(account.queue_url, connect_s=_TIMEOUT_S)
        self._auth = authorizer(account, credential)
        self._backoff_s = backoff_s

    async def put(self, queue: QueueName, body: bytes, *, delay_s: float = 0) -> Receipt:
        query = (("messagettl", str(TTL_S)), ("visibilitytimeout", _whole(delay_s)))
        message = self._message("POST", f"/{queue}/messages", query, body)
        reply = await self._send(message)
        if _code(reply) == "QueueNotFound":
            await self._create(queue)
            reply = await self._send(message)
        if reply.status != 201:
            raise _refusal(queue, reply)
        return _receipt(reply.body)

    async def update(self, queue: QueueName, receipt: Receipt, body: bytes, *, delay_s: float = 0) -> Receipt:
        query = (("popreceipt", quote(receipt.pop_receipt, safe="")), ("visibilitytimeout", _whole(delay_s)))
        path = f"/{queue}/messages/{quote(receipt.message_id, safe='')}"
        reply = await self._send(self._message("PUT", path, query, body))
        if _code(reply) in _GONE:
            raise NotFoundError(f"Message {receipt.message_id!r} of queue {queue!r} is gone or was taken.")
        if reply.status != 204:
            raise _refusal(queue, reply)
        return Receipt(receipt.message_id, reply.headers["x-ms-popreceipt"])

    async def close(self) -> None:
        self._connections.close()
        await self._auth.close()

    def _message(self, method: str, path: str, query: tuple[tuple[str, str], ...], body: bytes) -> Request:
        if len(body) > MAX_BODY_BYTES:
            raise TooLargeError(f"A message of {len(body)} bytes; a queue takes at most {MAX_BODY_BYTES}.")
        # Base64 is what the Functions host expects (host.json, messageEncoding); nothing in it needs escaping.
        text = b"<QueueMessage><MessageText>%s</MessageText></QueueMessage>" % base64.b64encode(body)
        return Request(method, self._base + path, query, text)

    async def _create(self, queue: QueueName) -> None:
        reply = await self._send(Request("PUT", f"{self._base}/{queue}"))
        if reply.status >= 400 and _code(reply) != "QueueAlreadyExists":
            raise _refusal(queue, reply)

    async def _send(self, message: Request) -> Reply:
        """Ask until there is an answer that waiting would not change, or raise the last CapacityError."""
        for attempt in range(_ATTEMPTS - 1):
            try:
                return await self._attempt(message)
            except CapacityError:
                await asyncio.sleep(_jitter.uniform(0, self._backoff_s * 2**attempt))
        return await self._attempt(message)

    async def _attempt(self, message: Request) -> Reply:
        query = "&".join(f"{name}={value}" for name, value in message.query)
        target = f"{message.path}?{query}" if query else message.path
        headers = {"host": self._connections.host, **await self._auth.headers(message)}
        try:
            async with asyncio.timeout(_TIMEOUT_S):
                reply = await self._connections.ask(request(message.method, target, headers, message.body))
        except OSError as error:
            raise CapacityError(f"Queue storage cannot be reached: {error!r}.", retry_after_s=5) from error
        if reply.status in _TRANSIENT:
            raise _busy(reply)
        return reply


def _whole(delay_s: float) -> str:
    """Rounded up, so that nothing surfaces early."""
    if not 0 <= delay_s <= MAX_DELAY_S:
        raise InvalidRequestError(f"A delay of {delay_s!r} s is not between none and seven days.", param="delay_s")
    return str(math.ceil(delay_s))


def _busy(reply: Reply) -> CapacityError:
    said = reply.headers.get("retry-after", "")
    wait_s = float(said) if said.isdigit() else 1.0
    return CapacityError(f"Queue storage is busy: {reply.status} {_code(reply)}.", retry_after_s=wait_s)


def _refusal(queue: QueueName, reply: Reply) -> PlatformError:
    if _code(reply) in ("QueueBeingDeleted", "QueueNotFound"):
        return CapacityError(f"Queue {queue!r} is being deleted.", retry_after_s=30)
    return PlatformError(f"Queue storage refused {queue!r}: {reply.status} {_code(reply)}.")


def _code(reply: Reply) -> str:
    return reply.headers.get("x-ms-error-code", "")


def _receipt(body: bytes) -> Receipt:
    """Ids and receipts have no character that XML would escape."""
    found = dict(_ADDED.findall(body.decode()))
    return Receipt(found.get("MessageId", ""), found.get("PopReceipt", ""))
