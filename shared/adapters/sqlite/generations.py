"""Which generation of a document is visible: the only place that changes it.

All of it runs inside the caller's transaction, so a reader sees a change whole or not at all.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from shared.adapters.sqlite import filters
from shared.adapters.sqlite.transactions import Row, rows

if TYPE_CHECKING:
    import apsw


_NUMBERS = """
SELECT p.pk, d.doc, g.version FROM partitions p
LEFT JOIN documents d ON d.pk = p.pk AND d.id = ?3 LEFT JOIN generations g ON g.doc = d.doc AND g.generation = ?4
WHERE p.tenant = ?1 AND p.store = ?2
"""
_TABLES = ("vectors", "chunks", "acl_principals", "acls", "attributes", "generations", "documents", "partitions")


@dataclass(frozen=True, slots=True)
class Place:
    """Where the chunks of one generation of one document go."""

    partition: int
    document: int
    version: int


def find_partition(connection: "apsw.Connection", tenant: str, store_id: str) -> int | None:
    found = rows(connection, "SELECT pk FROM partitions WHERE tenant = ? AND store = ?", (tenant, store_id))
    return found[0][0] if found else None


def find_document(connection: "apsw.Connection", tenant: str, store_id: str, document_id: str) -> int | None:
    sql = "SELECT doc FROM partitions JOIN documents USING (pk) WHERE tenant = ? AND store = ? AND id = ?"
    found = rows(connection, sql, (tenant, store_id, document_id))
    return found[0][0] if found else None


def claim(connection: "apsw.Connection", tenant: str, store_id: str, document_id: str, generation: int) -> Place:
    """The place of a generation, made hidden if it is new."""
    partition, document, version = _numbers(connection, tenant, store_id, document_id, generation)
    if version is None:
        sql = "INSERT INTO generations (pk, doc, generation) VALUES (?, ?, ?) RETURNING version"
        ((version,),) = rows(connection, sql, (partition, document, generation))
    return Place(partition, document, version)


def publish(connection: "apsw.Connection", *, tenant: str, store_id: str, document_id: str, generation: int) -> bool:
    place = claim(connection, tenant, store_id, document_id, generation)
    return _advance(connection, place.document, generation) and _show(connection, place.document, generation)


def retire(connection: "apsw.Connection", *, tenant: str, store_id: str, document_id: str, generation: int) -> bool:
    _, document, _ = _numbers(connection, tenant, store_id, document_id, generation)
    return _advance(connection, document, generation) and _show(connection, document, None)


def standing(
    connection: "apsw.Connection", tenant: str, store_id: str, document_id: str
) -> tuple[int | None, int | None]:
    """The document's newest generation, and the visible one."""
    sql = """
        SELECT newest, (SELECT generation FROM generations g WHERE g.doc = d.doc AND visible = 1)
        FROM documents d WHERE doc = ?
    """
    found = rows(connection, sql, (find_document(connection, tenant, store_id, document_id),))
    return found[0] if found else (None, None)


def sweep(connection: "apsw.Connection", tenant: str, store_id: str, document_id: str) -> int:
    return sum(_erase(connection, version) for (version,) in dead(connection, tenant, store_id, document_id))


def dead(connection: "apsw.Connection", tenant: str, store_id: str, document_id: str) -> list[Row]:
    """The versions that no search will see again."""
    sql = """
        SELECT version FROM partitions p JOIN documents d USING (pk) JOIN generations USING (doc)
        WHERE tenant = ? AND store = ? AND d.id = ? AND visible = 0 AND generation <= newest
    """
    return rows(connection, sql, (tenant, store_id, document_id))


def unswept(connection: "apsw.Connection", tenant: str, store_id: str) -> list[str]:
    hidden = "SELECT DISTINCT id FROM generations g JOIN documents USING (doc) WHERE g.pk = ? AND visible = 0"
    return [document for (document,) in rows(connection, hidden, (find_partition(connection, tenant, store_id),))]


def drop_store(connection: "apsw.Connection", tenant: str, store_id: str) -> None:
    partition = (find_partition(connection, tenant, store_id),)
    connection.execute("DELETE FROM passages WHERE rowid IN (SELECT chunk FROM chunks WHERE pk = ?)", partition)
    connection.execute("DELETE FROM embeddings WHERE chunk IN (SELECT chunk FROM chunks WHERE pk = ?)", partition)
    for table in _TABLES:
        connection.execute(f"DELETE FROM {table} WHERE pk = ?", partition)  # noqa: S608 -- names of our tables


def forget(connection: "apsw.Connection", chunks: Iterable[Row]) -> None:
    """Delete chunks, given as rows of their numbers, with everything that was derived from them."""
    for number in chunks:
        connection.execute("DELETE FROM passages WHERE rowid = ?", number)
        connection.execute("DELETE FROM embeddings WHERE chunk = ?", number)
        vector = "DELETE FROM vectors WHERE (pk, acl, chunk) = (SELECT pk, acl, chunk FROM chunks WHERE chunk = ?)"
        connection.execute(vector, number)
        connection.execute("DELETE FROM chunks WHERE chunk = ?", number)


def _erase(connection: "apsw.Connection", version: int) -> int:
    chunks = rows(connection, "SELECT chunk FROM chunks WHERE version = ?", (version,))
    forget(connection, chunks)
    filters.forget(connection, version)
    connection.execute("DELETE FROM generations WHERE version = ?", (version,))
    return len(chunks)


def _numbers(
    connection: "apsw.Connection", tenant: str, store_id: str, document_id: str, generation: int
) -> tuple[int, int, int | None]:
    """Of a partition and a document, given out on first sight, and of the generation, if it has one."""
    found = rows(connection, _NUMBERS, (tenant, store_id, document_id, generation))
    partition, document, version = found[0] if found else (None, None, None)
    if partition is None:
        sql = "INSERT INTO partitions (tenant, store) VALUES (?, ?) RETURNING pk"
        ((partition,),) = rows(connection, sql, (tenant, store_id))
    if document is None:
        sql = "INSERT INTO documents (pk, id) VALUES (?, ?) RETURNING doc"
        ((document,),) = rows(connection, sql, (partition, document_id))
    return partition, document, version


def _advance(connection: "apsw.Connection", document: int, generation: int) -> bool:
    """Make this the document's newest generation, unless it knows a newer one."""
    sql = "UPDATE documents SET newest = ?1 WHERE doc = ?2 AND ifnull(newest, ?1) <= ?1 RETURNING 1"
    return bool(rows(connection, sql, (generation, document)))


def _show(connection: "apsw.Connection", document: int, generation: int | None) -> bool:
    sql = "UPDATE generations SET visible = (generation IS ?1) WHERE doc = ?2 AND visible <> (generation IS ?1)"
    connection.execute(sql, (generation, document))
    return True
