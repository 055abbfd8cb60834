"""Serving an app while it is being written: when a file of it changes, its next version takes over from the last."""

import asyncio
import logging
from pathlib import Path

from local.host.config import HostConfig
from local.host.front import PortTakenError
from local.host.host import Host
from local.host.process import AppError

_LOOK_S = 0.3
_NEVER = ("node_modules", "__pycache__")
_log = logging.getLogger("local.host.reload")

type _Snapshot = dict[str, int]


class ReloadingHost:
    """As a Host; a version that cannot be loaded is reported, and the one before goes on serving."""

    def __init__(self, config: HostConfig) -> None:
        self._config = config
        self._host = Host(config)
        self._replacing = asyncio.Lock()
        self._following: asyncio.Task[None] | None = None

    async def start(self) -> None:
        watch = Watch(self._config.app_dir)
        await self._host.start()
        self._following = asyncio.create_task(self._follow(watch))

    async def stop(self) -> None:
        async with self._replacing:
            if self._following is not None:
                self._following.cancel()
            await self._host.stop()

    async def _follow(self, watch: "Watch") -> None:
        while True:
            changed = await watch.changed()
            _log.info("Changed: %s.", ", ".join(changed))
            async with self._replacing:
                await self._replace()

    async def _replace(self) -> None:
        """Load the next version beside this one, then let this one finish what it does."""
        upcoming = Host(self._config)
        try:
            await upcoming.prepare()
            await self._host.stop()
            self._host = upcoming
            await upcoming.start()
        except (AppError, PortTakenError, ValueError) as error:
            _log.error("%s\nThe app is loaded again when a file changes.", error)


class Watch:
    """The files of an app that count: its code and host.json, less what `.funcignore` keeps out of a deployment."""

    def __init__(self, app_dir: Path) -> None:
        self._dir = app_dir
        ignore = app_dir / ".funcignore"
        self._ignored = {*_NEVER, *(ignore.read_text().split() if ignore.exists() else ())}
        self._seen = self._snapshot()

    async def changed(self) -> list[str]:
        """Wait until something changes and no more is changing; the names of what did."""
        before = now = self._seen
        while now == before or now != self._seen:
            self._seen = now
            await asyncio.sleep(_LOOK_S)
            now = await asyncio.to_thread(self._snapshot)
        return sorted({name for name, _ in before.items() ^ now.items()})

    def _snapshot(self) -> _Snapshot:
        found: _Snapshot = {}
        for path in self._files(self._dir):
            try:
                found[str(path.relative_to(self._dir))] = path.stat().st_mtime_ns
            except FileNotFoundError:  # between listing and looking
                continue
        return found

    def _files(self, folder: Path) -> list[Path]:
        entries = [entry for entry in folder.iterdir() if not entry.name.startswith(".")]
        counting = [entry for entry in entries if entry.name not in self._ignored]
        inner = [path for entry in counting if entry.is_dir() for path in self._files(entry)]
        return inner + [entry for entry in counting if entry.suffix == ".py" or entry.name == "host.json"]
