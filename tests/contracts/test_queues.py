"""What every `Queues` adapter promises, and what the one for Azure Storage adds, seen by Microsoft's own client."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Protocol, cast

import pytest
from azure.core.credentials import AccessToken
from azure.core.credentials_async import AsyncTokenCredential
from azure.core.exceptions import ClientAuthenticationError
from azure.storage.queue import BinaryBase64DecodePolicy
from azure.storage.queue.aio import QueueClient

from shared.adapters.memory.clock import ManualClock
from shared.adapters.memory.queues import MemoryQueues
from shared.adapters.storage.auth import API_VERSION, StorageAccount
from shared.adapters.storage.queues import MAX_BODY_BYTES, StorageQueues
from shared.errors import CapacityError, InvalidRequestError, NotFoundError, PlatformError, TooLargeError
from shared.ports.queues import QueueName, Queues, Receipt
from tests.contracts.fault_server import Fault, FaultServer


class Seen(Protocol):
    """A queue from its reader's side."""

    async def take(self, queue: QueueName) -> list[bytes]:
        """Take all messages that are visible."""
        ...


class MemoryReader:
    def __init__(self, queues: MemoryQueues) -> None:
        self._queues = queues

    async def take(self, queue: QueueName) -> list[bytes]:
        return [message.body for message in await self._queues.take(queue, hide_s=60)]


class SdkReader:
    """Reads as the Functions host does: base64, over Microsoft's client."""

    def __init__(self, connection: str) -> None:
        self._connection = connection

    def client(self, queue: QueueName) -> QueueClient:
        policy = BinaryBase64DecodePolicy()
        return QueueClient.from_connection_string(
            self._connection, queue, message_decode_policy=policy, api_version=API_VERSION
        )

    async def take(self, queue: QueueName) -> list[bytes]:
        async with self.client(queue) as client:
            return [message.content async for message in client.receive_messages(visibility_timeout=60)]


@asynccontextmanager
async def closing(queues: StorageQueues) -> AsyncIterator[StorageQueues]:
    try:
        yield queues
    finally:
        await queues.close()


@pytest.fixture
async def storage(storage_connection: str) -> AsyncIterator[StorageQueues]:
    async with closing(StorageQueues(StorageAccount.parse(storage_connection))) as queues:
        yield queues


@pytest.fixture(params=["memory", "storage"])
def subject(request: pytest.FixtureRequest) -> tuple[Queues, Seen]:
    if request.param == "memory":
        queues = MemoryQueues(ManualClock())
        return queues, MemoryReader(queues)
    return request.getfixturevalue("storage"), SdkReader(request.getfixturevalue("storage_connection"))


@pytest.fixture
def queue() -> QueueName:
    """Any name serves; one for each test keeps them apart."""
    return cast(QueueName, f"q-{uuid.uuid4().hex}")


type Subject = tuple[Queues, Seen]


class TestEveryAdapter:
    async def test_what_is_put_is_read_byte_for_byte(self, subject: Subject, queue: QueueName) -> None:
        queues, reader = subject
        body = '{"text": "<a> & </MessageText> ümläut \\u0000"}'.encode()
        await queues.put(queue, body)
        assert await reader.take(queue) == [body]

    async def test_a_delayed_message_is_hidden(self, subject: Subject, queue: QueueName) -> None:
        queues, reader = subject
        await queues.put(queue, b"later", delay_s=3600)
        assert await reader.take(queue) == []

    async def test_a_hidden_message_can_be_changed_and_shown(self, subject: Subject, queue: QueueName) -> None:
        queues, reader = subject
        receipt = await queues.put(queue, b"reserved", delay_s=3600)
        await queues.update(queue, receipt, b"settled", delay_s=0)
        assert await reader.take(queue) == [b"settled"]

    async def test_the_receipt_of_an_update_serves_the_next_one(self, subject: Subject, queue: QueueName) -> None:
        queues, reader = subject
        first = await queues.put(queue, b"1", delay_s=3600)
        second = await queues.update(queue, first, b"2", delay_s=3600)
        await queues.update(queue, second, b"3")
        assert await reader.take(queue) == [b"3"]

    async def test_a_spent_receipt_changes_nothing(self, subject: Subject, queue: QueueName) -> None:
        queues, reader = subject
        spent = await queues.put(queue, b"1", delay_s=3600)
        await queues.update(queue, spent, b"2", delay_s=0)
        with pytest.raises(NotFoundError):
            await queues.update(queue, spent, b"3")
        assert await reader.take(queue) == [b"2"]

    async def test_a_message_that_somebody_took_cannot_be_changed(self, subject: Subject, queue: QueueName) -> None:
        queues, reader = subject
        receipt = await queues.put(queue, b"estimate")
        assert await reader.take(queue) == [b"estimate"]
        with pytest.raises(NotFoundError):
            await queues.update(queue, receipt, b"too late")

    async def test_a_body_of_48_kib_fits_and_one_byte_more_does_not(self, subject: Subject, queue: QueueName) -> None:
        queues, reader = subject
        await queues.put(queue, b"x" * MAX_BODY_BYTES)
        with pytest.raises(TooLargeError):
            await queues.put(queue, b"x" * (MAX_BODY_BYTES + 1))
        assert [len(body) for body in await reader.take(queue)] == [MAX_BODY_BYTES]

    @pytest.mark.parametrize("delay_s", [-1, 7 * 86400 + 1])
    async def test_a_delay_is_between_none_and_seven_days(
        self, subject: Subject, queue: QueueName, delay_s: float
    ) -> None:
        queues, reader = subject
        with pytest.raises(InvalidRequestError):
            await queues.put(queue, b"", delay_s=delay_s)
        receipt = await queues.put(queue, b"", delay_s=7 * 86400)
        with pytest.raises(InvalidRequestError):
            await queues.update(queue, receipt, b"", delay_s=delay_s)
        assert await reader.take(queue) == []


