"""The tables of the embedded store, as the ordered steps that make them out of an empty file or an older one.

To change the tables, append a step to `_STEPS`, and never touch one that has been released: a new file takes all steps,
an older one those that it lacks, so both end alike. A step is SQL, which SQLite runs within the one transaction of all
steps (no PRAGMA, no VACUUM), or a function of the connection where SQL is not enough. Add rather than rename or drop
(`ADD COLUMN` wants a default): a process of the earlier program may have the file open while it is migrated. Then say
in tests/contracts/test_sqlite_versions.py what the step makes of the file that version 1 wrote.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from shared.errors import PlatformError

if TYPE_CHECKING:
    import apsw

PAGE_BYTES = 8192

_RECORDS = """
CREATE TABLE records (
  tenant TEXT NOT NULL, kind TEXT NOT NULL, id TEXT NOT NULL, etag TEXT NOT NULL, body TEXT NOT NULL,
  PRIMARY KEY (tenant, kind, id)
) STRICT, WITHOUT ROWID;
"""

# Names become numbers once (`partitions`, `documents`, `generations`), so no separator can join or split them.
# `visible` is the truth of what a search may see; the partial index makes "all but the hidden" cheap.
_VISIBILITY = """
CREATE TABLE embedding_model (model TEXT NOT NULL, dimensions INTEGER NOT NULL) STRICT;
CREATE TABLE partitions (
  pk INTEGER PRIMARY KEY AUTOINCREMENT, tenant TEXT NOT NULL, store TEXT NOT NULL, UNIQUE (tenant, store)
) STRICT;
CREATE TABLE documents (
  doc INTEGER PRIMARY KEY, pk INTEGER NOT NULL, id TEXT NOT NULL, newest INTEGER, UNIQUE (pk, id)
) STRICT;
CREATE TABLE generations (
  version INTEGER PRIMARY KEY, pk INTEGER NOT NULL, doc INTEGER NOT NULL, generation INTEGER NOT NULL,
  visible INTEGER NOT NULL DEFAULT 0, UNIQUE (doc, generation)
) STRICT;
CREATE INDEX hidden_generations ON generations (pk) WHERE visible = 0;
"""

# `vectors` is what a search scans: int8, clustered by partition and ACL. `embeddings` are exact, read for the best.
# `readers` weighs nothing in BM25; it is there so that MATCH itself filters by partition and ACL.
_CHUNKS = """
CREATE TABLE chunks (
  chunk INTEGER PRIMARY KEY, pk INTEGER NOT NULL, id TEXT NOT NULL, version INTEGER NOT NULL,
  ordinal INTEGER NOT NULL, acl INTEGER NOT NULL, body TEXT NOT NULL, UNIQUE (pk, id)
) STRICT;
CREATE INDEX chunks_by_version ON chunks (version, ordinal);
CREATE TABLE embeddings (chunk INTEGER PRIMARY KEY, embedding BLOB NOT NULL) STRICT;
CREATE TABLE vectors (
  pk INTEGER NOT NULL, acl INTEGER NOT NULL, chunk INTEGER NOT NULL, version INTEGER NOT NULL, vector BLOB NOT NULL,
  PRIMARY KEY (pk, acl, chunk)
) STRICT, WITHOUT ROWID;
CREATE TABLE acls (
  acl INTEGER PRIMARY KEY, pk INTEGER NOT NULL, principals TEXT NOT NULL, UNIQUE (pk, principals)
) STRICT;
CREATE TABLE acl_principals (
  pk INTEGER NOT NULL, principal TEXT NOT NULL, acl INTEGER NOT NULL, PRIMARY KEY (pk, principal, acl)
) STRICT, WITHOUT ROWID;
CREATE VIRTUAL TABLE passages USING fts5 (
  readers, text, content = '', contentless_delete = 1,
  tokenize = "porter unicode61 remove_diacritics 2 categories 'L* M* N* Co'"
);
INSERT INTO passages (passages, rank) VALUES ('rank', 'bm25(0.0, 1.0)');
"""

_USAGE = """
CREATE TABLE usage_events (
  tenant TEXT NOT NULL, id TEXT NOT NULL, at_us INTEGER NOT NULL, operation TEXT NOT NULL, source TEXT NOT NULL,
  model TEXT NOT NULL, key_id TEXT NOT NULL, deployment TEXT NOT NULL, status INTEGER NOT NULL,
  input_tokens INTEGER NOT NULL, output_tokens INTEGER NOT NULL, cached_tokens INTEGER NOT NULL,
  reasoning_tokens INTEGER NOT NULL, cost_microusd INTEGER NOT NULL, estimated INTEGER NOT NULL,
  ttft_ms INTEGER, duration_ms INTEGER, PRIMARY KEY (tenant, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX usage_events_by_time ON usage_events (tenant, operation, at_us);
CREATE TABLE usage_hours (
  tenant TEXT NOT NULL, operation TEXT NOT NULL, hour_s INTEGER NOT NULL, source TEXT NOT NULL, model TEXT NOT NULL,
  key_id TEXT NOT NULL, requests INTEGER NOT NULL, input_tokens INTEGER NOT NULL, output_tokens INTEGER NOT NULL,
  cached_tokens INTEGER NOT NULL, reasoning_tokens INTEGER NOT NULL, cost_microusd INTEGER NOT NULL,
  PRIMARY KEY (tenant, operation, hour_s, source, model, key_id)
) STRICT, WITHOUT ROWID;
"""

# `kind` is boolean, number or text. Comparisons look in the first index, erasing a generation in the second.
_ATTRIBUTES = """
CREATE TABLE attributes (
  pk INTEGER NOT NULL, name TEXT NOT NULL, kind TEXT NOT NULL, value ANY NOT NULL, version INTEGER NOT NULL,
  PRIMARY KEY (pk, name, kind, value, version)
) STRICT, WITHOUT ROWID;
CREATE INDEX attributes_by_version ON attributes (version);
"""

_CACHE = """
CREATE TABLE cached_embeddings (
  tenant TEXT NOT NULL, space TEXT NOT NULL, id TEXT NOT NULL, expires_s INTEGER NOT NULL, vector BLOB NOT NULL,
  PRIMARY KEY (tenant, space, id)
) STRICT;
CREATE INDEX cached_embeddings_by_expiry ON cached_embeddings (expires_s);
"""

_RATES = """
CREATE TABLE rates (scope TEXT PRIMARY KEY, tat REAL NOT NULL) STRICT, WITHOUT ROWID;
"""

# What a search could see of a partition, counted: a matrix in memory is of one count. `stamp` is the count of the last
# vector that a generation got; -1 for those from before this was counted. Triggers, so that no writer can forget.
_CHANGES = """
ALTER TABLE partitions ADD COLUMN changes INTEGER NOT NULL DEFAULT 0;
ALTER TABLE generations ADD COLUMN stamp INTEGER NOT NULL DEFAULT 0;
UPDATE generations SET stamp = -1;
CREATE TRIGGER vector_added AFTER INSERT ON vectors BEGIN
  UPDATE partitions SET changes = changes + 1 WHERE pk = NEW.pk;
  UPDATE generations SET stamp = (SELECT changes FROM partitions WHERE pk = NEW.pk) WHERE version = NEW.version;
END;
CREATE TRIGGER visibility_changed AFTER UPDATE OF visible ON generations BEGIN
  UPDATE partitions SET changes = changes + 1 WHERE pk = NEW.pk;
END;
"""

_API_KEYS = """
CREATE TABLE api_keys (hmac TEXT PRIMARY KEY, tenant TEXT NOT NULL, key_id TEXT NOT NULL) STRICT, WITHOUT ROWID;
"""

_ANSWERS = """
CREATE TABLE cached_answers (
  tenant TEXT NOT NULL, space TEXT NOT NULL, id TEXT NOT NULL, expires_s INTEGER NOT NULL, body BLOB NOT NULL,
  PRIMARY KEY (tenant, space, id)
) STRICT;
CREATE INDEX cached_answers_by_expiry ON cached_answers (expires_s);
"""

# Every event about a blob asks which documents stand for its file: by a scan, n documents took n * n steps to index.
_BY_FILE = "CREATE INDEX records_by_file ON records (body -> 'file_id');"

# `next` is the place of the item that comes next; an item without a body was deleted, and keeps its place.
_CONVERSATIONS = """
CREATE TABLE conversations (
  tenant TEXT NOT NULL, id TEXT NOT NULL, next INTEGER NOT NULL, closed INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (tenant, id)
) STRICT, WITHOUT ROWID;
CREATE TABLE conversation_items (
  tenant TEXT NOT NULL, conversation TEXT NOT NULL, seq INTEGER NOT NULL, id TEXT NOT NULL, body TEXT,
  PRIMARY KEY (tenant, conversation, seq), UNIQUE (tenant, conversation, id)
) STRICT;
"""

# The sum of what each tenant keeps, moved by the very writes that change it.
_SIZED = "('FileRecord', 'UploadPartRecord')"
_STORED_BYTES = f"""
CREATE TABLE stored_bytes (tenant TEXT PRIMARY KEY, bytes INTEGER NOT NULL) STRICT, WITHOUT ROWID;
INSERT INTO stored_bytes
  SELECT tenant, sum(body ->> 'size_bytes') FROM records WHERE kind IN {_SIZED} GROUP BY tenant;
CREATE TRIGGER bytes_added AFTER INSERT ON records WHEN NEW.kind IN {_SIZED} BEGIN
  INSERT INTO stored_bytes SELECT NEW.tenant, 0 WHERE NOT EXISTS (SELECT 1 FROM stored_bytes WHERE tenant = NEW.tenant);
  UPDATE stored_bytes SET bytes = bytes + (NEW.body ->> 'size_bytes') WHERE tenant = NEW.tenant;
END;
CREATE TRIGGER bytes_changed AFTER UPDATE OF body ON records WHEN NEW.kind IN {_SIZED} BEGIN
  UPDATE stored_bytes SET bytes = bytes + (NEW.body ->> 'size_bytes') - (OLD.body ->> 'size_bytes')
    WHERE tenant = NEW.tenant;
END;
CREATE TRIGGER bytes_freed AFTER DELETE ON records WHEN OLD.kind IN {_SIZED} BEGIN
  UPDATE stored_bytes SET bytes = bytes - (OLD.body ->> 'size_bytes') WHERE tenant = OLD.tenant;
END;
"""  # noqa: S608 -- names of our types

# Nobody sees a vector before its generation is published, and publishing counts: each for itself took a third longer.
_COUNTED_WHERE_SEEN = """
DROP TRIGGER vector_added;
CREATE TRIGGER vector_added AFTER INSERT ON vectors
WHEN (SELECT visible FROM generations WHERE version = NEW.version) BEGIN
  UPDATE partitions SET changes = changes + 1 WHERE pk = NEW.pk;
  UPDATE generations SET stamp = (SELECT changes FROM partitions WHERE pk = NEW.pk) WHERE version = NEW.version;
END;
DROP TRIGGER visibility_changed;
CREATE TRIGGER visibility_changed AFTER UPDATE OF visible ON generations BEGIN
  UPDATE partitions SET changes = changes + 1 WHERE pk = NEW.pk;
  UPDATE generations SET stamp = (SELECT changes FROM partitions WHERE pk = NEW.pk) WHERE version = NEW.version;
END;
"""

_RECEIPTS = """
CREATE TABLE receipts (
  tenant TEXT NOT NULL, key TEXT NOT NULL, claim TEXT NOT NULL, fingerprint TEXT NOT NULL, answer TEXT,
  status INTEGER NOT NULL DEFAULT 200, expires_s INTEGER NOT NULL, PRIMARY KEY (tenant, key)
) STRICT;
CREATE INDEX receipts_by_expiry ON receipts (expires_s);
"""

type Step = str | Callable[[apsw.Connection], None]

_STEPS: Sequence[Step] = (
    _RECORDS + _VISIBILITY + _CHUNKS + _USAGE,
    _ATTRIBUTES,
    _CACHE,
    _RATES,
    _CHANGES,
    _API_KEYS,
    _ANSWERS,
    _BY_FILE,
    _CONVERSATIONS,
    _RECEIPTS,
    _COUNTED_WHERE_SEEN,
    _STORED_BYTES,
)
"""The first makes the tables of version 1, the second those of version 2 out of them, and so on."""

VERSION = len(_STEPS)


def prepare(connection: "apsw.Connection", path: Path, steps: Sequence[Step] = _STEPS) -> None:
    """Bring the tables to the last step, inside the caller's immediate transaction: two processes may start at once.

    Raise PlatformError for a file of a newer program, which is left as it is.
    """
    found: int = connection.pragma("user_version")
    if found > len(steps):
        raise PlatformError(
            f"The store {path.name!r} has version {found} of its tables; this program knows {len(steps)}."
            " Start the newer program again, or another file."
        )
    for step in steps[found:]:
        if callable(step):
            step(connection)
        else:
            connection.execute(step)
    connection.pragma("user_version", len(steps))
