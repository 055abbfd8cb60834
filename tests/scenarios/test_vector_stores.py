"""Vector stores in full, through the unmodified client: batches, attributes, chunking, changes and expiry."""

import itertools
from typing import Any

import openai
import pytest

from tests.scenarios.deck import Deck, eventually
from tests.upstream import Step

PARAGRAPHS = "\n\n".join(f"Paragraph {n} tells that the {n}th pipe is {n * 7} metres long." for n in range(60)).encode()


async def test_a_batch_is_uploaded_polled_listed_and_searched_by_attributes(deck: Deck) -> None:
    client = deck.client()
    store = await client.vector_stores.create(name="batches", expires_after={"anchor": "last_active_at", "days": 7})
    assert store.expires_at == (store.last_active_at or 0) + 7 * 86400
    batch = await client.vector_stores.file_batches.upload_and_poll(
        store.id, files=[("one.txt", b"The gate is red."), ("two.txt", b"The gate is blue."), ("three.bin", b"\x00")]
    )
    counts = batch.file_counts
    assert (batch.status, counts.completed, counts.failed, counts.in_progress) == ("completed", 2, 1, 0)
    pages = client.vector_stores.file_batches.list_files(batch.id, vector_store_id=store.id, limit=2)
    listed = [file async for file in pages]
    assert sorted(file.status for file in listed) == ["completed", "completed", "failed"]
    for file in listed:
        name = (await client.files.retrieve(file.id)).filename
        await client.vector_stores.files.update(file.id, vector_store_id=store.id, attributes={"name": name})
    filters = {"type": "eq", "key": "name", "value": "two.txt"}

    async def search() -> Any:
        return (await client.vector_stores.search(store.id, query="gate", filters=filters)).data

    # A file answers as it was until it is indexed with its new attributes.
    found = await eventually(search, bool)
    assert [hit.content[0].text for hit in found] == ["The gate is blue."]
    assert found[0].attributes == {"name": "two.txt"}


async def test_a_file_is_cut_and_overlaps_as_its_chunking_strategy_says(deck: Deck) -> None:
    client = deck.client()
    store = await client.vector_stores.create(name="cut")
    uploaded = await client.files.create(file=("pipes.txt", PARAGRAPHS), purpose="assistants")
    static = {"type": "static", "static": {"max_chunk_size_tokens": 100, "chunk_overlap_tokens": 50}}
    file = await client.vector_stores.files.create_and_poll(
        uploaded.id, vector_store_id=store.id, chunking_strategy=static, poll_interval_ms=100
    )
    assert file.chunking_strategy is not None
    assert (file.status, file.chunking_strategy.to_dict()) == ("completed", static)
    texts = [
        part.text or "" async for part in await client.vector_stores.files.content(file.id, vector_store_id=store.id)
    ]
    assert len(texts) > 10
    for before, after in itertools.pairwise(texts):
        assert after.split("\n\n")[0] in before
    static["static"]["chunk_overlap_tokens"] = 51
    with pytest.raises(openai.BadRequestError, match="half of max_chunk_size_tokens"):
        await client.vector_stores.files.create(store.id, file_id=uploaded.id, chunking_strategy=static)


async def test_a_store_is_changed_and_an_unknown_one_is_not_found(deck: Deck) -> None:
    client = deck.client()
    store = await client.vector_stores.create(name="before", description="what it is", metadata={"a": "b"})
    changed = await client.vector_stores.update(
        store.id, name="after", expires_after={"anchor": "last_active_at", "days": 1}
    )
    assert (changed.name, changed.metadata, changed.expires_after.days) == ("after", {"a": "b"}, 1)
    with pytest.raises(openai.NotFoundError):
        await deck.client("other").vector_stores.update(store.id, name="mine")


async def test_a_query_is_rewritten_by_a_model_and_searched_both_ways(deck: Deck) -> None:
    client = deck.client()
    store = await client.vector_stores.create(name="rewritten")
    file = await client.vector_stores.files.upload_and_poll(
        vector_store_id=store.id, file=("gates.txt", b"The colour of gate 7 is heliotrope."), poll_interval_ms=100
    )
    assert file.status == "completed"
    question = "Say, which paint did they put on number seven?"
    deck.upstream.script(
        "chat", Step(text='\n"colour gate 7"\nBecause that is what it says.'), Step(status=503, times=9)
    )
    page = await client.vector_stores.search(store.id, query=question, rewrite_query=True)
    assert page.search_query == [question, "colour gate 7"]  # pyright: ignore[reportAttributeAccessIssue] -- OpenAI's answer has it, the SDK's page does not
    assert [hit.content[0].text for hit in page.data] == ["The colour of gate 7 is heliotrope."]
    (asked,) = deck.upstream.journal.of("chat")
    assert asked.body["messages"][-1] == {"role": "user", "content": question}
    # A model that refuses costs the rewrite, not the search.
    page = await client.vector_stores.search(store.id, query=question, rewrite_query=True)
    assert page.search_query == [question]  # pyright: ignore[reportAttributeAccessIssue] -- as above
    assert len(page.data) == 1
