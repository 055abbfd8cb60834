"""Request charges of each operation by the fake's model: `python -m tests.cosmos.costs` writes docs/costs.md."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from shared.adapters.cosmos.answers import CosmosAnswerCache
from shared.adapters.cosmos.chunks import CosmosChunks
from shared.adapters.cosmos.conversations import CosmosConversationItems
from shared.adapters.cosmos.keys import CosmosKeyIndex
from shared.adapters.cosmos.receipts import CosmosReceipts
from shared.adapters.cosmos.records import CosmosRecords
from shared.adapters.cosmos.sizes import CosmosSizedRecords
from shared.adapters.cosmos.usage import CosmosUsageLedger
from shared.ports.chunks import Chunk
from shared.ports.conversations import ConversationItem
from shared.ports.keys import KeyPlace
from shared.ports.records import DocumentRecord, FileRecord
from tests.contracts.stores import AT, chunk, document_record, event, file_record
from tests.cosmos import worlds
from tests.cosmos.fake import FakeCosmos

PAGE = Path(__file__).parents[2] / "docs" / "costs.md"
DIMENSIONS = 384
DOCUMENT = 100
"""Chunks of the document that is indexed."""

CHUNKS = 1000
"""Chunks of the store that is searched."""

_ITEMS = [ConversationItem(str(number), "x" * 1000) for number in range(20)]
_ANSWER = b'"' + b"x" * 2000 + b'"'
_QUESTIONS = b'"' + b"x" * (32 * 1536 * 2 * 4 // 3) + b'"'
"""The semantic cache's list: 32 vectors of 1536 numbers with 16 bits each, in Base64."""

_HEAD = f"""# What the store's operations cost

**Estimates.** No account was at hand: these request units (RU) are those of a model of the service
(`tests/cosmos/fake/charges.py`, from the rules of thumb that Microsoft publishes), applied to the requests that the
adapter really sends. Measure before you size an account: every answer of the service says what it took, and `cost` on
our results adds that up.

The model: a point read of 1 KB takes 1 RU and of 100 KB 10; a write of 1 KB about 6 and of 100 KB about 50; replacing
or patching 1.7 times as much; a query 2.3 and 0.1 for each item it yields, plus its bytes; a ranking 0.005 for each
chunk that passes its filter, which is a guess of ours. **Strong** consistency doubles every read and query.

"By design" is what STORES.md says of the operation: how many requests it is meant to take. "Sent" is what was counted.

Chunks have {DIMENSIONS} dimensions and a sentence of text; the store that is searched holds {CHUNKS} of them, the
document that is indexed has {DOCUMENT}.

| operation | by design | sent | RU |
| --- | --- | --- | --- |
"""

_TAIL = """
## What follows from it

- Indexing is the cost, not asking: the vectors of a document are written once for each of its versions, and deleted
  once. A chunk of 1,536 dimensions has four times the bytes, and by the model about 3 times the charge.
- A search costs about as much as its filter lets through. At 50,000 chunks in one store the model says about 1,000 RU
  for the two rankings together; that is where quantizedFlat ends and diskANN begins (the container's vector index).
- A settled store is searched with two small reads beside the rankings. A search under which a document is published
  and swept starts again, and costs twice.
- A usage event is one batch of two writes. A duplicate is one batch that fails at its first operation, and one read.

Written by `python -m tests.cosmos.costs`; a test holds the page to what that prints.
"""


@dataclass(frozen=True)
class Row:
    operation: str
    design: str
    act: Callable[[], Awaitable[object]]


