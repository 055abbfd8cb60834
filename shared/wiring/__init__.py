"""The composition root: the process's one platform, built on first use.

Importing this imports no service and no adapter: `assembly` does, at the first call, so that a cold start pays only
for indexing the functions.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from shared.ports.keys import Caller as Caller
from shared.settings import ConfigurationError as ConfigurationError
from shared.settings import blob_trigger_enabled as blob_trigger_enabled

if TYPE_CHECKING:
    from shared.answers.chat import ChatAnswers
    from shared.answers.embeddings import EmbeddingAnswers
    from shared.answers.models import ModelAnswers
    from shared.metering.recording import UsageRecorder
    from shared.metering.reports import UsageReports
    from shared.ports.blobs import Blobs
    from shared.ports.queues import Queues
    from shared.retrieval.files import Files
    from shared.retrieval.indexing import Indexer
    from shared.retrieval.vector_stores import VectorStores
    from shared.tenancy.keys import KeyRing

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
    keys: "KeyRing"
    chat: "ChatAnswers"
    embeddings: "EmbeddingAnswers"
    models: "ModelAnswers"
    files: "Files"
    vector_stores: "VectorStores"
    indexer: "Indexer"
    usage: "UsageReports"
    recorder: "UsageRecorder"
    queues: "Queues"
    blobs: "Blobs"
    probes: Mapping[str, Probe]
    close: Callable[[], Awaitable[None]]


_lock = asyncio.Lock()
_platform: Platform | None = None


async def platform() -> Platform:
    """The process's one platform. Raise ConfigurationError when a setting is wrong."""
    global _platform
    if _platform is None:
        async with _lock:
            if _platform is None:
                from shared.wiring.assembly import assemble

                _platform = assemble()
    return _platform
