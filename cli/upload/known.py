"""What a store has already.

A file that was brought carries in its attributes what it was made of: `path`, and `sha256` of its bytes. So an upload
that was broken off goes on where it was, from any machine, and one that is repeated brings only what has changed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cli.api import Json
from cli.failures import CommandError

PATH, SHA256, ACL = "path", "sha256", "acl"

type Attributes = Mapping[str, str | float | bool]


def normal(given: Attributes) -> Attributes:
    """As the store shows them: principals of an acl in their order. Raise CommandError for names that are ours."""
    if taken := given.keys() & {PATH, SHA256}:
        raise CommandError(f"The attribute {min(taken)!r} is what an upload goes by; choose another name.")
    if not isinstance(acl := given.get(ACL, 0), str):
        return given
    return {**given, ACL: ",".join(sorted({principal.strip() for principal in acl.split(",")}))}


@dataclass(frozen=True, slots=True)
class Known:
    """What the store has under one name, newest first."""

    versions: Sequence[Json] = ()

    @classmethod
    def of(cls, files: Sequence[Json]) -> Mapping[str, "Known"]:
        """By path, out of all files of a store, newest first."""
        by_path: dict[str, list[Json]] = {}
        for file in files:
            if PATH in file["attributes"] and SHA256 in file["attributes"] and file["status"] != "cancelled":
                by_path.setdefault(str(file["attributes"][PATH]), []).append(file)
        return {path: cls(versions) for path, versions in by_path.items()}

    def made_of(self, digest: str) -> Json | None:
        return next((file for file in self.versions if file["attributes"][SHA256] == digest), None)

    def attributes(self) -> Attributes:
        """Of the newest: what was said of a file holds for its next version."""
        return self.versions[0]["attributes"] if self.versions else {}

    def others(self, kept: str) -> tuple[str, ...]:
        return tuple(file["id"] for file in self.versions if file["id"] != kept)
