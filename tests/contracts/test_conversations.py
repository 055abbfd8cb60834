"""What every `ConversationItems` adapter promises."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from shared.adapters.cosmos.conversations import CosmosConversationItems
from shared.adapters.memory.conversations import MemoryConversationItems
from shared.adapters.sqlite.connection import SqliteDatabase
from shared.adapters.sqlite.conversations import SqliteConversationItems
from shared.errors import ConflictError, InvalidRequestError, NotFoundError, TooLargeError
from shared.ports.conversations import (
    MAX_TOGETHER,
    MAX_TOGETHER_BYTES,
    ConversationItem,
    ConversationItems,
    ItemPage,
)
from tests.contracts.conftest import Cosmos
from tests.cosmos.fake import Fault
from tests.cosmos.worlds import SOME_STORES, STORES


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[SqliteDatabase]:
    database = SqliteDatabase(tmp_path / "flightdeck.db")
    yield database
    await database.close()


@pytest.fixture(params=SOME_STORES)
def items(request: pytest.FixtureRequest) -> ConversationItems:
    if request.param == "memory":
        return MemoryConversationItems()
    if request.param.startswith("cosmos"):
        return CosmosConversationItems(request.getfixturevalue("cosmos").under(request.param))
    return SqliteConversationItems(request.getfixturevalue("database"))


def said(*ids: str) -> list[ConversationItem]:
    return [
        ConversationItem(one, f'{{"id":"{one}","text":"\\ud83d \\"Übung\\"","n":0.10000000000000001}}') for one in ids
    ]


def ids(page: ItemPage) -> str:
    return "".join(item.id for item in page.items)


async def all_of(items: ConversationItems, tenant: str = "t", conversation: str = "c") -> str:
    return ids(await items.list(tenant, conversation, order="asc", limit=1000))


async def wiped(items: ConversationItems) -> int:
    """How many calls it took."""
    for calls in range(1, 10):
        if await items.wipe("t", "c", limit=3):
            return calls
    raise AssertionError


class TestItems:
    async def test_items_come_back_as_they_were_in_the_order_in_which_they_came(self, items: ConversationItems) -> None:
        await items.open("t", "c", said(*"zy"))
        await items.append("t", "c", said(*"ab"))
        await items.append("t", "c", said("x"))
        page = await items.list("t", "c", order="asc")
        assert page == ItemPage(tuple(said(*"zyabx")), has_more=False)
        assert ids(await items.list("t", "c")) == "xbayz"
        assert await items.get("t", "c", "y") == said("y")[0]

    async def test_pages_go_on_behind_an_item_also_when_it_has_been_removed(self, items: ConversationItems) -> None:
        await items.open("t", "c", said(*"abcdefg"))
        first = await items.list("t", "c", order="asc", limit=3)
        assert (ids(first), first.has_more) == ("abc", True)
        for item in first.items:
            await items.remove("t", "c", item.id)
        second = await items.list("t", "c", order="asc", limit=4, after="c")
        assert (ids(second), second.has_more) == ("defg", False)
        assert ids(await items.list("t", "c", order="desc", limit=2, after="f")) == "ed"
        assert ids(await items.list("t", "c", order="desc", after="d")) == ""

    async def test_a_page_behind_what_never_was_there_is_not_found(self, items: ConversationItems) -> None:
        await items.open("t", "c", said("a"))
        with pytest.raises(NotFoundError) as refused:
            await items.list("t", "c", after="nowhere")
        assert refused.value.param == "after"

    @pytest.mark.parametrize("items", STORES, indirect=True)
    async def test_what_was_removed_is_gone_and_its_id_is_not_free(self, items: ConversationItems) -> None:
        await items.open("t", "c", said(*"abc"))
        await items.remove("t", "c", "b")
        assert await all_of(items) == "ac"
        for call in (items.get("t", "c", "b"), items.remove("t", "c", "b"), items.remove("t", "c", "nowhere")):
            with pytest.raises(NotFoundError):
                await call
        with pytest.raises(ConflictError):
            await items.append("t", "c", said("b"))

    @pytest.mark.parametrize("more", ["xa", "ax", "xx"])
    async def test_an_id_that_is_taken_refuses_all_that_came_with_it(self, items: ConversationItems, more: str) -> None:
        await items.open("t", "c", said(*"abc"))
        with pytest.raises(ConflictError, match=repr(more[1] if more != "ax" else "a")):
            await items.append("t", "c", said(*more))
        assert await all_of(items) == "abc"

    async def test_a_conversation_is_opened_once(self, items: ConversationItems) -> None:
        await items.open("t", "c", said("a"))
        with pytest.raises(ConflictError):
            await items.open("t", "c", said("b"))
        assert await all_of(items) == "a"

    async def test_what_was_never_opened_takes_nothing_and_holds_nothing(self, items: ConversationItems) -> None:
        with pytest.raises(NotFoundError, match="'c'"):
            await items.append("t", "c", said("a"))
        with pytest.raises(NotFoundError):
            await items.get("t", "c", "a")
        assert await all_of(items) == ""

    async def test_neither_another_tenant_nor_another_conversation_sees_an_item(self, items: ConversationItems) -> None:
        await items.open("t", "c", said("a"))
        for tenant, conversation in (("u", "c"), ("t", "d"), ("t|c", ""), ("", "t|c")):
            assert await all_of(items, tenant, conversation) == ""
            with pytest.raises(NotFoundError):
                await items.get(tenant, conversation, "a")

    async def test_any_text_may_be_an_id(self, items: ConversationItems) -> None:
        hostile = ("it's", "a|b", "50%_", "日本語", "a\0b", "/\\?#")
        await items.open("t", "c/d", [ConversationItem(one, '"x"') for one in hostile])
        found = await items.list("t", "c/d", order="asc")
        assert tuple(item.id for item in found.items) == hostile
        assert (await items.get("t", "c/d", "日本語")).body == '"x"'

    async def test_half_a_surrogate_pair_is_refused_as_the_callers_mistake(self, items: ConversationItems) -> None:
        await items.open("t", "c")
        with pytest.raises(InvalidRequestError):
            await items.append("t", "c", [ConversationItem("\ud800", "{}")])


class TestSizes:
    async def test_as_many_as_are_allowed_come_at_once_and_more_do_not(self, items: ConversationItems) -> None:
        await items.open("t", "c")
        many = [ConversationItem(f"{number:03}", "{}") for number in range(MAX_TOGETHER + 1)]
        with pytest.raises(TooLargeError):
            await items.append("t", "c", many)
        await items.append("t", "c", many[:-1])
        assert len((await items.list("t", "c", limit=1000)).items) == MAX_TOGETHER

    async def test_as_many_bytes_as_are_allowed_come_at_once_and_more_do_not(self, items: ConversationItems) -> None:
        quotes = '"' + '\\"' * ((MAX_TOGETHER_BYTES - 20) // 4) + '"'  # each takes four as a JSON string
        await items.open("t", "c", [ConversationItem("a", quotes)])
        for body in (quotes + " " * 20, "é" * (MAX_TOGETHER_BYTES // 2)):
            with pytest.raises(TooLargeError):
                await items.append("t", "c", [ConversationItem("b", body)])
        assert (await items.get("t", "c", "a")).body == quotes


class TestTogether:
    """Equal requests of several share the faults of a weather, so that one may meet more than its patience bears."""

    pytestmark = pytest.mark.parametrize("items", [*SOME_STORES[:3]], indirect=True)

    async def test_of_many_appends_at_once_none_is_lost_or_torn(self, items: ConversationItems) -> None:
        await items.open("t", "c")
        appends = [said(*pair) for pair in ("ab", "cd", "ef", "gh", "ij", "kl")]
        await asyncio.gather(*(items.append("t", "c", append) for append in appends))
        found = await all_of(items)
        assert sorted(found[place : place + 2] for place in range(0, 12, 2)) == ["ab", "cd", "ef", "gh", "ij", "kl"]

    async def test_of_many_that_add_the_same_one_does(self, items: ConversationItems) -> None:
        await items.open("t", "c")
        added = await asyncio.gather(*(items.append("t", "c", said("a")) for _ in range(5)), return_exceptions=True)
        assert [type(one) for one in added if one is not None] == [ConflictError] * 4
        assert await all_of(items) == "a"

    async def test_two_may_wipe_at_once_while_others_add(self, items: ConversationItems) -> None:
        await items.open("t", "c", said(*"abcdefg"))
        adding = [items.append("t", "c", said(letter)) for letter in "xyz"]
        done = await asyncio.gather(wiped(items), *adding, wiped(items), return_exceptions=True)
        assert {type(one) for one in done} <= {int, type(None), NotFoundError}
        assert await all_of(items) == ""


@pytest.mark.parametrize("items", STORES, indirect=True)
class TestWiping:
    async def test_a_conversation_is_wiped_in_pieces_and_takes_nothing_meanwhile(
        self, items: ConversationItems
    ) -> None:
        await items.open("t", "c", said(*"abcdefg"))
        await items.remove("t", "c", "b")
        assert not await items.wipe("t", "c", limit=3)
        with pytest.raises(NotFoundError):
            await items.append("t", "c", said("x"))
        assert await wiped(items) > 1
        assert await all_of(items) == ""
        with pytest.raises(NotFoundError):
            await items.append("t", "c", said("x"))

    async def test_what_is_wiped_may_be_wiped_again_and_what_never_was_too(self, items: ConversationItems) -> None:
        await items.open("t", "c", said("a"))
        await items.open("t", "d", said("b"))
        assert max(await wiped(items), await wiped(items)) <= 2
        assert await items.wipe("t", "nowhere", limit=3)
        assert await all_of(items, "t", "d") == "b"


async def test_a_long_conversation_leaves_nothing_in_its_partition(cosmos: Cosmos) -> None:
    items = CosmosConversationItems(cosmos.under("cosmos calm"))
    await items.open("t", "c")
    for start in range(0, 250, 50):
        await items.append("t", "c", [ConversationItem(str(number), "{}") for number in range(start, start + 50)])
    assert not await items.wipe("t", "c", limit=249)
    assert await items.wipe("t", "c", limit=249)
    assert cosmos.fake.containers["conversations"].partitions["t|c"] == {}


async def test_an_append_is_one_read_and_one_batch_of_one_partition(cosmos: Cosmos) -> None:
    items = CosmosConversationItems(cosmos.under("cosmos calm"))
    await items.open("t", "c")
    cosmos.fake.journal.clear()
    await items.append("t", "c", said(*"abc"))
    assert [(entry.kind, entry.partition) for entry in cosmos.fake.journal.entries] == [
        ("read", ["t|c"]),
        ("batch", ["t|c"]),
    ]


async def test_an_append_whose_answer_is_lost_while_another_appends_is_there_once(cosmos: Cosmos) -> None:
    items = CosmosConversationItems(cosmos.under("cosmos calm"))
    await items.open("t", "c")
    cosmos.fake.faults.script(Fault(0, after_commit=True), when=lambda request: request.kind == "batch")
    await asyncio.gather(items.append("t", "c", said("a")), items.append("t", "c", said("b")))
    assert sorted(await all_of(items)) == ["a", "b"]
