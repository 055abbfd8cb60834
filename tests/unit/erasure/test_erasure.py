"""A tenant with a bit of everything, erased: whatever dies on the way, however often a message comes."""

import contextlib
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest

from shared.adapters.memory.cache import MemoryAnswerCache
from shared.adapters.memory.conversations import MemoryConversationItems
from shared.adapters.memory.keys import MemoryKeyIndex
from shared.adapters.memory.purge import MemoryTenantData
from shared.adapters.memory.records import MemoryRecords
from shared.adapters.memory.usage import MemoryUsageLedger
from shared.answers.erasing import ErasedConversations
from shared.errors import InvalidRequestError, NotFoundError, PermissionDeniedError
from shared.gateway.erasing import ErasedAnswers
from shared.gateway.fingerprints import SPACE
from shared.metering.erasing import DisownedUsage
from shared.ports.audit import AuditRecord
from shared.ports.conversations import ConversationItem, ConversationRecord
from shared.ports.keys import LONG_AGO, Caller, KeyPlace, KeyRecord
from shared.ports.policies import PolicyRecord
from shared.ports.records import SYSTEM, DocumentRecord
from shared.retrieval.embedding import EmbeddingSpace
from shared.retrieval.erasing import ErasedBlobs, ErasedDocuments, ErasedEmbeddings, ErasedStores, ErasedUploads
from shared.retrieval.removal import Removal
from shared.tenancy.audit import AuditLog
from shared.tenancy.erasing import ErasedAudit, ErasedEntry, ErasedKeys, ErasedRecords
from shared.tenancy.erasure import Erasing
from shared.wire.erasure import parse_erase
from shared.wire.messages import ParkedMessage
from shared.wire.scopes import EVERY_SCOPE
from tests.contracts.stores import event, file_record
from tests.unit.retrieval.test_uploads import begun
from tests.unit.retrieval.world import CALLER, DIMENSIONS, PEPPER, TENANT, Fuse, Fused, Killed, Meanwhile, World

OPERATOR = Caller("platform", "key_op", scopes=EVERY_SCOPE)
OTHER = Caller("zeta", "key_z")
WAIT_S = 720
EMBEDDINGS = EmbeddingSpace("words", DIMENSIONS).name
PSEUDONYM = PEPPER.pseudonym(TENANT)


