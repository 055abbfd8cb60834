"""Everything a trigger may call."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from shared.answers.chat import ChatAnswers
    from shared.answers.conversation_items import ConversationItemAnswers
    from shared.answers.conversations import Conversations
    from shared.answers.embeddings import EmbeddingAnswers
    from shared.answers.mcp import McpServer
    from shared.answers.models import ModelAnswers
    from shared.answers.repeats import Repeats
    from shared.answers.responses.background import BackgroundResponses
    from shared.answers.responses.creation import ResponseAnswers
    from shared.answers.stored_completions import StoredCompletions
    from shared.metering.costs import CostReports
    from shared.metering.reconcile import UsageReconciler
    from shared.metering.recording import UsageRecorder
    from shared.metering.reports import UsageReports
    from shared.ports.queues import Queues
    from shared.retrieval.attachments import Attachments
    from shared.retrieval.embedding_change import EmbeddingChange
    from shared.retrieval.file_batches import FileBatches
    from shared.retrieval.files import Files
    from shared.retrieval.indexing import Indexer
    from shared.retrieval.migration import Migration
    from shared.retrieval.parts import PartIndexer
    from shared.retrieval.rounds import Rounds
    from shared.retrieval.uploads import Uploads
    from shared.retrieval.vector_stores import VectorStores
    from shared.tenancy.administration import KeyAdministration
    from shared.tenancy.audit import AuditLog
    from shared.tenancy.callers import Callers
    from shared.tenancy.erasure import Erasing
    from shared.tenancy.exporting import Exporting
    from shared.tenancy.policies import PolicyAdministration

type Probe = Callable[[], Awaitable[object]]
"""Asks one dependency whether it answers. Raises PlatformError when it does not."""


@dataclass(frozen=True, slots=True)
class Limits:
    max_body_bytes: int
    max_file_bytes: int


@dataclass(frozen=True, slots=True)
class Platform:
    """Every service, ready to use."""

    limits: Limits
    callers: "Callers"
    administration: "KeyAdministration"
    audit: "AuditLog"
    policies: "PolicyAdministration"
    erasing: "Erasing"
    exporting: "Exporting"
    chat: "ChatAnswers"
    completions: "StoredCompletions"
    conversations: "Conversations"
    responses: "ResponseAnswers"
    background: "BackgroundResponses"
    conversation_items: "ConversationItemAnswers"
    repeats: "Repeats"
    embeddings: "EmbeddingAnswers"
    models: "ModelAnswers"
    files: "Files"
    uploads: "Uploads"
    vector_stores: "VectorStores"
    attachments: "Attachments"
    file_batches: "FileBatches"
    mcp: "McpServer"
    indexer: "Indexer"
    parts: "PartIndexer"
    rounds: "Rounds"
    migration: "Migration | None"
    embedding_change: "EmbeddingChange"
    usage: "UsageReports"
    costs: "CostReports"
    recorder: "UsageRecorder"
    reconciler: "UsageReconciler"
    queues: "Queues"
    probes: Mapping[str, Probe]
    close: Callable[[], Awaitable[None]]
