"""API keys that the deployment brings along, in a JSON file: `[{"id", "hmac", "tenant", "principals", "scopes"}]`."""

import asyncio
from pathlib import Path

from pydantic import TypeAdapter

from shared.errors import NotFoundError
from shared.ports.keys import KeyRecord

_keys: TypeAdapter[tuple[KeyRecord, ...]] = TypeAdapter(tuple[KeyRecord, ...])


class KeyFile:
    """Implements `ApiKeys`. The file is read once; `also` are keys that stand in no file."""

    def __init__(self, path: Path | None, *also: KeyRecord) -> None:
        self._path = path
        self._also = also
        self._by_hmac: dict[str, KeyRecord] | None = None

    async def find(self, hmac: str) -> KeyRecord:
        if self._by_hmac is None:
            content = b"[]" if self._path is None else await asyncio.to_thread(self._path.read_bytes)
            self._by_hmac = {key.hmac: key for key in (*_keys.validate_json(content), *self._also)}
        try:
            return self._by_hmac[hmac]
        except KeyError:
            raise NotFoundError("No such key.") from None