class TestAzureStorage:
    async def test_a_missing_queue_is_made_once_by_many_at_the_same_time(
        self, storage: StorageQueues, storage_connection: str, queue: QueueName
    ) -> None:
        await asyncio.gather(*(storage.put(queue, str(n).encode()) for n in range(8)))
        taken = [body for _ in range(8) for body in await SdkReader(storage_connection).take(queue)]
        assert sorted(taken) == [str(n).encode() for n in range(8)]

    async def test_updating_in_a_queue_that_is_gone_says_not_found(
        self, storage: StorageQueues, queue: QueueName
    ) -> None:
        with pytest.raises(NotFoundError):
            await storage.update(queue, Receipt("00000000-0000-0000-0000-000000000000", "AgAAAA=="), b"")

    async def test_updating_a_message_that_was_deleted_says_not_found(
        self, storage: StorageQueues, storage_connection: str, queue: QueueName
    ) -> None:
        receipt = await storage.put(queue, b"1")
        async with SdkReader(storage_connection).client(queue) as client:
            await client.clear_messages()
        with pytest.raises(NotFoundError):
            await storage.update(queue, receipt, b"2")

    async def test_a_wrong_key_is_our_fault_and_is_not_retried(self, storage_connection: str, queue: QueueName) -> None:
        right = StorageAccount.parse(storage_connection)
        wrong = StorageAccount(right.name, right.blob_url, right.queue_url, key="d3Jvbmc=")
        async with closing(StorageQueues(wrong)) as queues:
            with pytest.raises(PlatformError, match="403 AuthenticationFailed") as caught:
                await queues.put(queue, b"")
        assert not isinstance(caught.value, CapacityError)


@pytest.fixture
async def faults() -> AsyncIterator[FaultServer]:
    async with FaultServer() as server:
        yield server


type Against = Callable[..., StorageQueues]


@pytest.fixture
async def against() -> AsyncIterator[Against]:
    """Makes the subject before a server."""
    async with AsyncExitStack() as stack:

        def make(server: FaultServer, credential: AsyncTokenCredential | None = None) -> StorageQueues:
            account = StorageAccount("acct", server.url, server.url, key=None if credential else "a2V5")
            queues = StorageQueues(account, credential=credential, backoff_s=0.001)
            stack.push_async_callback(queues.close)
            return queues

        yield make


class TestFaults:
    @pytest.mark.parametrize("status", [429, 500, 503])
    async def test_a_busy_service_is_asked_again(self, against: Against, faults: FaultServer, status: int) -> None:
        faults.script(Fault(status), Fault(status), Fault(201, body=b"<L><MessageId>m</MessageId></L>"))
        assert (await against(faults).put("usage", b"")).message_id == "m"

    async def test_a_service_that_stays_busy_says_when_to_come_back(
        self, against: Against, faults: FaultServer
    ) -> None:
        faults.script(*[Fault(503, headers={"Retry-After": "17"})] * 4)
        with pytest.raises(CapacityError) as caught:
            await against(faults).put("usage", b"")
        assert caught.value.retry_after_s == 17
        assert len(faults.requests) == 4

    async def test_a_dropped_connection_is_tried_again(self, against: Against, faults: FaultServer) -> None:
        faults.script(Fault(0), Fault(201, body=b"<L><MessageId>m</MessageId></L>"))
        assert (await against(faults).put("usage", b"")).message_id == "m"

    async def test_a_service_that_is_down_is_a_lack_of_capacity(self, against: Against) -> None:
        async with FaultServer() as gone:
            queues = against(gone)
        with pytest.raises(CapacityError, match="cannot be reached"):
            await queues.put("usage", b"")

    @pytest.mark.parametrize("code", ["PopReceiptMismatch", "MessageNotFound"])
    async def test_whatever_the_status_a_lost_receipt_is_not_found(
        self, against: Against, faults: FaultServer, code: str
    ) -> None:
        faults.script(Fault(400, headers={"x-ms-error-code": code}))
        with pytest.raises(NotFoundError):
            await against(faults).update("usage", Receipt("m", "p"), b"")

    async def test_an_update_that_is_refused_for_another_reason_says_so(
        self, against: Against, faults: FaultServer
    ) -> None:
        faults.script(Fault(400, headers={"x-ms-error-code": "OutOfRangeQueryParameterValue"}))
        with pytest.raises(PlatformError, match="OutOfRangeQueryParameterValue"):
            await against(faults).update("usage", Receipt("m", "p"), b"")

    async def test_a_queue_that_is_being_deleted_is_a_lack_of_capacity(
        self, against: Against, faults: FaultServer
    ) -> None:
        gone, deleting = {"x-ms-error-code": "QueueNotFound"}, {"x-ms-error-code": "QueueBeingDeleted"}
        faults.script(Fault(404, headers=gone), Fault(409, headers=deleting))
        with pytest.raises(CapacityError) as caught:
            await against(faults).put("usage", b"")
        assert caught.value.retry_after_s == 30

    async def test_seconds_are_rounded_up_so_that_nothing_surfaces_early(
        self, against: Against, faults: FaultServer
    ) -> None:
        faults.script(Fault(201, body=b"<L/>"))
        await against(faults).put("usage", b"", delay_s=1.2)
        assert faults.requests[0].query["visibilitytimeout"] == "2"


