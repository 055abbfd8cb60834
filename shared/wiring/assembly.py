"""Which adapter stands behind which port, and which service is given what."""

import asyncio
from collections.abc import Mapping

from shared.adapters.entra import MODELS_SCOPE, Identity
from shared.adapters.http import HttpPool
from shared.adapters.models import HttpModels
from shared.adapters.storage.auth import StorageAccount
from shared.adapters.storage.blobs import StorageBlobs
from shared.adapters.storage.queues import StorageQueues
from shared.adapters.system import SystemClock
from shared.adapters.tokens import O200kTokens
from shared.answers.chat import ChatAnswers
from shared.answers.conversation_items import ConversationItemAnswers
from shared.answers.conversations import Conversations
from shared.answers.embeddings import EmbeddingAnswers
from shared.answers.knowledge import Knowledge
from shared.answers.mcp import McpServer
from shared.answers.models import ModelAnswers
from shared.answers.repeats import Repeats
from shared.answers.responses.file_search import FileSearch
from shared.answers.responses.rounds import Rounds
from shared.answers.rewriting import QueryRewriter
from shared.answers.stored_completions import StoredCompletions
from shared.gateway.attempts import Upstreams, Waits
from shared.gateway.budgets import Budgets
from shared.gateway.cached import CachedChat, CacheRules
from shared.gateway.catalogue import Catalogue, Model
from shared.gateway.chat import ChatGateway
from shared.gateway.dispatch import Dispatcher
from shared.gateway.embeddings import CatalogueEmbedder, EmbeddingGateway
from shared.gateway.limiter import Limit, Limiter
from shared.gateway.routing import Router
from shared.gateway.semantic import SemanticCache
from shared.metering.costs import CostReports
from shared.metering.meter import QueueMeter
from shared.metering.reconcile import UsageReconciler
from shared.metering.recording import UsageRecorder
from shared.metering.reports import UsageReports
from shared.ports.models import Deployment, Price
from shared.retrieval.extraction import Limits as ReadingLimits
from shared.retrieval.extraction.extractors import Extractors
from shared.retrieval.tenants import Tenants
from shared.settings.catalogue import DeploymentSettings, ModelSettings
from shared.settings.environment import ConfigurationError
from shared.settings.settings import Settings
from shared.wiring.erasing import Erased, open_erasing
from shared.wiring.exporting import open_exporting
from shared.wiring.indexes import embedding_models, open_indexes
from shared.wiring.keys import open_tenancy
from shared.wiring.platform import Limits, Platform
from shared.wiring.probes import probes
from shared.wiring.responses import open_responses
from shared.wiring.retrieval import Indexing, Outside, Storage, open_retrieval
from shared.wiring.stores import open_stores


