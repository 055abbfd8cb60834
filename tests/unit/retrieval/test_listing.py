"""Lists longer than a page, of which only some pass."""

import pytest

from shared.ports.records import FolderRecord
from shared.retrieval.listing import Walk, page_of, walk
from tests.unit.retrieval.world import TENANT, World

IDS = [f"folder-{n:03}" for n in range(12)]


def is_even(record: FolderRecord) -> bool:
    return int(record.id[-3:]) % 2 == 0


async def filled() -> World:
    world = World()
    for n, folder_id in enumerate(IDS):
        await world.folders.create(FolderRecord(folder_id, TENANT, f"vs_{n % 3}"))
    return world


@pytest.mark.parametrize("page", [1, 2, 5, 12, 200])
@pytest.mark.parametrize(
    ("route", "ids"),
    [
        (Walk({}), IDS),
        (Walk({}, newest_first=True), IDS[::-1]),
        (Walk({"store_id": "vs_1"}), IDS[1::3]),
        (Walk({}, after=IDS[4]), IDS[5:]),
        (Walk({}, after=IDS[4], newest_first=True), IDS[3::-1]),
        (Walk({}, before=IDS[4]), IDS[3::-1]),
        (Walk({}, before=IDS[4], newest_first=True), IDS[5:]),
        (Walk({}, after=IDS[2], before=IDS[6]), IDS[3:6]),
    ],
)
async def test_a_walk_meets_every_record_once_whatever_the_size_of_a_page(
    page: int, route: Walk, ids: list[str]
) -> None:
    world = await filled()
    assert [stored.value.id async for stored in walk(world.folders, TENANT, route, page=page)] == ids


@pytest.mark.parametrize(
    ("route", "limit", "ids", "has_more"),
    [
        (Walk({}), 4, IDS[0:8:2], True),
        (Walk({}), 6, IDS[0::2], False),
        (Walk({}, newest_first=True), 2, [IDS[10], IDS[8]], True),
        (Walk({}, before=IDS[9]), 2, [IDS[6], IDS[8]], True),
        (Walk({}, before=IDS[3], newest_first=True), 2, [IDS[6], IDS[4]], True),
        (Walk({}, before=IDS[9], newest_first=True), 3, [IDS[10]], False),
        (Walk({"store_id": "none"}), 3, [], False),
    ],
)
async def test_a_page_holds_what_passes_in_the_order_of_the_list(
    route: Walk, limit: int, ids: list[str], has_more: bool
) -> None:
    world = await filled()
    found, more = await page_of(world.folders, TENANT, route, limit, is_even)
    assert ([record.id for record in found], more) == (ids, has_more)


async def test_a_store_of_more_files_than_a_page_holds_counts_and_clears_them_all() -> None:
    from shared.wire.vector_stores import VectorStoreBody
    from tests.unit.retrieval.world import CALLER

    world = World()
    store = await world.services.vector_stores.create(CALLER, VectorStoreBody(name="kb"))
    for n in range(205):
        await world.drop(f"acme/kb/{n}.txt", f"text {n}")
    await world.settle()
    assert (await world.services.vector_stores.retrieve(CALLER, store.id)).file_counts.completed == 205
    await world.services.vector_stores.delete(CALLER, store.id)
    left = [stored.value.state async for stored in walk(world.documents, TENANT, Walk({}))]
    assert left == ["deleted"] * 205
