"""Vector stores: their files and batches, polled by the client, walked through pages, and searched."""

from typing import Any

import openai
import pytest

TEXTS = {
    "gate.txt": b"The northern gate is painted red.",
    "well.txt": b"The well is forty metres deep.",
    "mill.txt": b"The mill grinds on Fridays only.",
}


@pytest.fixture
def store(client: openai.OpenAI) -> Any:
    return client.vector_stores.create(name="village", metadata={"of": "the suite"})


def upload(client: openai.OpenAI, name: str) -> str:
    return client.files.create(file=(name, TEXTS[name]), purpose="assistants").id


def test_a_store_is_made_changed_listed_and_deleted(client: openai.OpenAI, store: Any) -> None:
    assert (store.object, store.status, store.metadata) == ("vector_store", "completed", {"of": "the suite"})
    changed = client.vector_stores.update(
        store.id, name="town", metadata={"a": "b"}, expires_after={"anchor": "last_active_at", "days": 2}
    )
    assert (changed.name, changed.metadata) == ("town", {"a": "b"})
    seen = client.vector_stores.retrieve(store.id)
    assert (seen.name, seen.file_counts.total) == ("town", 0)
    assert seen.expires_at == (seen.last_active_at or 0) + 2 * 86400
    others = [client.vector_stores.create(name=f"other {n}").id for n in range(3)]
    walked = []
    for one in client.vector_stores.list(limit=2):
        walked.append(one.id)
        if one.id == store.id:
            break
    assert walked == [*others[::-1], store.id]
    gone = client.vector_stores.delete(store.id)
    assert (gone.id, gone.object, gone.deleted) == (store.id, "vector_store.deleted", True)
    with pytest.raises(openai.NotFoundError):
        client.vector_stores.retrieve(store.id)


def test_a_file_is_attached_polled_found_changed_and_taken_out(
    client: openai.OpenAI, store: Any, eventually: Any
) -> None:
    files = client.vector_stores.files
    file = files.create_and_poll(
        upload(client, "gate.txt"), vector_store_id=store.id, attributes={"place": "north"}, poll_interval_ms=100
    )
    assert (file.object, file.status, file.last_error) == ("vector_store.file", "completed", None)
    assert file.usage_bytes > 0
    second = files.upload_and_poll(vector_store_id=store.id, file=("well.txt", TEXTS["well.txt"]), poll_interval_ms=100)
    assert second.status == "completed"
    hits = client.vector_stores.search(store.id, query="What is painted red?")
    best = hits.data[0]
    assert (best.file_id, best.filename, best.attributes) == (file.id, "gate.txt", {"place": "north"})
    assert best.content[0].text == TEXTS["gate.txt"].decode()
    assert 0 < best.score <= 1
    parts = files.content(file.id, vector_store_id=store.id)
    assert [part.text for part in parts] == [TEXTS["gate.txt"].decode()]
    changed = files.update(file.id, vector_store_id=store.id, attributes={"place": "south", "rank": 2})
    assert changed.attributes == {"place": "south", "rank": 2}
    south: Any = {"type": "eq", "key": "place", "value": "south"}
    eventually(lambda: client.vector_stores.search(store.id, query="gate", filters=south).data)
    gone = files.delete(file.id, vector_store_id=store.id)
    assert (gone.object, gone.deleted) == ("vector_store.file.deleted", True)
    eventually(lambda: client.vector_stores.search(store.id, query="gate", filters=south).data, lambda data: not data)
    assert client.files.retrieve(file.id).filename == "gate.txt"


def test_a_file_that_cannot_be_read_says_why(client: openai.OpenAI, store: Any) -> None:
    bad = client.files.create(file=("bad.bin", b"\x7fELF\x02\x01"), purpose="assistants")
    file = client.vector_stores.files.create_and_poll(bad.id, vector_store_id=store.id, poll_interval_ms=100)
    assert file.status == "failed"
    assert file.last_error
    assert file.last_error.code in ("unsupported_file", "invalid_file")
    assert file.last_error.message.endswith(".")
    failed = client.vector_stores.files.list(store.id, filter="failed")
    assert [one.id for one in failed] == [bad.id]


def test_a_batch_is_created_polled_and_walked(client: openai.OpenAI, store: Any) -> None:
    batches = client.vector_stores.file_batches
    ids = [upload(client, name) for name in TEXTS]
    made = batches.create(store.id, file_ids=ids, attributes={"of": "a batch"})
    assert (made.object, made.file_counts.total) == ("vector_store.files_batch", 3)
    batch = batches.poll(made.id, vector_store_id=store.id)
    assert (batch.status, batch.file_counts.completed, batch.file_counts.in_progress) == ("completed", 3, 0)
    walked = [file.id for file in batches.list_files(made.id, vector_store_id=store.id, limit=1)]
    assert sorted(walked) == sorted(ids)
    assert sorted(file.id for file in client.vector_stores.files.list(store.id, limit=2)) == sorted(ids)
    assert client.vector_stores.retrieve(store.id).file_counts.completed == 3


def test_batches_are_polled_from_ids_and_from_files(client: openai.OpenAI, store: Any) -> None:
    batches = client.vector_stores.file_batches
    one = batches.create_and_poll(store.id, file_ids=[upload(client, "gate.txt")], poll_interval_ms=100)
    assert (one.status, one.file_counts.completed) == ("completed", 1)
    files: Any = [(name, TEXTS[name]) for name in ("well.txt", "mill.txt")]
    two = batches.upload_and_poll(store.id, files=[*files, ("bad.bin", b"\x00")], poll_interval_ms=100)
    counts = two.file_counts
    assert (two.status, counts.completed, counts.failed, counts.in_progress) == ("completed", 2, 1, 0)
    again = batches.cancel(two.id, vector_store_id=store.id)
    assert again.file_counts.completed == 2


def test_search_filters_ranks_and_limits(client: openai.OpenAI, store: Any) -> None:
    attach = client.vector_stores.files.create_and_poll
    for number, name in enumerate(TEXTS):
        attributes: Any = {"number": number, "even": number % 2 == 0, "name": name}
        attach(upload(client, name), vector_store_id=store.id, attributes=attributes, poll_interval_ms=100)

    def found(**how: Any) -> set[str]:
        return {hit.filename for hit in client.vector_stores.search(store.id, query="The gate, the well", **how)}

    assert found() == set(TEXTS)
    assert len(client.vector_stores.search(store.id, query="The gate", max_num_results=1).data) == 1
    assert found(filters={"type": "gte", "key": "number", "value": 1}) == {"well.txt", "mill.txt"}
    assert found(filters={"type": "eq", "key": "even", "value": True}) == {"gate.txt", "mill.txt"}
    both = [{"type": "ne", "key": "name", "value": "mill.txt"}, {"type": "lt", "key": "number", "value": 1}]
    assert found(filters={"type": "and", "filters": both}) == {"gate.txt"}
    assert found(filters={"type": "or", "filters": both}) == {"gate.txt", "well.txt"}
    assert found(filters={"type": "in", "key": "name", "value": ["well.txt"]}) == {"well.txt"}
    scores = {hit.filename: hit.score for hit in client.vector_stores.search(store.id, query="The gate, the well")}
    middle = (min(scores.values()) + max(scores.values())) / 2
    above = {name for name, score in scores.items() if score >= middle}
    assert found(ranking_options={"score_threshold": middle}) == above != set(TEXTS)
    assert found(rewrite_query=True, ranking_options={"ranker": "auto"}) == set(TEXTS)
    with pytest.raises(openai.BadRequestError):
        found(filters={"type": "like", "key": "name", "value": "x"})