@dataclass
class Estate:
    """All that the platform keeps, and processes that erase it."""

    world: World = field(default_factory=World)
    budget_s: float = 20

    def __post_init__(self) -> None:
        self.keys, self.index = MemoryRecords(KeyRecord), MemoryKeyIndex()
        self.audits, self.ledger = MemoryRecords(AuditRecord), MemoryUsageLedger()
        self.answers = MemoryAnswerCache(self.world.clock)
        self.conversations, self.items = MemoryRecords(ConversationRecord), MemoryConversationItems()
        self.documents: list[DocumentRecord] = []

    @property
    def tables(self) -> list[Any]:
        world = self.world
        of_retrieval = [world.files, world.uploads, world.upload_parts, world.stores, world.file_batches]
        return [
            *of_retrieval,
            world.folders,
            world.documents,
            self.keys,
            self.audits,
            world.policies,
            self.conversations,
        ]

    def process(self, fuse: Fuse) -> Erasing:
        world = self.world

        def fused(adapter: object) -> Any:
            return Fused(adapter, fuse)

        data = MemoryTenantData([table.rows for table in self.tables], world.stored_bytes)
        documents, chunks, audits = fused(world.documents), fused(world.chunks), fused(self.audits)
        return Erasing(
            records=fused(world.erasures),
            steps={
                "keys": ErasedKeys(fused(self.keys), fused(self.index)),
                "documents": ErasedDocuments(documents, chunks, Removal(documents, chunks)),
                "vector_stores": ErasedStores(fused(world.stores), chunks),
                "uploads": ErasedUploads(world.process(fuse).uploads),
                "blobs": ErasedBlobs(fused(world.blobs)),
                "embeddings": ErasedEmbeddings(fused(world.cache), [EMBEDDINGS]),
                "answers": ErasedAnswers(fused(self.answers)),
                "conversations": ErasedConversations(fused(self.conversations), fused(self.items)),
                "usage": DisownedUsage(fused(self.ledger), world.clock),
                "audit_logs": ErasedAudit(audits),
                "records": ErasedRecords(fused(data)),
                "register": ErasedEntry(fused(world.tenants)),
            },
            queues=fused(world.queues),
            audit=AuditLog(audits, world.clock),
            pepper=PEPPER,
            clock=world.clock,
            wait_s=WAIT_S,
            budget_s=self.budget_s,
        )

    async def fill(self, caller: Caller) -> None:
        world, tenant = self.world, caller.tenant
        await world.upload("what is secret\n\nand more", "a.txt", caller)
        await world.drop(f"{tenant}/kb/b.txt", "dropped text")
        await world.settle()
        self.documents += [one.value for one in (await world.documents.list(tenant)).items]
        if caller == CALLER:
            await begun(world, b"half of it", size=100)
        await self.keys.create(KeyRecord(f"key_{tenant}", f"hmac-{tenant}", tenant))
        await self.index.put(f"hmac-{tenant}", KeyPlace(tenant, f"key_{tenant}"))
        await world.policies.create(PolicyRecord(tenant, tenant, requests=5))
        await self.answers.put(tenant, SPACE, "k", b'"answer"', ttl_s=10**6)
        await world.cache.put(tenant, EMBEDDINGS, {"t": (1.0,) * DIMENSIONS}, ttl_s=10**6)
        await self.conversations.create(ConversationRecord(f"conv_{tenant}", tenant, LONG_AGO))
        await self.items.open(tenant, f"conv_{tenant}", [ConversationItem("m", '"hello"')])
        await self.audits.create(
            AuditRecord("a", tenant, "api_key.created", LONG_AGO, f"entra_{tenant}", tenant, "key_1", {"name": "Ann"})
        )
        for number in range(3):
            await self.ledger.record(event(f"e-{number}", tenant=tenant, at=world.clock.now()))

    async def left(self, tenant: str) -> list[object]:
        """What any store still has of a tenant."""
        world = self.world
        rows = [place for table in self.tables for place in table.rows if place[0] == tenant]
        blobs = [
            blob.name
            for container in ("files", "documents")
            for blob in (await world.blobs.list(container, prefix=f"{tenant}/")).items
        ]
        kept = [await self.answers.get(tenant, SPACE, "k"), *await world.cache.get(tenant, EMBEDDINGS, ["t"])]
        with contextlib.suppress(NotFoundError):
            kept.append((await self.index.find(f"hmac-{tenant}")).key_id)
        with contextlib.suppress(NotFoundError):
            kept.append((await self.items.get(tenant, f"conv_{tenant}", "m")).body)
        with contextlib.suppress(NotFoundError):
            kept.append((await world.tenants.get(SYSTEM, tenant)).value)
        chunks = [
            chunk.text
            for one in self.documents
            if one.tenant == tenant
            for chunk in await world.chunks.list(tenant, one.store_id, one.id)
        ]
        return [*rows, *blobs, *(one for one in kept if one), *chunks, *await self.spent(tenant)]

    async def spent(self, tenant: str) -> list[tuple[str | None, int, int]]:
        now = self.world.clock.now()
        start, end = now - timedelta(days=1), now + timedelta(days=1)
        totals = await self.ledger.totals(tenant, "completions", start=start, end=end, width_s=86400)
        return [(total.key_id, total.requests, total.cost_microusd) for total in totals]

    async def deliver(self, fuse: Fuse | None = None, *, times: int = 1) -> int:
        """Hand out what the queue has; a message whose worker dies comes again. How many there were."""
        taken = await self.world.queues.take("erasures", hide_s=1)
        for message in taken:
            try:
                for _ in range(times):
                    await self.process(fuse or Fuse()).run(parse_erase(message.body))
            except Killed:
                continue
            await self.world.queues.delete("erasures", message.receipt)
        return len(taken)

    async def finish(self, *, times: int = 1) -> None:
        for _ in range(200):
            if (await self.process(Fuse()).look(OPERATOR, TENANT)).status == "completed":
                return
            if not await self.deliver(times=times):
                self.world.clock.advance(60)
        raise AssertionError("it never ended")


@pytest.fixture
async def estate() -> Estate:
    estate = Estate()
    await estate.fill(CALLER)
    await estate.fill(OTHER)
    return estate


async def test_nothing_is_left_but_amounts_and_acts_under_a_pseudonym(estate: Estate) -> None:
    theirs, spent = await estate.left("zeta"), await estate.spent(TENANT)
    begun = await estate.process(Fuse()).ask(OPERATOR, TENANT)
    assert (begun.status, begun.pseudonym) == ("in_progress", PSEUDONYM)
    await estate.finish()
    assert await estate.left(TENANT) == []
    assert await estate.left("zeta") == theirs
    assert await estate.spent(PSEUDONYM) == [(None, requests, cost) for _, requests, cost in spent]
    (kept,) = [one.value for one in (await estate.audits.list(PSEUDONYM)).items]
    assert (kept.actor, kept.actor_tenant, kept.details) == (None, PSEUDONYM, {})
    (own,) = [one.value for one in (await estate.audits.list("platform")).items]
    assert (own.type, own.target, own.actor) == ("project.deleted", PSEUDONYM, "key_op")
    (stored,) = (await estate.world.erasures.list(SYSTEM)).items
    assert TENANT not in str(stored.value)
    done = await estate.process(Fuse()).look(OPERATOR, TENANT)
    assert done.erased["blobs"] >= 2
    assert done.erased["keys"] == 1


