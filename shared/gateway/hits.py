"""Answers that no deployment was asked for, on the meter: what their clients were told, at no cost."""

from collections.abc import Sequence

from shared.gateway import sse, transcript
from shared.gateway.attempts import Upstreams, Usage, usage_of
from shared.gateway.chat import ChatCall
from shared.ports.usage import Attempt, Consumption
from shared.tracing import names, spans

DEPLOYMENT = "cache"
"""What the ledger names as the deployment that answered: one without a price, and none of the catalogue."""


class Hits:
    def __init__(self, upstreams: Upstreams) -> None:
        self._upstreams = upstreams

    def meter(self, call: ChatCall, usage: Usage, *, status: int = 200) -> None:
        """All of its input was known: it counts as cached."""
        spans.note({names.CACHE: "hit"})
        attempt = Attempt(
            tenant=call.caller.tenant,
            key_id=call.caller.key_id,
            model=call.model,
            deployment=DEPLOYMENT,
            operation="completions",
            source="cache",
            reserved_input_tokens=usage.input_tokens,
            reserved_output_tokens=usage.output_tokens,
            deadline_s=0,
        )
        used = Consumption(status, usage.input_tokens, usage.output_tokens, cached_tokens=usage.input_tokens)
        self._upstreams.meter.count(attempt, used)

    def usage_of(self, call: ChatCall, answer: bytes) -> Usage:
        """What a plain answer says of itself, or else what we count."""
        return usage_of(answer) or self._counted(call, transcript.text_of_answer(answer))

    def usage_in(self, call: ChatCall, pieces: Sequence[bytes]) -> Usage:
        """The same for a stream, as far as it was read."""
        notable = (event for piece in pieces if sse.is_notable(piece) for event in sse.split(piece))
        told = (usage for event in notable if (usage := usage_of(sse.data_of(event))) is not None)
        return next(told, None) or self._counted(call, transcript.text_of_events(pieces))

    def _counted(self, call: ChatCall, produced: str) -> Usage:
        return transcript.count(call.body, produced, self._upstreams.tokens)
