"""Blob events that never come: the timer goes round and finds what they would have told."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from local.azurite import Azurite
from tests.scenarios.deck import Deck, eventually, running
from tests.scenarios.test_documents import found, store_named, texts
from tests.upstream import ScriptedUpstream

EVERY_SECOND = {"FLIGHTDECK_RECONCILE_SCHEDULE": "* * * * * *"}


@pytest_asyncio.fixture(loop_scope="session")
async def deaf(
    tmp_path_factory: pytest.TempPathFactory, own_azurite: Azurite, upstream: ScriptedUpstream
) -> AsyncIterator[Deck]:
    """A product that hears of no blob."""
    upstream.steps.reset()
    folder = tmp_path_factory.mktemp("deaf")
    async with running(folder, own_azurite, upstream, EVERY_SECOND, drop_rate=1.0) as deck:
        yield deck


async def test_drops_changes_and_deletions_that_were_never_announced_are_found(deaf: Deck) -> None:
    async with deaf.blobs() as service:
        container = service.get_container_client("documents")
        for name in ("one", "two", "three"):
            await container.upload_blob(f"acme/kb/{name}.txt", f"The number of this page is {name}.".encode())
        store = await store_named(deaf, "kb")
        everything = ["one.txt", "three.txt", "two.txt"]
        await eventually(lambda: found(deaf, store.id, "page number"), lambda names: sorted(names) == everything)
        await container.upload_blob("acme/kb/one.txt", b"This page has no number any more.", overwrite=True)
        await container.delete_blob("acme/kb/two.txt")
        left = ["The number of this page is three.", "This page has no number any more."]
        await eventually(lambda: texts(deaf, store.id, "page number"), lambda hits: sorted(hits) == left)