class Measures:
    """The operations of a day, in an order in which each finds what it needs."""

    def __init__(self, fake: FakeCosmos, account: worlds.CosmosAccount) -> None:
        self.fake = fake
        self.documents = CosmosRecords(account, DocumentRecord)
        self.files = CosmosSizedRecords(account, FileRecord)
        self.keys = CosmosKeyIndex(account)
        self.answers = CosmosAnswerCache(account)
        self.receipts = CosmosReceipts(account)
        self.items = CosmosConversationItems(account)
        self.ledger = CosmosUsageLedger(account)
        self.chunks = CosmosChunks(account, dimensions=DIMENSIONS, embedding_model="test")
        self.etag = ""
        self.claims = itertools.count()

    async def prepare(self) -> None:
        for start in range(0, CHUNKS, 200):
            name = f"old-{start}"
            await self.chunks.put([_chunk(number, name, 1) for number in range(start, start + 200)])
            await self.chunks.publish("t", "s", name, 1)
            await self.chunks.sweep("t", "s", name)
        await self.ledger.record(event("before", at=AT.replace(hour=9)))
        for number in range(20):
            await self.documents.create(document_record(f"before-{number:02}"))
        await self.files.create(file_record("before"))
        self.fake.journal.clear()

    def rows(self) -> list[Row]:
        return [
            Row("record: create", "1 write", self._create),
            Row("record: get", "1 point read", lambda: self.documents.get("t", "d")),
            Row("record: replace, guarded by its etag", "1 write", self._replace),
            Row("record: a page of 20", "1 query", lambda: self.documents.list("t", limit=20)),
            Row("record: delete", "1 write", lambda: self.documents.delete("t", "d")),
            Row("file: create, and move the tenant's sum", "1 batch", lambda: self.files.create(file_record("f"))),
            Row("file: delete, and move the tenant's sum", "1 batch", lambda: self.files.delete("t", "f")),
            Row("API key: put in its place", "1 write", lambda: self.keys.put("hmac", KeyPlace("t", "key"))),
            Row("API key: find where its record is", "1 point read", lambda: self.keys.find("hmac")),
            Row("API key: remove", "1 batch", lambda: self.keys.remove("hmac")),
            Row("cached answer of 2 KB: keep", "1 batch", lambda: self.answers.put("t", "s", "k", _ANSWER, ttl_s=60)),
            Row("cached answer of 2 KB: find", "1 point read", lambda: self.answers.get("t", "s", "k")),
            Row(
                "32 questions that were answered: keep",
                "1 batch",
                lambda: self.answers.put("t", "q", "k", _QUESTIONS, ttl_s=60),
            ),
            Row("32 questions that were answered: find", "1 point read", lambda: self.answers.get("t", "q", "k")),
            Row("conversation: open", "1 batch", lambda: self.items.open("t", "c")),
            Row(
                "conversation: append 20 items of 1 KB", "1 read, 1 batch", lambda: self.items.append("t", "c", _ITEMS)
            ),
            Row("conversation: the first page of 20", "1 query", lambda: self.items.list("t", "c")),
            Row("conversation: the next page of 20", "1 read, 1 query", lambda: self.items.list("t", "c", after="19")),
            Row("conversation: an item", "1 point read", lambda: self.items.get("t", "c", "7")),
            Row("conversation: delete an item", "1 batch", lambda: self.items.remove("t", "c", "7")),
            Row("conversation: wipe those 20", "batches of 100", lambda: self.items.wipe("t", "c", limit=1000)),
            Row("idempotency key: claim", "1 write", self._claim),
            Row("idempotency key: keep an answer of 2 KB", "1 read, 1 batch", self._settle),
            Row("idempotency key: the same again", "1 write, 1 read", self._claim),
            Row("usage: first event of an hour", "2 batches", lambda: self.ledger.record(event("1"))),
            Row("usage: event", "1 batch", lambda: self.ledger.record(event("2"))),
            Row("usage: duplicate", "1 batch", lambda: self.ledger.record(event("2"))),
            Row("usage: a day by the hour", "1 query a month", lambda: self._totals(3600)),
            Row("usage: a day by the minute", "1 query a month", lambda: self._totals(60)),
            Row("chunks: search, 20 of each, settled store", "2 queries, 1 read", self._search),
            Row(f"chunks: write a document of {DOCUMENT}", "batches of 100", lambda: self._put(1)),
            Row("chunks: publish it", "1 patch", lambda: self.chunks.publish("t", "s", "d", 1)),
            Row("chunks: sweep after a first version", "deletes, 1 patch", self._sweep),
            Row(f"chunks: write a second version of {DOCUMENT}", "batches of 100", lambda: self._put(2)),
            Row("chunks: search while it is being written", "2 queries, 1 read", self._search),
            Row("chunks: publish it", "1 patch", lambda: self.chunks.publish("t", "s", "d", 2)),
            Row("chunks: sweep the first version", "deletes, 1 patch", self._sweep),
            Row("chunks: retire it", "1 patch", lambda: self.chunks.retire("t", "s", "d", 3)),
            Row("chunks: sweep what was retired", "deletes, 1 patch", self._sweep),
        ]

    async def measured(self, row: Row) -> str:
        self.fake.journal.clear()
        await row.act()
        entries = self.fake.journal.entries
        kinds = dict.fromkeys(entry.kind for entry in entries)
        sent = ", ".join(f"{len(self.fake.journal.of(kind))} {kind}" for kind in kinds)
        return f"| {row.operation} | {row.design} | {sent} | {sum(entry.charge for entry in entries):,.0f} |"

    async def _create(self) -> None:
        self.etag = (await self.documents.create(document_record("d"))).etag

    async def _replace(self) -> None:
        await self.documents.replace(replace(document_record("d"), state="ready"), if_match=self.etag)

    async def _claim(self) -> None:
        await self.receipts.claim("t", "k", str(next(self.claims)), "fingerprint", ttl_s=60)

    async def _settle(self) -> None:
        await self.receipts.settle("t", "k", "0", _ANSWER.decode(), status=200, ttl_s=60)

    async def _totals(self, width_s: int) -> None:
        start, end = AT.replace(hour=0), AT.replace(hour=23)
        await self.ledger.totals("t", "completions", start=start, end=end, width_s=width_s)  # type: ignore[arg-type]

    async def _search(self) -> None:
        vector = _chunk(7, "any", 1).embedding
        await self.chunks.search("t", "s", vector=vector, text="plain words", principals=("p",), limit=20)

    async def _put(self, generation: int) -> None:
        await self.chunks.put([_chunk(number, "d", generation) for number in range(DOCUMENT)])

    async def _sweep(self) -> None:
        await self.chunks.sweep("t", "s", "d")


def _chunk(number: int, document: str, generation: int) -> Chunk:
    embedding = tuple(((number * 31 + place * 17) % 201 - 100) / 1000 for place in range(DIMENSIONS))
    text = f"Passage {number} says in plain words what one sentence of a manual says, and a little more. " * 4
    return chunk(
        f"{document}-{generation}-{number}",
        text,
        document_id=document,
        generation=generation,
        ordinal=number,
        embedding=embedding,
    )


@asynccontextmanager
async def _measures() -> AsyncIterator[Measures]:
    async with FakeCosmos(worlds.definitions(DIMENSIONS)) as fake, worlds.account(fake) as account:
        measures = Measures(fake, account)
        await measures.prepare()
        yield measures


async def page() -> str:
    async with _measures() as measures:
        lines = [await measures.measured(row) for row in measures.rows()]
    return _HEAD + "\n".join(lines) + "\n" + _TAIL


if __name__ == "__main__":
    PAGE.write_text(asyncio.run(page()))
