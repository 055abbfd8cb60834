"""Waits until the platform says that everything it depends on answers."""

import asyncio
from collections.abc import Mapping

import aiohttp

from local.models.packages import SetupError

_PATIENCE_S = 15.0
_PAUSE_S = 0.2


async def missing(url: str) -> Mapping[str, str]:
    """What still does not answer after a while: name and reason, empty when all is well.

    Raise SetupError for a wrong setting: waiting does not mend it.
    """
    deadline = asyncio.get_running_loop().time() + _PATIENCE_S
    async with aiohttp.ClientSession() as session:
        while True:
            checks = await _failing(session, url)
            if "settings" in checks:
                raise SetupError(checks["settings"])
            if not checks or asyncio.get_running_loop().time() > deadline:
                return checks
            await asyncio.sleep(_PAUSE_S)


async def _failing(session: aiohttp.ClientSession, url: str) -> dict[str, str]:
    try:
        async with session.get(f"{url}/ready") as answer:
            checks: dict[str, str] = (await answer.json())["checks"]
    except (aiohttp.ClientError, ValueError, KeyError) as error:
        return {"platform": f"/ready does not answer as it should: {error!r}"}
    return {name: said for name, said in checks.items() if said != "ok"}
