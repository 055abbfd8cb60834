"""API keys in a JSON file: `[{"id", "hmac", "tenant", "principals"}]`, read once."""

import asyncio
from pathlib import Path

from pydantic import TypeAdapter

from shared.errors import NotFoundError
from shared.ports.keys import ApiKey

_keys: TypeAdapter[tuple[ApiKey, ...]] = TypeAdapter(tuple[ApiKey, ...])


class KeyFile:
    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._by_hmac: dict[str, ApiKey] | None = None

    async def find(self, hmac: str) -> ApiKey:
        if self._by_hmac is None:
            content = b"[]" if self._path is None else await asyncio.to_thread(self._path.read_bytes)
            self._by_hmac = {key.hmac: key for key in _keys.validate_json(content)}
        try:
            return self._by_hmac[hmac]
        except KeyError:
            raise NotFoundError("No such key.") from None
