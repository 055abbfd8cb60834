"""The same contracts against a real account or emulator, for those who have one. It was never run here.

    export COSMOS_LIVE=cosmos:https://account.documents.azure.com/flightdeck-test   # az login first
    pytest -m cosmos_live tests/cosmos/test_live.py

The database must hold the containers that `python -m tests.cosmos.test_live` prints as JSON, with 4 dimensions, in an
account with the capabilities EnableNoSQLVectorSearch and EnableNoSQLFullTextSearch and Strong consistency; you need the
data plane role "Cosmos DB Built-in Data Contributor". An emulator is named by `cosmos:http://127.0.0.1:8081`.
Everything is written under tenants with random names, and stays: use a database that you can drop.
"""

import json
import os
from collections.abc import AsyncIterator
from dataclasses import replace
from uuid import uuid4

import pytest

from shared.adapters.cosmos.account import CosmosAccount
from shared.adapters.cosmos.chunks import CosmosChunks
from shared.adapters.cosmos.records import CosmosRecords
from shared.adapters.cosmos.usage import CosmosUsageLedger
from shared.adapters.entra import Identity
from shared.errors import ConflictError, NotFoundError, PreconditionFailedError
from shared.ports.records import FileRecord
from tests.contracts.stores import AT, DIMENSIONS, X, Y, chunk, event, file_record
from tests.cosmos.worlds import definitions

LOCATION = os.environ.get("COSMOS_LIVE", "")

pytestmark = [
    pytest.mark.cosmos_live,
    pytest.mark.skipif(not LOCATION, reason="needs COSMOS_LIVE: see the module"),
]


@pytest.fixture
async def live() -> AsyncIterator[CosmosAccount]:
    async with Identity() as identity:
        account = CosmosAccount.at(LOCATION, identity)
        yield account
        await account.close()


@pytest.fixture
def tenant() -> str:
    return f"test-{uuid4().hex}"


async def test_records_live_by_their_etags(live: CosmosAccount, tenant: str) -> None:
    files = CosmosRecords(live, FileRecord)
    first = await files.create(file_record("a/b?c#d", tenant=tenant))
    with pytest.raises(ConflictError):
        await files.create(file_record("a/b?c#d", tenant=tenant))
    second = await files.replace(replace(first.value, filename="new"), if_match=first.etag)
    with pytest.raises(PreconditionFailedError):
        await files.replace(first.value, if_match=first.etag)
    assert [stored.value.filename for stored in (await files.list(tenant, where={"filename": "new"})).items] == ["new"]
    await files.delete(tenant, "a/b?c#d", if_match=second.etag)
    with pytest.raises(NotFoundError):
        await files.get(tenant, "a/b?c#d")


async def test_events_count_once(live: CosmosAccount, tenant: str) -> None:
    ledger = CosmosUsageLedger(live)
    told = [await ledger.record(event(name, tenant=tenant)) for name in ("1", "1", "2")]
    start, end = AT.replace(hour=0, minute=0), AT.replace(hour=23)
    (total,) = await ledger.totals(tenant, "completions", start=start, end=end, width_s=3600)
    assert (told, total.requests) == ([True, False, True], 2)


async def test_a_search_ranks_filters_and_sees_one_generation(live: CosmosAccount, tenant: str) -> None:
    chunks = CosmosChunks(live, dimensions=DIMENSIONS, embedding_model="test")
    near = chunk("near", "turbine blades rotate", tenant=tenant)
    far = chunk("far", "a quiet garden", tenant=tenant, embedding=Y, ordinal=1)
    secret = chunk("secret", "turbine secrets", tenant=tenant, acl=("boss",), ordinal=2)
    await chunks.put([near, far, secret])
    await chunks.publish(tenant, "s", "d", 1)
    await chunks.put([replace(near, id="newer", generation=2)])
    found = await chunks.search(tenant, "s", vector=X, text="turbine", principals=(), limit=5)
    assert [hit.id for hit, _ in found.by_vector] == ["near", "far"]
    assert [hit.id for hit, _ in found.by_text] == ["near"]
    assert found.by_vector[0][1] == pytest.approx(1.0, abs=1e-3)
    assert await chunks.publish(tenant, "s", "d", 2)
    assert not await chunks.publish(tenant, "s", "d", 1)
    assert await chunks.sweep(tenant, "s", "d") == 3
    assert [one.id for one in await chunks.list(tenant, "s", "d")] == ["newer"]
    await chunks.drop_store(tenant, "s")


if __name__ == "__main__":
    print(json.dumps(definitions(DIMENSIONS), indent=2))
