"""Chunks and the searches over them: the port, and how a chunk becomes rows."""

import asyncio
import json
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cache, partial
from typing import TYPE_CHECKING

from pydantic import TypeAdapter

from shared.adapters.sqlite import filters as attribute_filters
from shared.adapters.sqlite import generations, lexical, search, vectors
from shared.adapters.sqlite.connection import SqliteDatabase
from shared.adapters.sqlite.matrices import Matrices
from shared.adapters.sqlite.transactions import Row, rows
from shared.errors import InvalidRequestError, PlatformError, TooLargeError
from shared.ports.chunks import Candidates, Chunk, Standing
from shared.ports.embedding_model import EmbeddingModel
from shared.ports.filters import Filter
from shared.ports.records import MAX_RECORD_BYTES

if TYPE_CHECKING:
    import apsw

_chunk: TypeAdapter[Chunk] = TypeAdapter(Chunk)

_FEW = 16
"""Prepared in a millisecond; in a thread, it would take that and a fifth more of the one lock that all wait for."""

_KNOWN = "SELECT chunk FROM chunks WHERE pk = ? AND id IN (SELECT value FROM json_each(?))"
_LAST = "SELECT ifnull(max(chunk), 0) FROM chunks"
_LIST = """
SELECT c.body, e.embedding FROM generations g JOIN chunks c USING (version) JOIN embeddings e USING (chunk)
WHERE g.doc = ? AND g.visible = 1 ORDER BY c.ordinal, c.chunk
"""


@dataclass(frozen=True, slots=True)
class _Prepared:
    """What a chunk is stored as, made before the writer's lock is taken."""

    id: str
    ordinal: int
    acl: tuple[str, ...]
    body: str
    terms: str
    embedding: vectors.Packed


class SqliteChunks:
    """Implements `Chunks`. Embeddings are kept and returned in 32 bits.

    A file holds the embeddings of one model: the first chunk fixes model and dimensions, and any other is refused.
    BM25's statistics are those of the file: which words are rare is judged over all tenants, what is found is not.
    """

    def __init__(
        self,
        database: SqliteDatabase,
        *,
        dimensions: int,
        embedding_model: str,
        matrices: Matrices | None = None,
    ) -> None:
        self._database = database
        self._dimensions = dimensions
        self._matrices = matrices or Matrices(dimensions=dimensions)
        self._model = EmbeddingModel(embedding_model, dimensions)
        self._loads: set[asyncio.Task[None]] = set()

    async def put(self, chunks: Sequence[Chunk]) -> None:
        if not chunks:
            return
        first = chunks[0]
        if len({(chunk.tenant, chunk.store_id, chunk.document_id, chunk.generation) for chunk in chunks}) > 1:
            raise InvalidRequestError("Chunks are put for one document and one generation at a time.")
        few = len(chunks) <= _FEW
        prepared = self._prepare(chunks) if few else await asyncio.to_thread(self._prepare, chunks)

        def work(connection: "apsw.Connection") -> None:
            self._fix_model(connection)
            place = generations.claim(connection, first.tenant, first.store_id, first.document_id, first.generation)
            attribute_filters.keep(connection, place.partition, place.version, first.attributes)
            _write(connection, place, prepared)

        await self._database.write(work)

    async def publish(self, tenant: str, store_id: str, document_id: str, generation: int) -> bool:
        move = partial(generations.publish, tenant=tenant, store_id=store_id, document_id=document_id)
        return await self._database.write(lambda connection: move(connection, generation=generation))

    async def retire(self, tenant: str, store_id: str, document_id: str, generation: int) -> bool:
        move = partial(generations.retire, tenant=tenant, store_id=store_id, document_id=document_id)
        return await self._database.write(lambda connection: move(connection, generation=generation))

    async def standing(self, tenant: str, store_id: str, document_id: str) -> Standing:
        def work(connection: "apsw.Connection") -> Standing:
            return Standing(*generations.standing(connection, tenant, store_id, document_id))

        return await self._database.read(work)

    async def sweep(self, tenant: str, store_id: str, document_id: str) -> int:
        place = tenant, store_id, document_id
        if not await self._database.look_up(lambda connection: generations.dead(connection, *place)):
            return 0
        return await self._database.write(lambda connection: generations.sweep(connection, *place))

    async def unswept(self, tenant: str, store_id: str) -> Sequence[str]:
        return await self._database.read(lambda connection: generations.unswept(connection, tenant, store_id))

    async def drop_store(self, tenant: str, store_id: str) -> None:
        await self._database.write(lambda connection: generations.drop_store(connection, tenant, store_id))

    async def list(self, tenant: str, store_id: str, document_id: str) -> Sequence[Chunk]:
        def work(connection: "apsw.Connection") -> list[Row]:
            return rows(connection, _LIST, (generations.find_document(connection, tenant, store_id, document_id),))

        return [_read(body, embedding) for body, embedding in await self._database.read(work)]

    async def search(
        self,
        tenant: str,
        store_id: str,
        *,
        vector: Sequence[float],
        text: str,
        principals: Sequence[str],
        limit: int,
        document_ids: Sequence[str] | None = None,
        filters: Filter | None = None,
    ) -> Candidates:
        embedding = vectors.exact(vector, self._dimensions)
        query = search.Query(embedding, text, principals, limit, document_ids, filters)

        def work(connection: "apsw.Connection") -> Candidates:
            self._check_model(connection)
            partition = generations.find_partition(connection, tenant, store_id)
            if partition is None or limit < 1:
                return Candidates((), ())
            read = cache(_read)  # what both lists hold is read once
            return Candidates(
                by_vector=_hits(search.by_vector(connection, partition, query, self._matrices), read),
                by_text=_hits(search.by_text(connection, partition, query), read),
            )

        found = await self._database.read(work)
        self._catch_up()
        return found

    def _catch_up(self) -> None:
        """Load, beside the searches, the matrices that they found to be far behind."""
        for partition in self._matrices.behind():
            load = asyncio.create_task(self._load(partition))
            self._loads.add(load)
            load.add_done_callback(self._loads.discard)

    async def _load(self, partition: int) -> None:
        # A file that is closed or cannot be read: the next search says so, or asks for the matrix again.
        with suppress(PlatformError):
            await self._database.read(lambda connection: self._matrices.load(connection, partition))

    def _prepare(self, chunks: Sequence[Chunk]) -> Sequence[_Prepared]:
        embeddings = vectors.packed([chunk.embedding for chunk in chunks], self._dimensions)
        return [_prepared(chunk, embedding) for chunk, embedding in zip(chunks, embeddings, strict=True)]

    def _fix_model(self, connection: "apsw.Connection") -> None:
        if not self._check_model(connection):
            connection.execute("INSERT INTO embedding_model VALUES (?, ?)", (self._model.name, self._dimensions))

    def _check_model(self, connection: "apsw.Connection") -> bool:
        """Whether the file's model is fixed yet. Raise PlatformError when it is another one than ours."""
        for model, dimensions in rows(connection, "SELECT model, dimensions FROM embedding_model"):
            self._model.expect(EmbeddingModel(model, dimensions))
            return True
        return False


