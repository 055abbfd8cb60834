"""A gateway over the scripted model server, with a meter that remembers."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace

import pytest

from shared.adapters.memory.cache import MemoryAnswerCache
from shared.adapters.memory.rates import MemoryRates
from shared.adapters.memory.records import MemoryRecords
from shared.adapters.memory.usage import MemoryUsageLedger
from shared.adapters.models import HttpModels
from shared.adapters.system import SystemClock
from shared.gateway.attempts import Upstreams, Waits
from shared.gateway.budgets import Budgets
from shared.gateway.cached import CachedChat, CacheRules
from shared.gateway.catalogue import Catalogue, Model
from shared.gateway.chat import ChatCall, ChatGateway
from shared.gateway.dispatch import Dispatcher
from shared.gateway.embeddings import CatalogueEmbedder, EmbeddingGateway
from shared.gateway.limiter import Limiter
from shared.gateway.routing import Router
from shared.gateway.semantic import SemanticCache
from shared.ports.cache import AnswerCache
from shared.ports.clock import Clock
from shared.ports.keys import Caller
from shared.ports.models import Deployment
from shared.ports.policies import Policies, PolicyRecord
from shared.ports.usage import Attempt, Consumption, Reservation
from shared.tenancy.policies import RememberedPolicies
from tests.upstream import ScriptedUpstream

CALLER = Caller("acme", "key-1")


def unrestricted(clock: Clock) -> tuple[Limiter, Policies, Budgets]:
    """What a dispatcher asks, when nobody has set a limit."""
    policies = RememberedPolicies(MemoryRecords(PolicyRecord), clock)
    return Limiter(MemoryRates(clock), clock), policies, Budgets(MemoryUsageLedger(), clock)


@dataclass
class RememberingMeter:
    """A Meter that keeps what it was told, in the order of the reservations."""

    attempts: list[Attempt] = field(default_factory=list[Attempt])
    consumptions: dict[int, Consumption] = field(default_factory=dict[int, Consumption])

    def reserve(self, attempt: Attempt) -> Reservation:
        self.attempts.append(attempt)
        return _Entry(self, len(self.attempts) - 1)

    def count(self, attempt: Attempt, consumption: Consumption) -> None:
        self.reserve(attempt).settle(consumption)

    @property
    def only(self) -> Consumption:
        assert len(self.attempts) == 1
        return self.consumptions[0]


@dataclass
class _Entry:
    meter: RememberingMeter
    number: int

    def settle(self, consumption: Consumption) -> None:
        assert self.number not in self.meter.consumptions, "settled twice"
        self.meter.consumptions[self.number] = consumption


class WordCounter:
    """A TokenCounter: words."""

    def count(self, text: str) -> int:
        return len(text.split())


OPTED = frozenset({"acme", "other"})
"""Tenants whose policy has the semantic cache."""


class Opted:
    """A Policies."""

    async def of(self, tenant: str) -> PolicyRecord:
        return PolicyRecord(tenant, tenant, semantic_cache=tenant in OPTED)


@dataclass
class Bench:
    """Everything a gateway test needs. `waits` may be tightened before the first call."""

    upstream: ScriptedUpstream
    models: HttpModels
    meter: RememberingMeter
    waits: Waits = field(default_factory=lambda: Waits(deadline_s=5, first_event_s=2, ping_s=1, idle_s=2, gather_s=0))
    context_tokens: int = 1000

    def _parts(self) -> tuple[Catalogue, Dispatcher, Upstreams]:
        chat = Deployment("local", self.upstream.endpoint, "openai", "chat")
        catalogue = {
            "gpt": Model("gpt", "chat", (chat,), self.context_tokens),
            "embed": Model("embed", "embedding", (replace(chat, model="embedding"),), 512, 384),
            "gone": Model("gone", "chat", (replace(chat, endpoint="http://127.0.0.1:9/v1"),), 1000),
        }
        clock = SystemClock()
        router = Router(clock, deadline_s=self.waits.deadline_s, ttft_s=self.waits.ttft_s)
        upstreams = Upstreams(self.models, self.meter, WordCounter(), clock, self.waits)
        return Catalogue(catalogue), Dispatcher(router, *unrestricted(clock)), upstreams

    @property
    def catalogue(self) -> Catalogue:
        return self._parts()[0]

    @property
    def chat(self) -> ChatGateway:
        return ChatGateway(*self._parts())

    def cached(
        self,
        answers: AnswerCache | None = None,
        *,
        ttl_s: int = 3600,
        max_bytes: int = 10_000,
        similarity: float | None = None,
        embedding_model: str = "embed",
    ) -> CachedChat:
        """The chat gateway behind a cache; with a similarity, one that those of `OPTED` may find alike questions in."""
        catalogue, dispatcher, upstreams = self._parts()
        answers = answers or MemoryAnswerCache(upstreams.clock)
        gateway = ChatGateway(catalogue, dispatcher, upstreams)
        rules, semantic = CacheRules(ttl_s, max_bytes), None
        if similarity is not None:
            embedder = CatalogueEmbedder(self.embeddings, embedding_model)
            semantic = SemanticCache(answers, Opted(), embedder, embedding_model, similarity)
        return CachedChat(gateway, catalogue, answers, upstreams, rules, semantic)

    @property
    def embeddings(self) -> EmbeddingGateway:
        return EmbeddingGateway(*self._parts())


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    models = HttpModels()
    async with ScriptedUpstream() as upstream:
        yield Bench(upstream, models, RememberingMeter())
        models.close()


def call(text: str = "Hello there", *, model: str = "gpt", include_usage: bool = False, **extra: object) -> ChatCall:
    body = {"model": model, "messages": [{"role": "user", "content": text}], **extra}
    return ChatCall(CALLER, model, body, include_usage=include_usage)
