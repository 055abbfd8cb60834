"""The containers: their partition keys, indexes, policies and times to live, as the deployment creates them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

RECORDS, CONVERSATIONS, CHUNKS, USAGE = "records", "conversations", "chunks", "usage"
LIMITS, API_KEYS, CACHE = "limits", "api_keys", "cache"

EVENT_TTL_S = 40 * 86400
"""Longer than a message may wait in a queue and be replayed from poison, so that a replay still meets its event."""

_EVERYTHING = "/*"
_LANGUAGE = "en-US"
_KEEP_UNLESS_TOLD = -1


@dataclass(frozen=True, slots=True)
class Container:
    """`default_ttl_s` is -1 where items say themselves when they expire, None where none does."""

    name: str
    partition_key: str
    indexed: Sequence[str]
    default_ttl_s: int | None = None
    has_passages: bool = False

    def definition(self, dimensions: int) -> Mapping[str, Any]:
        """The container as the REST API of the service describes it."""
        body: dict[str, Any] = {
            "id": self.name,
            "partitionKey": {"paths": [self.partition_key], "kind": "Hash", "version": 2},
            "indexingPolicy": self._indexing(),
        }
        if self.default_ttl_s is not None:
            body["defaultTtl"] = self.default_ttl_s
        if self.has_passages:
            body["vectorEmbeddingPolicy"] = {"vectorEmbeddings": [_embedding(dimensions)]}
            paths = [{"path": "/text", "language": _LANGUAGE}]
            body["fullTextPolicy"] = {"defaultLanguage": _LANGUAGE, "fullTextPaths": paths}
        return body

    def _indexing(self) -> Mapping[str, Any]:
        indexing: dict[str, Any] = {
            "indexingMode": "consistent",
            "automatic": True,
            "includedPaths": [{"path": path} for path in self.indexed],
            "excludedPaths": [{"path": _EVERYTHING}],
        }
        if self.has_passages:
            vectors = {"path": "/embedding", "type": "quantizedFlat", "vectorIndexShardKey": [self.partition_key]}
            indexing["excludedPaths"].append({"path": "/embedding/*"})
            indexing |= {"vectorIndexes": [vectors], "fullTextIndexes": [{"path": "/text"}]}
        return indexing


def _embedding(dimensions: int) -> Mapping[str, Any]:
    return {"path": "/embedding", "dataType": "float32", "distanceFunction": "cosine", "dimensions": dimensions}


CONTAINERS = (
    Container(RECORDS, "/tenant", ("/type/?", "/key/?", "/created_at/?", "/record/store_id/?", "/record/state/?")),
    Container(CONVERSATIONS, "/pk", ("/seq/?",), default_ttl_s=_KEEP_UNLESS_TOLD),
    Container(
        CHUNKS,
        "/pk",
        ("/kind/?", "/document/?", "/generation/?", "/open/?", "/readers/[]/?", "/attributes/*"),
        has_passages=True,
    ),
    Container(
        USAGE,
        "/pk",
        ("/kind/?", "/operation/?", "/hour_s/?", "/at_s/?"),
        default_ttl_s=_KEEP_UNLESS_TOLD,
    ),
    Container(LIMITS, "/scope", (), default_ttl_s=_KEEP_UNLESS_TOLD),
    Container(API_KEYS, "/id", ()),
    Container(CACHE, "/pk", (), default_ttl_s=_KEEP_UNLESS_TOLD),
)
