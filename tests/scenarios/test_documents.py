"""Documents from upload to citation and to deletion, through unmodified clients."""

import os
import re
import signal
from pathlib import Path
from typing import Any

import openai
import pypdfium2
import pytest
from openai import AsyncOpenAI

from tests.scenarios.deck import Deck, eventually
from tests.scenarios.manuals import policy_manual
from tests.upstream import Step

PHRASE = "The postinst script may be called in the following ways"


async def ready(deck: Deck, store_id: str, file_id: str, tenant: str = "acme") -> Any:
    """The attached file, once it is not in progress any more. Retries, as clients do, while a worker is restarted."""
    client = deck.client(tenant).with_options(max_retries=5)

    async def look() -> Any:
        return await client.vector_stores.files.retrieve(file_id, vector_store_id=store_id)

    return await eventually(look, lambda file: file.status != "in_progress")


async def add(deck: Deck, store_id: str, name: str, content: bytes) -> Any:
    client = deck.client()
    uploaded = await client.files.create(file=(name, content), purpose="assistants")
    await client.vector_stores.files.create(vector_store_id=store_id, file_id=uploaded.id)
    return await ready(deck, store_id, uploaded.id)


async def search(deck: Deck, store_id: str, query: str, tenant: str = "acme") -> list[Any]:
    return (await deck.client(tenant).vector_stores.search(store_id, query=query)).data


async def store_named(deck: Deck, name: str) -> Any:
    async def look() -> Any:
        stores = [store async for store in deck.client().vector_stores.list()]
        return next((store for store in stores if store.name == name), None)

    return await eventually(look, lambda store: store is not None)


async def found(deck: Deck, store_id: str, query: str) -> list[str]:
    return [hit.filename for hit in await search(deck, store_id, query)]


async def texts(deck: Deck, store_id: str, query: str) -> list[str]:
    return [hit.content[0].text for hit in await search(deck, store_id, query)]


def pages_with(manual: Path, phrase: str) -> set[int]:
    pdf = pypdfium2.PdfDocument(manual)
    squeezed = phrase.replace(" ", "")
    pages = {
        n
        for n, page in enumerate(pdf, start=1)
        if squeezed in re.sub(r"\s", "", page.get_textpage().get_text_bounded())
    }
    pdf.close()
    return pages


async def ask(deck: Deck, store_id: str, question: str, **extra: Any) -> Any:
    source = {"type": "vector_store", "parameters": {"vector_store_ids": [store_id]}}
    return await deck.client().chat.completions.create(
        model="chat",
        messages=[{"role": "user", "content": question}],
        extra_body={"data_sources": [source]},
        **extra,
    )


async def test_a_long_manual_is_searchable_cited_with_its_page_and_gone_when_deleted(deck: Deck) -> None:
    manual, client = policy_manual(), deck.client()
    store = await client.vector_stores.create(name="manuals")
    file = await add(deck, store.id, "policy.pdf", manual.read_bytes())
    assert (file.status, file.last_error) == ("completed", None)
    right = pages_with(manual, PHRASE)
    deck.upstream.script("chat", Step(text="It says so [doc1], not there [doc77]."))
    answer = await ask(deck, store.id, PHRASE)
    message = answer.choices[0].message
    assert message.content == "It says so [doc1], not there ."
    citations = message.context["citations"]
    best = next(one for one in citations if PHRASE in " ".join(one["content"].split()))
    assert right & set(range(best["page_start"], best["page_end"] + 1))
    assert best["char_end"] - best["char_start"] == len(best["content"])
    assert best["file_id"] == file.id
    prompt = deck.upstream.journal.of("chat")[0].body["messages"][-1]["content"]
    assert "[doc1] policy.pdf, page " in prompt
    assert (await client.files.delete(file.id)).deleted
    await eventually(lambda: found(deck, store.id, PHRASE), lambda names: names == [])


async def test_a_streamed_grounded_answer_carries_its_context_first(deck: Deck) -> None:
    store = await deck.client().vector_stores.create(name="notes")
    await add(deck, store.id, "note.txt", b"The access code of the gate is heliotrope.")
    deck.upstream.script("chat", Step(chunks=("It is helio", "trope [do", "c1] [doc", "5].")))
    stream = await ask(deck, store.id, "What is the access code of the gate?", stream=True)
    chunks = [chunk async for chunk in stream]
    assert chunks[0].choices[0].delta.context["citations"][0]["content"].endswith("heliotrope.")
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert text == "It is heliotrope [doc1] ."
    assert not any(hasattr(chunk.choices[0].delta, "context") for chunk in chunks[1:] if chunk.choices)


@pytest.mark.parametrize("stream", [False, True])
async def test_a_question_that_nothing_answers_is_declined_without_asking_the_model(
    deck: Deck, *, stream: bool
) -> None:
    store = await deck.client().vector_stores.create(name="empty")
    answer = await ask(deck, store.id, "What is the airspeed of a swallow?", stream=stream)
    if stream:
        text = "".join([chunk.choices[0].delta.content or "" async for chunk in answer])
    else:
        text = answer.choices[0].message.content
    assert text == "I found nothing about this in the documents that I can search."
    assert deck.upstream.journal.of("chat") == []


