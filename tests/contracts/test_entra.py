"""The app's identity: which tokens its clients show, and when new ones are fetched."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable

import aiohttp
import pytest
from azure.core.credentials import AccessToken
from azure.core.exceptions import ClientAuthenticationError

from shared.adapters.cosmos.account import CosmosAccount
from shared.adapters.cosmos.partition import Partition
from shared.adapters.entra import MODELS_SCOPE, Identity
from shared.adapters.models import HttpModels
from shared.adapters.storage.auth import StorageAccount
from shared.adapters.storage.queues import StorageQueues
from shared.errors import CapacityError, OverloadedError
from shared.ports.models import Deployment
from tests.contracts.fault_server import Fault, FaultServer


class Directory:
    """Gives tokens that live as long as told; None is a failure. `open` holds every answer back until it is set."""

    def __init__(self, *lives_s: float | None) -> None:
        self.lives_s = list(lives_s)
        self.refusal = "no identity endpoint"
        self.asked: list[tuple[str, ...]] = []
        self.open = asyncio.Event()
        self.open.set()
        self.closed = False

    async def get_token(self, *scopes: str, **_: object) -> AccessToken:
        self.asked.append(scopes)
        number = len(self.asked)
        await self.open.wait()
        life_s = self.lives_s.pop(0)
        if life_s is None:
            raise ClientAuthenticationError(self.refusal)
        return AccessToken(f"token-{number}", int(time.time() + life_s))

    async def close(self) -> None:
        self.closed = True

    async def __aenter__(self) -> "Directory":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not holds():
            await asyncio.sleep(0)


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


@pytest.fixture
async def faults() -> AsyncIterator[FaultServer]:
    async with FaultServer() as server:
        yield server


async def shown(deployment: Deployment, faults: FaultServer, identity: Identity) -> dict:
    """Which headers a call and a probe show; they show the same."""
    models = HttpModels(identity.bearer(MODELS_SCOPE))
    faults.script(Fault(200), Fault(200))
    (await models.post(deployment, "chat/completions", b"{}", deadline_s=5)).close()
    await models.probe(deployment)
    models.close()
    of = [{name: request.headers.get(name) for name in ("Authorization", "api-key")} for request in faults.requests]
    assert of[0] == of[1]
    return of[0]


class TestModels:
    async def test_an_azure_deployment_without_a_key_is_shown_a_token(self, faults: FaultServer) -> None:
        directory = Directory(3600)
        headers = await shown(Deployment("d", faults.url, "azure", "m"), faults, Identity(credential=directory))
        assert headers == {"Authorization": "Bearer token-1", "api-key": None}
        assert directory.asked == [(MODELS_SCOPE,)]

    async def test_a_key_goes_before_the_identity(self, faults: FaultServer) -> None:
        directory = Directory()
        deployment = Deployment("d", faults.url, "azure", "m", api_key="k")
        headers = await shown(deployment, faults, Identity(credential=directory))
        assert headers == {"Authorization": None, "api-key": "k"}
        assert directory.asked == []

    async def test_the_identity_is_shown_to_nobody_but_azure(self, faults: FaultServer) -> None:
        directory = Directory()
        headers = await shown(Deployment("d", faults.url, "openai", "m"), faults, Identity(credential=directory))
        assert headers == {"Authorization": None, "api-key": None}
        assert directory.asked == []

    async def test_a_deployment_is_overloaded_while_no_token_can_be_had(self) -> None:
        identity = Identity(credential=Directory(None))
        models = HttpModels(identity.bearer(MODELS_SCOPE))
        with pytest.raises(OverloadedError, match="No token"):
            await models.post(Deployment("d", "https://x", "azure", "m"), "responses", b"", deadline_s=5)


class TestCosmos:
    """Nobody listens at the account: what is asked of the directory before that is all that is looked at."""

    ACCOUNT = "https://127.0.0.1:9"

    async def read(self, directory: Directory) -> None:
        account = CosmosAccount(self.ACCOUNT, Identity(credential=directory), retry_s=0.001)
        with pytest.raises(CapacityError):
            await Partition(account, "records", "t").read("a")
        await account.close()
        assert not directory.closed

    async def test_the_shared_identity_is_asked_for_the_account_once_and_left_open(self) -> None:
        directory = Directory(3600)
        await self.read(directory)
        assert directory.asked == [("https://127.0.0.1/.default",)]

    async def test_a_directory_that_does_not_know_the_account_is_asked_for_all_accounts(self) -> None:
        directory = Directory(None, 3600, *[None] * 9)
        directory.refusal = "AADSTS500011: The resource principal was not found in the tenant."
        await self.read(directory)
        assert directory.asked[:2] == [("https://127.0.0.1/.default",), ("https://cosmos.azure.com/.default",)]

    async def test_no_token_is_a_lack_of_capacity_and_nothing_is_sent(self) -> None:
        account = CosmosAccount(self.ACCOUNT, Identity(credential=Directory(None)), retry_s=0.001)
        with pytest.raises(CapacityError, match="No token"):
            await Partition(account, "records", "t").read("a")
        await account.close()


class TestTokens:
    async def test_many_at_once_wait_for_one_token(self) -> None:
        directory = Directory(3600)
        identity = Identity(credential=directory)
        tokens = await asyncio.gather(*(identity.get_token("scope") for _ in range(100)))
        assert {token.token for token in tokens} == {"token-1"}
        assert len(directory.asked) == 1

    async def test_each_scope_has_its_own(self) -> None:
        directory = Directory(3600, 3600)
        identity = Identity(credential=directory)
        assert (await identity.get_token("one")).token != (await identity.get_token("other")).token
        assert directory.asked == [("one",), ("other",)]

    async def test_nobody_waits_for_a_token_that_is_renewed_ahead_of_time(self) -> None:
        directory = Directory(200, 3600)
        identity = Identity(credential=directory)
        await identity.get_token("scope")
        directory.open.clear()
        assert [(await identity.get_token("scope")).token for _ in range(5)] == ["token-1"] * 5
        await until(lambda: len(directory.asked) == 2)
        directory.open.set()
        await until(lambda: not directory.lives_s)
        assert (await identity.get_token("scope")).token == "token-2"
        assert len(directory.asked) == 2
        await identity.close()

    async def test_a_failed_renewal_is_not_tried_at_every_request(self) -> None:
        directory = Directory(200, None)
        identity = Identity(credential=directory)
        await identity.get_token("scope")
        await identity.get_token("scope")
        await until(lambda: not directory.lives_s)
        assert [(await identity.get_token("scope")).token for _ in range(5)] == ["token-1"] * 5
        assert len(directory.asked) == 2
        await identity.close()

    async def test_an_expired_token_is_never_shown(self) -> None:
        directory = Directory(1, None, 3600)
        identity = Identity(credential=directory)
        await identity.get_token("scope")
        with pytest.raises(CapacityError):
            await identity.get_token("scope")
        assert (await identity.get_token("scope")).token == "token-3"

    async def test_a_challenge_gets_a_fresh_token(self) -> None:
        identity = Identity(credential=Directory(3600, 3600))
        await identity.get_token("scope")
        assert (await identity.get_token("scope", claims="e30=")).token == "token-2"

    async def test_a_caller_who_leaves_takes_the_token_from_nobody(self) -> None:
        directory = Directory(3600)
        directory.open.clear()
        identity = Identity(credential=directory)
        impatient = asyncio.create_task(identity.get_token("scope"))
        patient = asyncio.create_task(identity.get_token("scope"))
        await until(lambda: bool(directory.asked))
        impatient.cancel()
        directory.open.set()
        assert (await patient).token == "token-1"

    async def test_closing_ends_what_is_under_way(self) -> None:
        directory = Directory(3600)
        directory.open.clear()
        async with Identity(credential=directory) as identity:
            waiting = asyncio.create_task(identity.get_token("scope"))
            await until(lambda: bool(directory.asked))
        assert directory.closed
        with pytest.raises(asyncio.CancelledError):
            await waiting

    async def test_the_default_credential_is_made_at_the_first_token(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("AZURE_TOKEN_CREDENTIALS", "EnvironmentCredential")
        for name in ("AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET"):
            monkeypatch.delenv(name, raising=False)
        async with Identity("11111111-2222-3333-4444-555555555555") as identity:
            with pytest.raises(OverloadedError):
                await identity.get_token("scope")


class TestStorage:
    async def test_queues_are_reached_with_the_identity(self, faults: FaultServer) -> None:
        directory = Directory(3600)
        account = StorageAccount("acct", faults.url, faults.url)
        queues = StorageQueues(account, credential=Identity(credential=directory))
        faults.script(Fault(201, body=b"<L/>"))
        await queues.put("usage", b"")
        await queues.close()
        assert faults.requests[0].headers["Authorization"] == "Bearer token-1"
        assert directory.asked == [("https://storage.azure.com/.default",)]

    def test_an_account_is_known_by_the_urls_of_its_services(self) -> None:
        account = StorageAccount.at(
            "https://acct.z1.blob.storage.azure.net/", "https://acct.z1.queue.storage.azure.net"
        )
        assert account == StorageAccount(
            "acct", "https://acct.z1.blob.storage.azure.net", "https://acct.z1.queue.storage.azure.net"
        )

    def test_a_token_is_sent_to_nothing_but_https(self) -> None:
        with pytest.raises(ValueError, match="https"):
            StorageAccount.at("https://acct.blob.core.windows.net", "http://acct.queue.core.windows.net")
