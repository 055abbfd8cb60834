"""Handing a large document on to as many runs as it has parts."""

import asyncio
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import timedelta
from itertools import batched

from shared.ports.clock import Clock
from shared.ports.queues import Queues
from shared.ports.records import DocumentRecord, FanOut
from shared.retrieval.claims import Claim
from shared.retrieval.extraction.document import Part
from shared.retrieval.inputs import digest
from shared.retrieval.writing import Timings
from shared.wire.messages import DocumentPartMessage, PartRange

_PUTS_AT_ONCE = 16


@dataclass(frozen=True, slots=True)
class Planner:
    """`patience_s` is how long no part may have ended before an event about the document has it planned anew."""

    queues: Queues
    clock: Clock
    patience_s: float = 900

    async def plan(self, claim: Claim, parts: Sequence[Part], content_hash: str, timings: Timings) -> None:
        """Put a message for each part, then let go of the claim: until then the parts wait.

        A crash in between leaves messages of a generation that the next run overtakes; they do nothing.
        """
        messages = [_message(claim.document, index, part) for index, part in enumerate(parts)]
        for some in batched(messages, _PUTS_AT_ONCE, strict=False):
            puts = (self.queues.put("document-parts", message.model_dump_json().encode()) for message in some)
            await asyncio.gather(*puts)
        document = claim.document
        fan_out = FanOut(len(parts), content_hash, digest(document), self.clock.now())
        open_ = replace(document, state="embedding", content_hash=None, claim=None, claimed_until=None, fan_out=fan_out)
        await claim.write(replace(open_, chunks=0, tokens=0, usage_bytes=0, timings_ms=dict(timings.ms)))

    def is_under_way(self, document: DocumentRecord, blob_etag: str) -> bool:
        """Whether parts of this very version, with these inputs, are at work or wait in their queue."""
        fan_out = document.fan_out
        if fan_out is None or document.blob_etag != blob_etag or fan_out.inputs != digest(document):
            return False
        return self.clock.now() - fan_out.moved_at < timedelta(seconds=self.patience_s)


def _message(document: DocumentRecord, index: int, part: Part) -> DocumentPartMessage:
    return DocumentPartMessage(
        tenant=document.tenant,
        store_id=document.store_id,
        file_id=document.file_id,
        generation=document.generation,
        index=index,
        part=PartRange(**asdict(part)),
    )
