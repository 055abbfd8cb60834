"""The two stores of the search benchmark, each with the same passages: Flightdeck's, and the plain design in SQL.

The plain design is what one would write first with SQLite, FTS5 and sqlite-vec: a clustered table of int8 vectors that
a query scans, exact rescoring in SQL, full text with partition and ACL as columns that weigh nothing in BM25. It knows
no generations, no documents and no events, writes in large batches, and answers without a thread between: all of that
is in its favour, and so are the distance (L1, the only one that sqlite-vec's builds vectorise) and the settings of the
file, which are Flightdeck's.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import apsw
import numpy as np
import sqlite_vec

from benchmarks.synthetic import CALLER_TEAMS, DIMENSIONS, DOCUMENT_CHUNKS, Document
from shared.adapters.sqlite.chunks import SqliteChunks
from shared.adapters.sqlite.connection import SqliteDatabase
from shared.ports.chunks import Chunk

TENANT, OTHER_TENANT = "acme", "other"
_STORE = "vs_handbooks"
_RESCORED = 512
_PLAIN_PRAGMAS = """
PRAGMA page_size = 8192; PRAGMA journal_mode = wal; PRAGMA synchronous = NORMAL; PRAGMA mmap_size = 268435456;
"""
_PLAIN_TABLES = """
CREATE TABLE chunks (id INTEGER PRIMARY KEY, body TEXT NOT NULL);
CREATE TABLE embeddings (id INTEGER PRIMARY KEY, embedding BLOB NOT NULL);
CREATE TABLE vectors (
  pk INTEGER NOT NULL, acl INTEGER NOT NULL, id INTEGER NOT NULL, vector BLOB NOT NULL, PRIMARY KEY (pk, acl, id)
) WITHOUT ROWID;
CREATE VIRTUAL TABLE passages USING fts5 (
  pk, acl, text, content = '', tokenize = "porter unicode61 remove_diacritics 2"
);
INSERT INTO passages (passages, rank) VALUES ('rank', 'bm25(0.0, 0.0, 1.0)');
"""
_PLAIN_BY_VECTOR = """
WITH near (id) AS MATERIALIZED (
  SELECT id FROM vectors WHERE pk = :pk AND acl IN ({acls})
  ORDER BY vec_distance_L1(vec_int8(vector), vec_int8(:vector)) LIMIT :rescored
)
SELECT id, body, 1 - vec_distance_cosine(embedding, :embedding) AS score
FROM near CROSS JOIN embeddings USING (id) CROSS JOIN chunks USING (id) ORDER BY score DESC LIMIT :limit
"""
_PLAIN_BY_TEXT = """
SELECT id, body, -rank FROM passages CROSS JOIN chunks ON id = passages.rowid
WHERE passages MATCH :match ORDER BY rank LIMIT :limit
"""


@dataclass(frozen=True, slots=True)
class Found:
    """Numbers of passages, best first."""

    by_vector: list[int]
    by_text: list[int]


class Store(Protocol):
    async def write(self, tenant: str, documents: Iterable[Document]) -> None: ...

    async def search(self, vector: Sequence[float], text: str, *, limit: int) -> Found:
        """In `TENANT`, as one who is in `CALLER_TEAMS`, with the texts of all that is found."""
        ...

    async def close(self) -> None: ...


class Flightdeck:
    """The product's adapter behind its port."""

    def __init__(self, path: Path) -> None:
        self._database = SqliteDatabase(path, patience_s=60)
        self._chunks = SqliteChunks(self._database, dimensions=DIMENSIONS, embedding_model="synthetic")

    async def write(self, tenant: str, documents: Iterable[Document]) -> None:
        for document in documents:
            name = f"document-{document.number}"
            await self._chunks.put(_chunks(tenant, name, document))
            await self._chunks.publish(tenant, _STORE, name, 1)

    async def search(self, vector: Sequence[float], text: str, *, limit: int) -> Found:
        found = await self._chunks.search(
            TENANT, _STORE, vector=vector, text=text, principals=CALLER_TEAMS, limit=limit
        )
        by_vector, by_text = ([int(chunk.id) for chunk, _ in hits] for hits in (found.by_vector, found.by_text))
        return Found(by_vector, by_text)

    async def close(self) -> None:
        await self._database.close()


