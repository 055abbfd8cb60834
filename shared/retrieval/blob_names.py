"""Names of blobs: whose they are and where they belong. The only place that takes one apart."""

import hashlib
from dataclasses import dataclass

from shared.ports.records import SYSTEM

_FORBIDDEN = frozenset("/\\?#")  # what an id of a Cosmos DB item may not hold
_MAX_NAME_LENGTH = 255


@dataclass(frozen=True, slots=True)
class Drop:
    """A blob of the `documents` container: `{tenant}/{vector store name}/{path}`. The path may hold slashes."""

    tenant: str
    folder: str
    path: str

    @property
    def blob_name(self) -> str:
        return f"{self.tenant}/{self.folder}/{self.path}"

    @property
    def file_id(self) -> str:
        """The same for every event about this blob."""
        return "file-" + hashlib.sha256(self.blob_name.encode()).hexdigest()[:32]


@dataclass(frozen=True, slots=True)
class Ignored:
    """A blob that is no document of anybody."""

    reason: str


def parse_drop(blob_name: str) -> Drop | Ignored:
    tenant, _, rest = blob_name.partition("/")
    folder, _, path = rest.partition("/")
    if not path:
        return Ignored(f"{blob_name!r} is not of the form tenant/vector store/path.")
    if path.endswith("/"):
        return Ignored(f"{blob_name!r} names a directory.")
    if tenant == SYSTEM:
        return Ignored(f"{blob_name!r}: {tenant!r} is no tenant.")
    for part in (tenant, folder):
        if problem := _problem(part):
            return Ignored(f"{blob_name!r}: {part!r} {problem}.")
    return Drop(tenant, folder, path)


def is_folder_name(name: str) -> bool:
    """Whether a vector store of this name can be fed by the folder of the same name."""
    return _problem(name) is None


def plain_filename(name: str) -> str:
    """Without the directories that some clients send, and without what would break a header or a terminal."""
    last = name.replace("\\", "/").rpartition("/")[2]
    return "".join(one for one in last if one.isprintable()).strip()[-_MAX_NAME_LENGTH:] or "file"


def upload_name(tenant: str, file_id: str) -> str:
    """Where a file that came through the API lies in the `files` container."""
    return f"{tenant}/{file_id}"


def _problem(name: str) -> str | None:
    if not name or name != name.strip() or name in (".", ".."):
        return "is empty, a dot, or begins or ends with a space"
    if len(name) > _MAX_NAME_LENGTH:
        return f"is longer than {_MAX_NAME_LENGTH} characters"
    if not _FORBIDDEN.isdisjoint(name) or not name.isprintable():
        return "holds a slash, a backslash, '?', '#' or a control character"
    return None