async def test_keys_open_nothing_at_once_and_the_rest_waits_for_what_is_under_way(estate: Estate) -> None:
    await estate.process(Fuse()).ask(OPERATOR, TENANT)
    await estate.deliver()
    with pytest.raises(NotFoundError):
        await estate.index.find(f"hmac-{TENANT}")
    assert len((await estate.world.files.list(TENANT)).items) == 2
    estate.world.clock.advance(WAIT_S - 1)
    await estate.deliver()
    assert len((await estate.world.files.list(TENANT)).items) == 2


@pytest.mark.parametrize("steps", range(0, 260, 13))
async def test_it_may_die_at_any_step_and_ends_the_same(estate: Estate, steps: int) -> None:
    with contextlib.suppress(Killed):
        await estate.process(Fuse(steps if steps < 13 else None)).ask(OPERATOR, TENANT)
    await estate.process(Fuse()).ask(OPERATOR, TENANT)
    await estate.deliver()
    estate.world.clock.advance(WAIT_S)
    await estate.deliver(Fuse(steps))
    estate.world.clock.advance(2)
    await estate.finish(times=2)
    assert await estate.left(TENANT) == []
    assert await estate.spent(PSEUDONYM) == [(None, 3, 33)]
    assert len((await estate.audits.list(PSEUDONYM)).items) == 1


async def test_what_comes_late_is_found_by_another_pass(estate: Estate) -> None:
    world = estate.world
    await estate.process(Fuse()).ask(OPERATOR, TENANT)
    world.tenants = Meanwhile(world.tenants, "delete", lambda: world.upload("late", "late.txt"))
    await estate.finish()
    assert await estate.left(TENANT) == []
    (stored,) = (await world.erasures.list(SYSTEM)).items
    assert stored.value.passes == 2


async def test_events_of_an_erased_tenant_bring_nothing_back(estate: Estate) -> None:
    await estate.process(Fuse()).ask(OPERATOR, TENANT)
    await estate.finish()
    await estate.world.drop(f"{TENANT}/kb/again.txt", "it is back")
    await estate.world.settle()
    assert await estate.left(TENANT) == [f"{TENANT}/kb/again.txt"]


async def test_only_another_tenants_operator_may_ask_for_it(estate: Estate) -> None:
    erasing = estate.process(Fuse())
    with pytest.raises(NotFoundError):
        await erasing.ask(Caller("zeta", "k", scopes=("admin",)), TENANT)
    with pytest.raises(PermissionDeniedError):
        await erasing.ask(Caller(TENANT, "k", scopes=("admin",)), TENANT)
    with pytest.raises(InvalidRequestError, match="your own key"):
        await erasing.ask(Caller(TENANT, "k", scopes=EVERY_SCOPE), TENANT)
    with pytest.raises(NotFoundError):
        await erasing.look(OPERATOR, TENANT)
    assert (await estate.world.erasures.list(SYSTEM)).items == ()


async def test_one_that_failed_says_why_and_goes_on_when_asked_again(estate: Estate) -> None:
    await estate.process(Fuse()).ask(OPERATOR, TENANT)
    (message,) = await estate.world.queues.take("erasures", hide_s=1)
    parked = ParkedMessage(code="server_error", reason="Every attempt failed.", body=message.body.decode())
    await estate.process(Fuse()).give_up(parked)
    seen = await estate.process(Fuse()).look(OPERATOR, TENANT)
    assert (seen.status, seen.last_error) == ("failed", "Every attempt failed.")
    assert (await estate.process(Fuse()).ask(OPERATOR, TENANT)).status == "in_progress"
    await estate.finish()
    assert await estate.left(TENANT) == []


async def test_more_than_one_run_can_take_is_carried_on_by_messages(estate: Estate) -> None:
    for number in range(1000):
        await estate.world.files.create(file_record(f"file-{number:04}", tenant=TENANT))
    await estate.process(Fuse()).ask(OPERATOR, TENANT)
    estate.budget_s, messages = 0, 0
    while (await estate.process(Fuse()).look(OPERATOR, TENANT)).status != "completed":
        messages += await estate.deliver()
        estate.world.clock.advance(60)
    assert await estate.left(TENANT) == []
    assert messages > 20
