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


_TABLES = ("vectors", "chunks", "acl_principals", "acls", "attributes", "generations", "documents", "partitions")


@dataclass(frozen=True, slots=True)
class Place:
    """Where the chunks of one generation of one document go."""

    partition: int
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
    partition, document = _document(connection, tenant, store_id, document_id)
    connection.execute(
        "INSERT INTO generations (pk, doc, generation) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
        (partition, document, generation),
    )
    sql = "SELECT version FROM generations WHERE doc = ? AND generation = ?"
    ((version,),) = rows(connection, sql, (document, generation))
    return Place(partition, version)


def publish(connection: "apsw.Connection", *, tenant: str, store_id: str, document_id: str, generation: int) -> bool:
    claim(connection, tenant, store_id, document_id, generation)
    _, document = _document(connection, tenant, store_id, document_id)
    return _advance(connection, document, generation) and _show(connection, document, generation)


def retire(connection: "apsw.Connection", *, tenant: str, store_id: str, document_id: str, generation: int) -> bool:
    _, document = _document(connection, tenant, store_id, document_id)
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


def _document(connection: "apsw.Connection", tenant: str, store_id: str, document_id: str) -> tuple[int, int]:
    """The numbers of a partition and a document, given out on first sight."""
    connection.execute(
        "INSERT INTO partitions (tenant, store) VALUES (?, ?) ON CONFLICT DO NOTHING", (tenant, store_id)
    )
    partition = find_partition(connection, tenant, store_id)
    connection.execute("INSERT INTO documents (pk, id) VALUES (?, ?) ON CONFLICT DO NOTHING", (partition, document_id))
    sql = "SELECT pk, doc FROM documents WHERE pk = ? AND id = ?"
    ((partition, document),) = rows(connection, sql, (partition, document_id))
    return partition, document


def _advance(connection: "apsw.Connection", document: int, generation: int) -> bool:
    """Make this the document's newest generation, unless it knows a newer one."""
    sql = "UPDATE documents SET newest = ?1 WHERE doc = ?2 AND ifnull(newest, ?1) <= ?1 RETURNING 1"
    return bool(rows(connection, sql, (generation, document)))


def _show(connection: "apsw.Connection", document: int, generation: int | None) -> bool:
    sql = "UPDATE generations SET visible = (generation IS ?1) WHERE doc = ?2 AND visible <> (generation IS ?1)"
    connection.execute(sql, (generation, document))
    return True