def assemble(environ: Mapping[str, str] | None = None) -> Platform:
    """Build everything from the settings; nothing is opened before it is used. Raise ConfigurationError."""
    settings = Settings.load(environ)
    pool, clock = HttpPool(), SystemClock()
    account, identity = _account(settings), Identity(settings.client_id)
    queues, blobs = StorageQueues(account, credential=identity), StorageBlobs(account, credential=identity)
    catalogue = _catalogue(settings)
    meter = QueueMeter(queues, clock, _prices(settings))
    tokens = O200kTokens()
    waits = Waits(
        deadline_s=settings.deadline_s,
        ttft_s=settings.ttft_s,
        first_event_s=settings.first_event_s,
        ping_s=min(15, settings.idle_s),
        idle_s=settings.idle_s,
        gather_s=settings.gather_s,
    )
    models = HttpModels(identity.bearer(MODELS_SCOPE))
    upstreams = Upstreams(models, meter, tokens, clock, waits)
    embedding = embedding_models(settings)
    stores = open_stores(settings.store, identity)
    tenancy = open_tenancy(settings, stores, pool, clock)
    router = Router(clock, deadline_s=settings.deadline_s, ttft_s=settings.ttft_s)
    dispatcher = Dispatcher(
        router, Limiter(stores.rates, clock, _limits(settings)), tenancy.policies, Budgets(stores.ledger, clock)
    )
    rules = CacheRules(settings.cache_ttl_s, settings.cache_max_bytes)
    chat_gateway = ChatGateway(catalogue, dispatcher, upstreams)
    embedding_gateway = EmbeddingGateway(catalogue, dispatcher, upstreams)
    semantic = SemanticCache(
        stores.answers,
        tenancy.policies,
        CatalogueEmbedder(embedding_gateway, embedding.first),
        embedding.first,
        settings.cache_similarity,
    )
    chat = CachedChat(chat_gateway, catalogue, stores.answers, upstreams, rules, semantic)
    indexes = open_indexes(settings, embedding, stores, lambda name: CatalogueEmbedder(embedding_gateway, name), clock)
    reading = ReadingLimits(part_pages=settings.part_pages, part_bytes=settings.part_bytes)
    extractor = Extractors(reading)
    indexing = Indexing(indexes, extractor, settings.lease_s)
    outside = Outside(tenancy.policies, tenancy.erasures, _rewriter(settings, chat_gateway), clock)
    storage = Storage(queues, blobs)
    retrieval = open_retrieval(stores, storage, indexing, outside)
    conversations = Conversations(stores.conversations, stores.conversation_items, Tenants(stores.tenants), clock)
    rounds = Rounds(chat, catalogue, FileSearch(indexes.search, retrieval.vector_stores), tokens, clock)
    responses = open_responses(stores, storage, rounds, conversations, retrieval.files, clock)
    repeats = Repeats(stores.receipts, clock)

    async def close() -> None:
        await repeats.drain()
        await chat.drain()
        await meter.drain()
        await asyncio.gather(extractor.close(), blobs.close(), queues.close(), tenancy.close())
        models.close()
        await asyncio.gather(pool.close(), identity.close())
        await stores.close()

    completions = StoredCompletions(stores.completions, stores.conversation_items, clock)
    return Platform(
        limits=Limits(settings.max_body_bytes, settings.max_file_bytes),
        callers=tenancy.callers,
        administration=tenancy.administration,
        audit=tenancy.audit,
        policies=tenancy.policy_administration,
        exporting=open_exporting(stores, storage, clock),
        erasing=open_erasing(settings, stores, storage, Erased(retrieval.uploads, indexes.chunks), clock),
        chat=ChatAnswers(chat, catalogue, indexes.search, completions, clock),
        completions=completions,
        conversations=conversations,
        responses=responses.answers,
        background=responses.background,
        conversation_items=ConversationItemAnswers(conversations),
        repeats=repeats,
        embeddings=EmbeddingAnswers(embedding_gateway),
        models=ModelAnswers(catalogue),
        files=retrieval.files,
        uploads=retrieval.uploads,
        vector_stores=retrieval.vector_stores,
        attachments=retrieval.attachments,
        file_batches=retrieval.file_batches,
        mcp=McpServer(Knowledge(retrieval.vector_stores.lifetimes, retrieval.attachments, indexes.search)),
        indexer=retrieval.indexer,
        parts=retrieval.parts,
        rounds=retrieval.rounds,
        migration=indexes.migration,
        embedding_change=indexes.change,
        usage=UsageReports(stores.ledger, clock),
        costs=CostReports(stores.ledger, clock),
        recorder=UsageRecorder(stores.ledger, blobs, Tenants(stores.tenants), tenancy.erasures),
        reconciler=UsageReconciler(stores.ledger, stores.cursors, Tenants(stores.tenants), clock),
        queues=queues,
        probes=probes(stores, queues, blobs, models, catalogue),
        close=close,
    )


def _account(settings: Settings) -> StorageAccount:
    try:
        if settings.storage_connection:
            return StorageAccount.parse(settings.storage_connection)
        return StorageAccount.at(settings.storage_blobs_url or "", settings.storage_queues_url or "")
    except ValueError as error:
        raise ConfigurationError(f"AzureWebJobsStorage is wrong: {error}") from error


def _rewriter(settings: Settings, gateway: ChatGateway) -> QueryRewriter | None:
    chat_models = [name for name, model in settings.models.items() if model.kind == "chat"]
    name = settings.rewrite_model or next(iter(chat_models), None)
    if name is not None and name not in chat_models:
        raise ConfigurationError(f"FLIGHTDECK_REWRITE_MODEL is {name!r}; it must name one of {sorted(chat_models)}.")
    return QueryRewriter(gateway, name) if name else None


def _limits(settings: Settings) -> tuple[Limit, ...]:
    return tuple(Limit(**limit.model_dump()) for limit in settings.limits)


def _catalogue(settings: Settings) -> Catalogue:
    return Catalogue({name: _model(name, model) for name, model in settings.models.items()})


def _model(name: str, model: ModelSettings) -> Model:
    deployments = tuple(
        Deployment(one.id, one.endpoint, one.kind, one.model, one.api_key, _price(one), one.priority, one.weight)
        for one in model.deployments
    )
    return Model(name, model.kind, deployments, model.context_tokens, model.dimensions, model.languages)


def _prices(settings: Settings) -> dict[str, Price]:
    return {one.id: _price(one) for model in settings.models.values() for one in model.deployments}


def _price(one: DeploymentSettings) -> Price:
    cached_usd = one.input_usd if one.cached_usd is None else one.cached_usd
    return Price(round(one.input_usd * 1e6), round(cached_usd * 1e6), round(one.output_usd * 1e6))
