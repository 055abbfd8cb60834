"""The fake as a process of its own, with every container that the product has: `python -m tests.cosmos.fake PORT`."""

import asyncio
import sys

from tests.cosmos.fake import FakeCosmos
from tests.cosmos.worlds import definitions

_DIMENSIONS = 384


async def _serve(port: int) -> None:
    fake = FakeCosmos(definitions(_DIMENSIONS))
    await fake.start(port)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1])))
