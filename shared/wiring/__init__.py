"""The composition root: the process's one platform, built on first use.

Importing this imports no service and no adapter: `assembly` does, at the first call, so that a cold start pays only
for indexing the functions.
"""

import asyncio

from shared.ports.keys import Caller as Caller
from shared.ports.queues import POISON_QUEUES as POISON_QUEUES
from shared.ports.queues import WorkQueue as WorkQueue
from shared.settings.environment import ConfigurationError as ConfigurationError
from shared.settings.environment import blob_trigger_enabled as blob_trigger_enabled
from shared.settings.environment import cors_origins as cors_origins
from shared.settings.environment import migration_wanted as migration_wanted
from shared.settings.environment import reconcile_schedule as reconcile_schedule
from shared.settings.environment import telemetry_wanted
from shared.wiring.platform import Platform as Platform
from shared.wiring.platform import Probe as Probe

_lock = asyncio.Lock()
_platform: Platform | None = None
_observed = False


async def platform() -> Platform:
    """The process's one platform. Raise ConfigurationError when a setting is wrong."""
    global _platform
    if _platform is None:
        async with _lock:
            if _platform is None:
                from shared.wiring.assembly import assemble

                _platform = assemble()
    return _platform


def observe() -> None:
    """Have this process recorded, if the settings ask for it: before the first span, and once. Raises nothing."""
    global _observed
    if _observed:
        return
    _observed = True
    if telemetry_wanted():
        from shared.wiring.observation import start

        start()