async def test_a_dropped_blob_makes_its_store_and_follows_every_change(deck: Deck) -> None:
    async with deck.blobs() as service:
        blob = service.get_blob_client("documents", "acme/handbook/guide/first steps.md")
        await blob.upload_blob(b"# Start\n\nTurn the turquoise key twice.")
        store = await store_named(deck, "handbook")
        await eventually(
            lambda: found(deck, store.id, "turquoise key"), lambda names: names == ["guide/first steps.md"]
        )
        await blob.upload_blob(b"# Start\n\nPush the crimson button.", overwrite=True)
        crimson = ["# Start\n\nPush the crimson button."]
        await eventually(lambda: texts(deck, store.id, "crimson button"), lambda hits: hits == crimson)
        assert await texts(deck, store.id, "turquoise key") == crimson
        await blob.delete_blob()
        await eventually(lambda: found(deck, store.id, "crimson button"), lambda names: names == [])


async def test_an_edited_manual_never_leaves_a_moment_without_an_answer(deck: Deck) -> None:
    manual = policy_manual().read_bytes()
    async with deck.blobs() as service:
        blob = service.get_blob_client("documents", "acme/policies/manual.pdf")
        await blob.upload_blob(manual)
        store = await store_named(deck, "policies")
        await eventually(lambda: found(deck, store.id, PHRASE), bool)
        text = b"Debian Policy in short. " + PHRASE.encode() + b": with configure."
        await blob.upload_blob(text, overwrite=True)
        answers: list[list[Any]] = []
        while True:
            hits = await search(deck, store.id, PHRASE)
            answers.append(hits)
            if any("in short" in hit.content[0].text for hit in hits):
                break
        assert all(answers), "a search found nothing while the new version was being indexed"
        assert [hit.content[0].text for hit in answers[-1]] == [text.decode()]


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("photo.png", b"\x89PNG\r\n\x1a\n" + b"\x00" * 64, "unsupported_file"),
        ("broken.pdf", b"%PDF-1.7\nnot really", "invalid_file"),
        ("empty.txt", b"", "invalid_file"),
        ("cut.docx", b"PK\x03\x04" + b"\x00" * 40, "invalid_file"),
    ],
)
async def test_a_file_that_cannot_be_indexed_says_why(deck: Deck, name: str, content: bytes, code: str) -> None:
    store = await deck.client().vector_stores.create(name=f"bad {name}")
    file = await add(deck, store.id, name, content)
    assert (file.status, file.last_error.code) == ("failed", code)
    assert name in file.last_error.message


async def test_one_tenant_never_sees_anothers_files_or_stores(deck: Deck) -> None:
    mine, theirs = deck.client("acme"), deck.client("other")
    store = await mine.vector_stores.create(name="secret")
    file = await add(deck, store.id, "plan.txt", b"The secret plan of acme.")
    for attempt in (
        theirs.files.retrieve(file.id),
        theirs.files.content(file.id),
        theirs.files.delete(file.id),
        theirs.vector_stores.retrieve(store.id),
        theirs.vector_stores.search(store.id, query="secret plan"),
        theirs.vector_stores.files.retrieve(file.id, vector_store_id=store.id),
        theirs.vector_stores.delete(store.id),
    ):
        with pytest.raises(openai.NotFoundError):
            await attempt
    assert [one.id async for one in theirs.files.list()] == []
    assert await found(deck, store.id, "secret plan") == ["plan.txt"]


async def test_a_file_reads_back_as_it_was_uploaded(deck: Deck) -> None:
    content = bytes(range(256)) * 5000
    file = await deck.client().files.create(file=("data ü.bin", content), purpose="user_data")
    assert (file.filename, file.bytes) == ("data ü.bin", len(content))
    assert (await deck.client().files.content(file.id)).content == content
    assert file.id in [one.id async for one in deck.client().files.list()]


async def test_killing_the_worker_while_it_indexes_changes_nothing_in_the_end(deck: Deck) -> None:
    manual, client = policy_manual(), deck.client("other")  # a tenant that has had none of it embedded before
    calm = await deck.client().vector_stores.create(name="calm")
    undisturbed = await add(deck, calm.id, "policy.pdf", manual.read_bytes())
    store = await client.vector_stores.create(name="stormy")
    uploaded = await client.files.create(file=("policy.pdf", manual.read_bytes()), purpose="assistants")
    deck.upstream.journal.reset()
    deck.upstream.script("embedding", default=Step(first_byte_s=0.5))
    await client.vector_stores.files.create(vector_store_id=store.id, file_id=uploaded.id)
    for batches in (1, 3):
        await deck.upstream.journal.wait_until(
            lambda journal, n=batches: len(journal.of("embedding")) >= n, timeout_s=60
        )
        os.kill(deck.host.worker_pids[0], signal.SIGKILL)
    deck.upstream.steps.reset()
    file = await ready(deck, store.id, uploaded.id, "other")
    assert file.status == "completed"
    assert await _texts(client, store.id, uploaded.id) == await _texts(deck.client(), calm.id, undisturbed.id)


async def _texts(client: AsyncOpenAI, store_id: str, file_id: str) -> list[str]:
    pages = await client.vector_stores.files.content(file_id, vector_store_id=store_id)
    return [part.text async for part in pages]