class Tokens:
    """An identity whose tokens are as good as told."""

    def __init__(self, *lives_s: float | None) -> None:
        self.lives_s = list(lives_s)
        self.given = 0
        self.closed = False

    async def get_token(self, *scopes: str, **_: object) -> AccessToken:
        import time

        assert scopes == ("https://storage.azure.com/.default",)
        life_s = self.lives_s.pop(0)
        await asyncio.sleep(0)
        if life_s is None:
            raise ClientAuthenticationError("no identity endpoint")
        self.given += 1
        return AccessToken(f"token-{self.given}", int(time.time() + life_s))

    async def close(self) -> None:
        self.closed = True

    async def __aenter__(self) -> "Tokens":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


class TestIdentity:
    async def puts(self, faults: FaultServer, tokens: Tokens, times: int) -> list[str | None]:
        queues = StorageQueues(StorageAccount("acct", faults.url, faults.url), credential=tokens, backoff_s=0.001)
        faults.script(*[Fault(201, body=b"<L/>")] * times)
        async with closing(queues):
            for _ in range(times):
                await queues.put("usage", b"")
        return [request.headers.get("Authorization") for request in faults.requests]

    async def test_one_token_serves_many_requests(self, faults: FaultServer) -> None:
        tokens = Tokens(3600)
        assert await self.puts(faults, tokens, 3) == ["Bearer token-1"] * 3
        assert not tokens.closed, "a credential that was given is its giver's to close"

    async def test_a_token_is_renewed_before_it_expires(self, faults: FaultServer) -> None:
        assert await self.puts(faults, Tokens(200, 3600), 2) == ["Bearer token-1", "Bearer token-2"]

    async def test_a_token_that_is_still_good_serves_while_no_new_one_can_be_had(self, faults: FaultServer) -> None:
        assert await self.puts(faults, Tokens(200, None), 2) == ["Bearer token-1"] * 2

    async def test_concurrent_requests_fetch_one_token(self, against: Against, faults: FaultServer) -> None:
        tokens = Tokens(3600)
        queues = against(faults, tokens)
        faults.script(*[Fault(201, body=b"<L/>")] * 5)
        await asyncio.gather(*(queues.put("usage", b"") for _ in range(5)))
        assert tokens.given == 1

    async def test_no_token_is_a_lack_of_capacity(self, faults: FaultServer) -> None:
        with pytest.raises(CapacityError, match="No token"):
            await self.puts(faults, Tokens(None, None, None, None), 1)

    async def test_the_default_credential_is_made_and_closed_by_us(self) -> None:
        queues = StorageQueues(StorageAccount.parse("https://acct.queue.core.windows.net"))
        await queues.close()


class TestAccounts:
    def test_a_connection_string_of_the_portal(self) -> None:
        account = StorageAccount.parse(
            "DefaultEndpointsProtocol=https;AccountName=acct;AccountKey=a2V5==;EndpointSuffix=core.chinacloudapi.cn"
        )
        assert account.blob_url == "https://acct.blob.core.chinacloudapi.cn"
        assert account.queue_url == "https://acct.queue.core.chinacloudapi.cn"
        assert account.key == "a2V5=="
        assert "a2V5" not in repr(account)

    def test_the_emulator_has_a_short_name(self) -> None:
        account = StorageAccount.parse("UseDevelopmentStorage=true;")
        assert account.queue_url == "http://127.0.0.1:10001/devstoreaccount1"

    @pytest.mark.parametrize("service", ["blob", "queue"])
    def test_the_url_of_one_service_gives_both_and_no_key(self, service: str) -> None:
        account = StorageAccount.parse(f"https://acct.{service}.core.windows.net/")
        assert account == StorageAccount(
            "acct", "https://acct.blob.core.windows.net", "https://acct.queue.core.windows.net"
        )

    @pytest.mark.parametrize("wrong", ["AccountName=acct;SharedAccessSignature=s3cret", "https://example.com", ""])
    def test_anything_else_is_refused_without_showing_a_secret(self, wrong: str) -> None:
        with pytest.raises(ValueError, match=r"AccountName|service") as caught:
            StorageAccount.parse(wrong)
        assert "s3cret" not in str(caught.value)
