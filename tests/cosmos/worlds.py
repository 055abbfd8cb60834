"""The fake gateway with our containers in it, and the weathers that tests put it under."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from shared.adapters.cosmos.account import EMULATOR_KEY, CosmosAccount
from shared.adapters.cosmos.containers import CONTAINERS
from tests.cosmos.fake import FakeCosmos, Fault

WEATHERS: dict[str, tuple[Fault, ...]] = {
    "calm": (),
    "429": (Fault(429, retry_after_ms=1),),
    "429 inside": (Fault(429, inside=True, retry_after_ms=1),),
    "408 before commit": (Fault(408),),
    "408 after commit": (Fault(408, after_commit=True),),
    "449": (Fault(449),),
    "503": (Fault(503),),
    "503 after commit": (Fault(503, after_commit=True),),
    "410": (Fault(410),),
    "412": (Fault(412),),
    "lost answer": (Fault(0, after_commit=True),),
}
CONTRACT = ("calm", "429", "429 inside", "408 after commit", "449", "503", "410", "412")
"""Under each of these a contract holds in full: the fault changes nothing that a caller can see."""

STORES = ("sqlite", "memory", *(f"cosmos {weather}" for weather in CONTRACT))
SOME_STORES = ("sqlite", "memory", "cosmos calm", "cosmos mixed")
WEATHERS["mixed"] = tuple(fault for faults in WEATHERS.values() for fault in faults)


def clouded(fake: FakeCosmos, store: str) -> None:
    """Put the gateway under the weather that a name of `STORES` ends in."""
    fake.faults.storm(*WEATHERS[store.removeprefix("cosmos ")])


def definitions(dimensions: int) -> list[dict[str, object]]:
    return [dict(container.definition(dimensions)) for container in CONTAINERS]


@asynccontextmanager
async def account(fake: FakeCosmos) -> AsyncIterator[CosmosAccount]:
    """As wiring opens it, but with no waits to speak of."""
    opened = CosmosAccount(fake.url, EMULATOR_KEY, retry_s=0.001)
    try:
        yield opened
    finally:
        await opened.close()
