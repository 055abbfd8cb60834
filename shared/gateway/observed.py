"""One call of a model as telemetry sees it: a span from the reservation to the settlement, and the GenAI metrics."""

from collections.abc import Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass

from opentelemetry.trace import Span
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from shared.gateway import sse
from shared.ports.models import Deployment
from shared.ports.usage import Consumption, Operation
from shared.tracing import measures, names, spans

_NAMES: dict[Operation, str] = {"completions": "chat", "embeddings": "embeddings"}
_PROVIDERS = {"azure": "azure.ai.openai", "openai": "openai"}


@dataclass(frozen=True, slots=True)
class Observed:
    """`series` is what metrics are told apart by."""

    span: Span
    series: dict[str, str]

    @classmethod
    def begin(
        cls, operation: Operation, model: str, deployment: Deployment, *, tenant: str, stream: bool
    ) -> "Observed":
        name = _NAMES[operation]
        series = {
            names.OPERATION: name,
            names.PROVIDER: _PROVIDERS[deployment.kind],
            names.REQUEST_MODEL: model,
            names.DEPLOYMENT: deployment.id,
        }
        attributes = {**series, names.TENANT: tenant, names.REQUEST_STREAM: stream}
        return cls(spans.begin(f"{name} {model}", attributes), series)

    def answered(self, *answers: bytes) -> None:
        """What an answer, or a stream's pieces, say of themselves. Read only where the span is recorded."""
        if not self.span.is_recording():
            return
        reasons: list[str] = []
        for told in map(_told, answers):
            if told.id:
                self.span.set_attribute(names.RESPONSE_ID, told.id)
            if told.model:
                self.span.set_attribute(names.RESPONSE_MODEL, told.model)
            reasons += [choice.finish_reason for choice in told.choices if choice.finish_reason]
        if reasons:
            self.span.set_attribute(names.FINISH_REASONS, reasons)

    def streamed(self, pieces: Iterable[bytes]) -> None:
        """The same for the pieces of a stream: the first event says what answers, those that end a choice say why."""
        if self.span.is_recording():
            events = (event for piece in pieces for event in sse.split(piece))
            telling = (event for number, event in enumerate(events) if not number or sse.is_finished(event))
            self.answered(*(sse.data_of(event) for event in telling))

    def settling(self) -> AbstractContextManager[None]:
        """What is put on a queue meanwhile belongs to this span."""
        return spans.below(self.span)

    def end(self, used: Consumption, duration_s: float) -> None:
        error = None if used.status < 400 else str(used.status)
        first_s = None if used.ttft_ms is None else used.ttft_ms / 1000
        seen = measures.Generation(used.input_tokens, used.output_tokens, duration_s, first_s, error)
        measures.generation(seen, self.series)
        if self.span.is_recording():
            self._say(used, first_s)
            if error is not None:
                spans.fail(self.span, error)
        self.span.end()

    def _say(self, used: Consumption, first_s: float | None) -> None:
        self.span.set_attributes(
            {
                names.INPUT_TOKENS: used.input_tokens,
                names.OUTPUT_TOKENS: used.output_tokens,
                names.CACHED_TOKENS: used.cached_tokens,
                names.REASONING_TOKENS: used.reasoning_tokens,
                names.ESTIMATED: used.estimated,
                names.STATUS: used.status,
            }
        )
        if first_s is not None:
            self.span.set_attribute(names.TIME_TO_FIRST_CHUNK, first_s)


class _Choice(BaseModel):
    model_config = ConfigDict(defer_build=True)

    finish_reason: str | None = None


class _Told(BaseModel):
    model_config = ConfigDict(defer_build=True)

    id: str | None = None
    model: str | None = None
    choices: list[_Choice] = Field(default_factory=list[_Choice])


def _told(answer: bytes) -> _Told:
    try:
        return _Told.model_validate_json(answer)
    except ValidationError:
        return _Told()