class Plain:
    """The plain design."""

    def __init__(self, path: Path) -> None:
        new = not path.exists()
        self._connection = apsw.Connection(str(path))
        self._connection.enable_load_extension(True)
        self._connection.load_extension(sqlite_vec.loadable_path())
        self._connection.execute(_PLAIN_PRAGMAS).fetchall()
        if new:
            self._connection.execute(_PLAIN_TABLES).fetchall()

    async def write(self, tenant: str, documents: Iterable[Document]) -> None:
        with self._connection:
            for document in documents:
                self._write(_partition(tenant), document)

    async def search(self, vector: Sequence[float], text: str, *, limit: int) -> Found:
        return Found(self._by_vector(vector, limit), self._by_text(text, limit))

    async def close(self) -> None:
        self._connection.close()

    def _write(self, partition: int, document: Document) -> None:
        acl, first = _acl(document.team), document.number * DOCUMENT_CHUNKS
        for place, (vector, text) in enumerate(zip(document.vectors, document.texts, strict=True)):
            number = _numbered(partition, first + place)
            self._connection.execute("INSERT INTO chunks VALUES (?, ?)", (number, text))
            self._connection.execute("INSERT INTO embeddings VALUES (?, ?)", (number, vector.tobytes()))
            row = (partition, acl, number, _int8(vector))
            self._connection.execute("INSERT INTO vectors VALUES (?, ?, ?, ?)", row)
            passage = (number, f"p{partition}", f"a{acl}", text)
            self._connection.execute("INSERT INTO passages (rowid, pk, acl, text) VALUES (?, ?, ?, ?)", passage)

    def _by_vector(self, vector: Sequence[float], limit: int) -> list[int]:
        embedding = np.array(vector, np.float32)
        bindings: dict[str, Any] = {"pk": _partition(TENANT), "vector": _int8(embedding), "limit": limit}
        bindings |= {"embedding": embedding.tobytes(), "rescored": max(_RESCORED, 16 * limit)}
        sql = _PLAIN_BY_VECTOR.format(acls=", ".join(map(str, _readable())))
        return [number for number, _, _ in self._connection.execute(sql, bindings)]

    def _by_text(self, text: str, limit: int) -> list[int]:
        readers = " OR ".join(f"a{acl}" for acl in _readable())
        words = " OR ".join(f'"{word}"' for word in dict.fromkeys(text.split()))
        match = f"pk : p{_partition(TENANT)} AND acl : ({readers}) AND text : ({words})"
        found = self._connection.execute(_PLAIN_BY_TEXT, {"match": match, "limit": limit})
        return [number for number, _, _ in found]


SIDES = {"plain": Plain, "flightdeck": Flightdeck}


def _chunks(tenant: str, name: str, document: Document) -> list[Chunk]:
    first = document.number * DOCUMENT_CHUNKS
    return [
        Chunk(
            id=str(first + place),
            tenant=tenant,
            store_id=_STORE,
            document_id=name,
            file_id=name,
            filename=f"{name}.txt",
            generation=1,
            ordinal=place,
            text=text,
            embedding=tuple(vector.tolist()),
            tokens=len(text) // 4,
            char_start=0,
            char_end=len(text),
            acl=(document.team,) if document.team else (),
        )
        for place, (vector, text) in enumerate(zip(document.vectors, document.texts, strict=True))
    ]


def _partition(tenant: str) -> int:
    return 1 if tenant == TENANT else 2


def _numbered(partition: int, number: int) -> int:
    return number if partition == 1 else -1 - number


def _acl(team: str | None) -> int:
    return int(team.removeprefix("team-")) + 1 if team else 0


def _readable() -> list[int]:
    return [0, *map(_acl, CALLER_TEAMS)]


def _int8(vector: "np.typing.NDArray[np.float32]") -> bytes:
    return np.rint(vector * 127).astype(np.int8).tobytes()