def _prepared(chunk: Chunk, embedding: vectors.Packed) -> _Prepared:
    return _Prepared(
        id=chunk.id,
        ordinal=chunk.ordinal,
        acl=tuple(sorted(set(chunk.acl))),
        body=_body(chunk),
        terms=lexical.indexed(chunk.text),
        embedding=embedding,
    )


def _body(chunk: Chunk) -> str:
    """All but the embedding, which has a table of its own."""
    try:
        body = _chunk.dump_json(chunk, exclude={"embedding"}, warnings="error")[:-1] + b',"embedding":[]}'
    except ValueError as error:
        raise InvalidRequestError(f"Chunk {chunk.id!r} cannot be written as JSON: {error}.") from error
    if len(body) > MAX_RECORD_BYTES:
        raise TooLargeError(f"Chunk {chunk.id!r} has {len(body)} bytes; {MAX_RECORD_BYTES} are allowed.")
    return body.decode()


def _write(connection: "apsw.Connection", place: generations.Place, chunks: Sequence[_Prepared]) -> None:
    """Table by table, full text last: whatever SQLite might have to undo by itself, as an insertion with a trigger,
    makes FTS5 write out what it has gathered so far, which took half of the time when each chunk had one after it."""
    partition, version = place.partition, place.version
    known = json.dumps([chunk.id for chunk in chunks])
    generations.forget(connection, rows(connection, _KNOWN, (partition, known)))
    acls = {acl: search.acl_of(connection, partition, acl) for acl in {chunk.acl for chunk in chunks}}
    readers = {acl: " ".join(search.reader_terms(partition, acl)) for acl in acls}
    ((last,),) = rows(connection, _LAST)
    numbered = list(enumerate({chunk.id: chunk for chunk in chunks}.values(), last + 1))
    connection.executemany(
        "INSERT INTO chunks (chunk, pk, id, version, ordinal, acl, body) VALUES (?, ?, ?, ?, ?, ?, ?)",
        ((number, partition, one.id, version, one.ordinal, acls[one.acl], one.body) for number, one in numbered),
    )
    connection.executemany(
        "INSERT INTO embeddings (chunk, embedding) VALUES (?, ?)",
        ((number, one.embedding.exact) for number, one in numbered),
    )
    connection.executemany(
        "INSERT INTO vectors (pk, acl, chunk, version, vector) VALUES (?, ?, ?, ?, ?)",
        ((partition, acls[one.acl], number, version, one.embedding.scannable) for number, one in numbered),
    )
    connection.executemany(
        "INSERT INTO passages (rowid, readers, text) VALUES (?, ?, ?)",
        ((number, readers[one.acl], one.terms) for number, one in numbered),
    )


def _read(body: str, embedding: bytes) -> Chunk:
    return replace(_chunk.validate_json(body), embedding=vectors.numbers(embedding))


def _hits(found: Iterable[Row], read: Callable[[str, bytes], Chunk]) -> tuple[tuple[Chunk, float], ...]:
    return tuple((read(body, embedding), score) for body, embedding, score in found)
