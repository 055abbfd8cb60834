"""Shapes of HTTP bodies and queue messages. Queue messages carry a version: old ones may still be waiting.

`wire.keys.KeyBody` imports `shared.wire.keys` when it is first used. Triggers name shapes in this way, so that a cold
start, which only reads what functions there are, builds none of them.
"""

import importlib
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from shared.wire import cache as cache
    from shared.wire import chat as chat
    from shared.wire import claims as claims
    from shared.wire import completions as completions
    from shared.wire import conversations as conversations
    from shared.wire import embedding_models as embedding_models
    from shared.wire import embeddings as embeddings
    from shared.wire import erasure as erasure
    from shared.wire import exports as exports
    from shared.wire import files as files
    from shared.wire import filters as filters
    from shared.wire import health as health
    from shared.wire import keys as keys
    from shared.wire import lists as lists
    from shared.wire import mcp as mcp
    from shared.wire import messages as messages
    from shared.wire import metadata as metadata
    from shared.wire import models as models
    from shared.wire import policies as policies
    from shared.wire import refusals as refusals
    from shared.wire import repeats as repeats
    from shared.wire import replies as replies
    from shared.wire import response_items as response_items
    from shared.wire import responses as responses
    from shared.wire import scopes as scopes
    from shared.wire import shape as shape
    from shared.wire import uploads as uploads
    from shared.wire import usage as usage
    from shared.wire import validation as validation
    from shared.wire import vector_stores as vector_stores
    from shared.wire import versions as versions


def __getattr__(name: str) -> ModuleType:
    module = f"{__name__}.{name}"
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name != module:
            raise
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}") from error
