"""Every request that came, as it came."""

import json
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Entry:
    """`kind` is read, create, replace, upsert, delete, patch, batch or query. `status` is what was answered."""

    kind: str
    container: str
    headers: dict[str, str]
    body: Any
    status: int
    charge: float

    @property
    def partition(self) -> Any:
        return json.loads(self.headers["x-ms-documentdb-partitionkey"])

    @property
    def sql(self) -> str:
        return self.body["query"]

    @property
    def parameters(self) -> dict[str, Any]:
        return {one["name"]: one["value"] for one in self.body["parameters"]}


@dataclass
class Journal:
    entries: list[Entry] = field(default_factory=list[Entry])

    def of(self, kind: str) -> list[Entry]:
        return [entry for entry in self.entries if entry.kind == kind]

    def kinds(self) -> list[str]:
        return [entry.kind for entry in self.entries]

    def clear(self) -> None:
        self.entries.clear()
