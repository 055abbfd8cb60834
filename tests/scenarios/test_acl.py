"""Keys of different principals over HTTP: nobody is shown, or told by a grounded answer, what they may not read."""

import re
from dataclasses import dataclass
from typing import Any

import openai
import pytest
import pytest_asyncio

from tests.scenarios.deck import Deck, eventually
from tests.upstream import Step

WORDS = {"open": "heliotrope", "hr": "saffron", "boss": "vermilion", "either": "cerulean", "team": "ochre"}
ACLS = {"hr": "hr", "boss": "boss", "either": "boss,acme-staff", "team": "acme-staff"}
MAY = {
    "acme-nobody": {"open"},
    "acme": {"open", "either", "team"},
    "acme-hr": {"open", "hr"},
    "acme-hr-boss": {"open", "hr", "boss", "either"},
    "other": set[str](),
}
KINDS = ("attached", "dropped")


@dataclass
class Guarded:
    store_id: str
    files: dict[str, str]


def seen_in(text: str) -> set[str]:
    return {name for name, word in WORDS.items() if word in text}


@pytest_asyncio.fixture(params=KINDS, scope="module", loop_scope="session")
async def guarded(request: pytest.FixtureRequest, product: Deck) -> Guarded:
    """A store with a document for each ACL; only its own text and name say its word."""
    attach = _attached if request.param == "attached" else _dropped
    return await attach(product)


async def _attached(deck: Deck) -> Guarded:
    client = deck.client("acme-hr-boss")
    store = await client.vector_stores.create(name="guarded by attributes")
    files: dict[str, str] = {}
    for name, word in WORDS.items():
        file = await client.files.create(file=(f"{word}.txt", _text(word)), purpose="assistants")
        attributes = {"word": word, "even": len(word) % 2 == 0} | ({"acl": ACLS[name]} if name in ACLS else {})
        await client.vector_stores.files.create(store.id, file_id=file.id, attributes=attributes)
        files[name] = file.id
    await _completed(deck, store.id)
    return Guarded(store.id, files)


async def _dropped(deck: Deck) -> Guarded:
    async with deck.blobs() as service:
        for name, word in WORDS.items():
            blob = service.get_blob_client("documents", f"acme/guarded/{word}.txt")
            metadata = {"attr_word": word} | ({"acl": ACLS[name]} if name in ACLS else {})
            await blob.upload_blob(_text(word), metadata=metadata, overwrite=True)

    async def look() -> Any:
        stores = [store async for store in deck.client().vector_stores.list()]
        return next((store for store in stores if store.name == "guarded"), None)

    store = await eventually(look, lambda store: store is not None and store.file_counts.total == len(WORDS))
    await _completed(deck, store.id)
    files: dict[str, str] = {}
    for who in ("acme-hr-boss", "acme"):
        async for hit in await _hits(deck, who, store.id):
            files |= dict.fromkeys(seen_in(hit.filename), hit.file_id)
    return Guarded(store.id, files)


def _text(word: str) -> bytes:
    return f"The access code of the gate is {word}.".encode()


async def _completed(deck: Deck, store_id: str) -> None:
    async def counts() -> Any:
        return (await deck.client().vector_stores.retrieve(store_id)).file_counts

    await eventually(counts, lambda counts: counts.completed == len(WORDS))


async def _hits(deck: Deck, who: str, store_id: str, **options: Any) -> Any:
    query = "What is the access code of the gate?"
    return deck.client(who).vector_stores.search(store_id, query=query, max_num_results=50, **options)


@pytest.mark.parametrize("who", [who for who in MAY if who != "other"])
async def test_every_way_to_a_document_shows_a_key_what_its_principals_may_read(
    deck: Deck, guarded: Guarded, who: str
) -> None:
    client = deck.client(who)
    assert guarded.files.keys() == WORDS.keys()
    for options in ({}, {"filters": {"type": "ne", "key": "word", "value": "x"}}, {"rewrite_query": True}):
        hits = [hit async for hit in await _hits(deck, who, guarded.store_id, **options)]
        assert seen_in(" ".join(f"{hit.filename} {hit.content} {hit.attributes}" for hit in hits)) == MAY[who]
    wanted = {"type": "in", "key": "word", "value": list(WORDS.values())}
    named = [hit async for hit in await _hits(deck, who, guarded.store_id, filters=wanted)]
    assert seen_in(" ".join(hit.filename for hit in named)) == MAY[who]
    passages = {
        name: [page async for page in client.vector_stores.files.content(file_id, vector_store_id=guarded.store_id)]
        for name, file_id in guarded.files.items()
    }
    assert {name for name, texts in passages.items() if texts} == MAY[who]
    assert await _not_refused(guarded.files, client.files.content) == MAY[who]
    assert await _not_refused(guarded.files, client.files.retrieve) == MAY[who]
    listed = {file.id for file in [file async for file in client.files.list(limit=3)]}
    assert {name for name, file_id in guarded.files.items() if file_id in listed} == MAY[who]
    attached = [one async for one in client.vector_stores.files.list(guarded.store_id)]
    assert len(attached) == len(WORDS)
    assert seen_in(str([one.attributes for one in attached])) == MAY[who]


async def _not_refused(files: dict[str, str], look: Any) -> set[str]:
    seen: set[str] = set()
    for name, file_id in files.items():
        try:
            await look(file_id)
        except openai.NotFoundError:
            continue
        seen.add(name)
    return seen


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("who", [who for who in MAY if who != "other"])
async def test_a_grounded_answer_is_given_what_the_key_may_read(
    deck: Deck, guarded: Guarded, who: str, *, stream: bool
) -> None:
    deck.upstream.script("chat", Step(text="See [doc1], [doc2], [doc3], [doc4], [doc5]."))
    parameters = {"vector_store_ids": [guarded.store_id], "top_n_documents": 20, "strictness": 1}
    answer = await deck.client(who).chat.completions.create(
        model="chat",
        messages=[{"role": "user", "content": "What is the access code of the gate?"}],
        extra_body={"data_sources": [{"type": "vector_store", "parameters": parameters}]},
        stream=stream,
    )
    came = str([chunk.model_dump() async for chunk in answer] if stream else answer.model_dump())
    assert seen_in(came) == MAY[who]
    prompt = str(deck.upstream.journal.of("chat")[0].body["messages"])
    assert seen_in(prompt) == MAY[who]
    assert len(set(re.findall(r"\[doc\d\]", came))) == len(MAY[who]) or stream


async def test_a_key_of_another_tenant_finds_no_store_and_no_file(deck: Deck, guarded: Guarded) -> None:
    client = deck.client("other")
    with pytest.raises(openai.NotFoundError):
        await client.vector_stores.search(guarded.store_id, query="code")
    assert await _not_refused(guarded.files, client.files.retrieve) == set()
    assert await _not_refused(guarded.files, client.files.content) == set()


async def test_a_filter_of_a_grounded_answer_narrows_what_it_rests_on(deck: Deck, guarded: Guarded) -> None:
    filters = {"type": "eq", "key": "word", "value": WORDS["team"]}
    parameters = {"vector_store_ids": [guarded.store_id], "strictness": 1, "filters": filters}
    answer = await deck.client().chat.completions.create(
        model="chat",
        messages=[{"role": "user", "content": "What is the access code of the gate?"}],
        extra_body={"data_sources": [{"type": "vector_store", "parameters": parameters}]},
    )
    citations = answer.choices[0].message.context["citations"]
    assert seen_in(str(citations)) == {"team"}
