"""The fake is as strict as the service says it is, seen through the SDK."""

import pytest
from azure.cosmos.aio import ContainerProxy
from azure.cosmos.exceptions import CosmosBatchOperationError, CosmosHttpResponseError

from shared.adapters.cosmos.account import CosmosAccount
from tests.cosmos.fake import FakeCosmos

A: dict[str, object] = {"id": "a", "pk": "p", "n": 1, "map": {}}


@pytest.fixture
async def container(account: CosmosAccount) -> ContainerProxy:
    return await account.container("usage")


async def status(attempt: object) -> int:
    with pytest.raises(CosmosHttpResponseError) as caught:
        await attempt  # type: ignore[misc]
    return caught.value.status_code or 0


async def test_a_patch_is_all_or_nothing_and_only_under_its_condition(container: ContainerProxy) -> None:
    await container.create_item(dict(A))
    good = {"op": "incr", "path": "/n", "value": 2}
    assert (await container.patch_item("a", "p", [good], filter_predicate="FROM c WHERE c.n = 1"))["n"] == 3
    assert await status(container.patch_item("a", "p", [good], filter_predicate="FROM c WHERE c.n = 1")) == 412
    for bad in (
        {"op": "remove", "path": "/nothing"},
        {"op": "set", "path": "/nowhere/deep", "value": 1},
        {"op": "incr", "path": "/pk", "value": 1},
    ):
        assert await status(container.patch_item("a", "p", [good, bad])) == 400
    assert await status(container.patch_item("a", "p", [good] * 11)) == 400
    assert (await container.read_item("a", "p"))["n"] == 3
    assert await status(container.patch_item("b", "p", [good])) == 404


async def test_a_batch_that_fails_leaves_everything_as_it_was(container: ContainerProxy) -> None:
    await container.create_item(dict(A))
    with pytest.raises(CosmosBatchOperationError) as caught:
        await container.execute_item_batch(
            [("upsert", ({**A, "n": 5},)), ("delete", ("a",)), ("read", ("a",)), ("create", ({**A, "id": "b"},))], "p"
        )
    assert caught.value.error_index == 2
    assert (await container.read_item("a", "p"))["n"] == 1
    done = await container.execute_item_batch([("replace", ("a", {**A, "n": 2})), ("read", ("a",))], "p")
    assert done[1]["resourceBody"]["n"] == 2


async def test_a_batch_has_at_most_a_hundred_operations(container: ContainerProxy) -> None:
    many = [("create", ({**A, "id": str(number)},)) for number in range(101)]
    assert await status(container.execute_item_batch(many, "p")) == 400


async def test_partitions_never_meet(container: ContainerProxy) -> None:
    await container.create_item(dict(A))
    await container.create_item({**A, "pk": "q"})
    assert await status(container.create_item(dict(A))) == 409
    assert await status(container.read_item("a", "r")) == 404
    found = [item["pk"] async for item in container.query_items("SELECT * FROM c", partition_key="q")]
    assert found == ["q"]
    everywhere = container.query_items("SELECT * FROM c")
    with pytest.raises(CosmosHttpResponseError):
        [item async for item in everywhere]
    assert await status(container.upsert_item({"id": "a"})) == 400


@pytest.mark.parametrize("name", ["a/b", "a?b", "a#b", "a\\b", "x" * 1024, ""])
async def test_ids_are_as_narrow_as_the_services(container: ContainerProxy, name: str) -> None:
    attempt = container.execute_item_batch([("create", ({"id": name, "pk": "p"},))], "p")
    with pytest.raises(CosmosBatchOperationError) as caught:
        await attempt
    assert caught.value.status_code == 400


async def test_numbers_are_doubles(container: ContainerProxy) -> None:
    await container.upsert_item({**A, "n": 2**53 + 1, "list": [2**60 + 1]})
    read = await container.read_item("a", "p")
    assert (read["n"], read["list"]) == (2**53, [2**60])
    await container.upsert_item({**A, "n": 3})
    assert (await container.read_item("a", "p"))["n"] == 3


async def test_items_expire(fake: FakeCosmos, container: ContainerProxy) -> None:
    await container.create_item({**A, "ttl": 10})
    await container.create_item({**A, "id": "b"})
    fake.skew_s = 11
    assert await status(container.read_item("a", "p")) == 404
    assert (await container.read_item("b", "p"))["id"] == "b"


async def test_pages_go_on_where_they_ended(fake: FakeCosmos, container: ContainerProxy) -> None:
    for number in range(250):
        await container.upsert_item({**A, "id": f"{number:03}"})
    found = [item["id"] async for item in container.query_items("SELECT c.id FROM c", partition_key="p")]
    assert found == [f"{number:03}" for number in range(250)]
    assert len(fake.journal.of("query")) == 3


async def test_what_is_too_large_is_refused(container: ContainerProxy) -> None:
    with pytest.warns(ResourceWarning, match="large body"):
        assert await status(container.upsert_item({**A, "n": "x" * 2_200_000})) == 413
