"""A chunk as an item: what is searched and filtered in properties of its own, the rest as it is."""

import json
import math
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import replace

from pydantic import TypeAdapter

from shared.adapters.cosmos import filters, lexical, names
from shared.adapters.cosmos.operations import MAX_BATCH_BYTES, MAX_OPERATIONS, Item, size_bytes
from shared.errors import InvalidRequestError, TooLargeError
from shared.ports.chunks import Chunk
from shared.ports.records import MAX_RECORD_BYTES

_chunk: TypeAdapter[Chunk] = TypeAdapter(Chunk)


def exact(vector: Sequence[float], dimensions: int) -> list[float]:
    """The numbers in 32 bits, as the service keeps them. InvalidRequestError unless `dimensions` finite ones."""
    if len(vector) != dimensions:
        raise InvalidRequestError(f"The embedding has {len(vector)} dimensions; this store has {dimensions}.")
    floats = array("f", vector)
    if not all(map(math.isfinite, floats)):
        raise InvalidRequestError("The embedding holds a number that is infinite, or none, in 32 bits.")
    return [_short(number) for number in floats]


def item(chunk: Chunk, pk: str, dimensions: int) -> Item:
    """Its id is of document, generation and chunk, so no generation writes over another."""
    return {
        "id": f"chunk-{names.digest(chunk.document_id, str(chunk.generation), chunk.id)}",
        "pk": pk,
        "kind": "chunk",
        "document": chunk.document_id,
        "generation": chunk.generation,
        "open": not chunk.acl,
        "readers": sorted(set(chunk.acl)),
        "attributes": {filters.property_of(key): value for key, value in chunk.attributes.items()},
        "text": lexical.indexed(chunk.text),
        "embedding": exact(chunk.embedding, dimensions),
        "chunk": json.loads(_body(chunk)),
    }


def chunk(item: Item) -> Chunk:
    embedding = tuple(array("f", item["embedding"]))
    return replace(_chunk.validate_python(item["chunk"]), embedding=embedding)


def batches(items: Sequence[Item]) -> Iterator[Sequence[Item]]:
    """Runs of items that fit into one batch beside one more operation."""
    batch: list[Item] = []
    size = 0
    for one in items:
        added = size_bytes(one)
        if batch and (len(batch) + 1 == MAX_OPERATIONS or size + added > MAX_BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(one)
        size += added
    if batch:
        yield batch


def _short(number: float) -> float:
    """Nine digits tell every 32-bit number from every other; its 64-bit expansion has twice as many."""
    return float(f"{number:.9g}")


def _body(chunk: Chunk) -> bytes:
    try:
        body = _chunk.dump_json(replace(chunk, embedding=()), warnings="error")
    except ValueError as error:
        raise InvalidRequestError(f"Chunk {chunk.id!r} cannot be written as JSON: {error}.") from error
    if len(body) > MAX_RECORD_BYTES:
        raise TooLargeError(f"Chunk {chunk.id!r} has {len(body)} bytes; {MAX_RECORD_BYTES} are allowed.")
    return body
