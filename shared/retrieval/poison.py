"""Messages that no consumer understood, kept among the blobs for whoever looks into it."""

import logging
from io import BytesIO

from shared.ports.blobs import Blobs
from shared.wire.messages import ParkedMessage

log = logging.getLogger(__name__)

POISON = "poison"
"""Container of such bodies: `{queue}/{message id}`."""


async def keep(blobs: Blobs, queue: str, parked: ParkedMessage, message_id: str) -> None:
    log.error("poison about nothing we know message=%s code=%s reason=%s", message_id, parked.code, parked.reason)
    await blobs.upload(POISON, f"{queue}/{message_id}", BytesIO(parked.body.encode()))
