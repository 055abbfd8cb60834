"""The process's one pooled HTTP session."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import aiohttp


class HttpPool:
    """Makes the session on first use, inside the running event loop; connections are kept alive and unbounded."""

    def __init__(self) -> None:
        self._session: aiohttp.ClientSession | None = None

    def __call__(self) -> "aiohttp.ClientSession":
        if self._session is None:
            import aiohttp

            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=60),
                skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding"),
                auto_decompress=True,
            )
        return self._session

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None
