"""One call to one deployment: what it needs, and what it comes to on the meter."""

import asyncio
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ValidationError

from shared.errors import PlatformError
from shared.gateway.catalogue import Model
from shared.gateway.limiter import Admission
from shared.gateway.observed import Observed
from shared.ports.clock import Clock
from shared.ports.keys import Caller
from shared.ports.models import Deployment, ModelTransport
from shared.ports.tokens import TokenCounter
from shared.ports.usage import Attempt, Consumption, Meter, Operation, Reservation, Source

CLIENT_GONE = 499
"""The status of an attempt whose client left before the end (nginx's number; no client ever sees it)."""


@dataclass(frozen=True, slots=True)
class Waits:
    """How long to wait for a model, in seconds.

    The front end of Azure Functions cuts a request at 230 s without a byte: a plain answer must come before that, a
    stream commits to its 200 after `first_event_s` and shows that it lives every `ping_s`; it fails after `idle_s`. A
    deployment that has said nothing after `ttft_s` loses its turn to another, if there is one. What it says
    within `gather_s` of what was passed on follows as one piece: a token at a time costs most of what a stream costs.
    """

    deadline_s: float = 220
    ttft_s: float = 30
    first_event_s: float = 15
    ping_s: float = 15
    idle_s: float = 60
    gather_s: float = 0.125


@dataclass(frozen=True, slots=True)
class Upstreams:
    """What every attempt needs."""

    transport: ModelTransport
    meter: Meter
    tokens: TokenCounter
    clock: Clock
    waits: Waits


@dataclass(slots=True)
class Spend:
    """What an attempt has come to so far; `settle` says it once to the meter."""

    reservation: Reservation
    observed: Observed
    clock: Clock
    began: float
    admission: Admission | None = None
    ttft_ms: int | None = None
    settled: bool = False

    def first_byte(self) -> None:
        if self.ttft_ms is None:
            self.ttft_ms = round((self.clock.monotonic() - self.began) * 1000)

    def settle(self, status: int, usage: "Usage | None" = None, *, estimated: bool = False) -> None:
        if self.settled:
            return
        self.settled = True
        usage = usage or Usage()
        consumption = Consumption(
            status=status,
            input_tokens=usage.input_tokens,
            output_tokens=usage.output_tokens,
            cached_tokens=usage.prompt_tokens_details.cached_tokens,
            reasoning_tokens=usage.completion_tokens_details.reasoning_tokens,
            estimated=estimated,
            ttft_ms=self.ttft_ms,
        )
        with self.observed.settling():
            self.reservation.settle(consumption)
        if self.admission is not None:
            self.admission.settle(usage.input_tokens, usage.output_tokens)
        self.observed.end(consumption, self.clock.monotonic() - self.began)


@contextmanager
def settled_on_failure(spend: Spend, prompt: "Callable[[], Usage]") -> Generator[None]:
    """Settle an attempt that fails, or whose client leaves: then the prompt was read all the same."""
    try:
        yield
    except PlatformError as error:
        spend.settle(getattr(error, "upstream_status", error.status))
        raise
    except asyncio.CancelledError:
        spend.settle(CLIENT_GONE, prompt(), estimated=True)
        raise


def _none_is_empty(value: object) -> object:
    return {} if value is None else value


class _PromptDetails(BaseModel):
    cached_tokens: int = 0


class _CompletionDetails(BaseModel):
    reasoning_tokens: int = 0


class Usage(BaseModel):
    """The `usage` object of chat completions and embeddings."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    total_tokens: int = 0
    prompt_tokens_details: Annotated[_PromptDetails, BeforeValidator(_none_is_empty)] = _PromptDetails()
    completion_tokens_details: Annotated[_CompletionDetails, BeforeValidator(_none_is_empty)] = _CompletionDetails()

    @property
    def input_tokens(self) -> int:
        return self.prompt_tokens

    @property
    def output_tokens(self) -> int:
        return self.completion_tokens


class _Metered(BaseModel):
    usage: Usage | None = None


def usage_of(body: bytes) -> Usage | None:
    """The usage that an answer or an event carries. None when it says nothing readable."""
    try:
        return _Metered.model_validate_json(body).usage
    except ValidationError:
        return None


def begin(
    upstreams: Upstreams,
    caller: Caller,
    model: Model,
    deployment: Deployment,
    *,
    operation: Operation,
    source: Source,
    body: bytes,
    output_tokens: int = 0,
    stream: bool = False,
    admission: Admission | None = None,
) -> Spend:
    """Reserve before the call is made. The reservation is a guess, used only if this process dies."""
    attempt = Attempt(
        tenant=caller.tenant,
        key_id=caller.key_id,
        model=model.name,
        deployment=deployment.id,
        operation=operation,
        source=source,
        reserved_input_tokens=len(body) // 4,
        reserved_output_tokens=output_tokens,
        deadline_s=upstreams.waits.deadline_s,
    )
    observed = Observed.begin(operation, model.name, deployment, tenant=caller.tenant, stream=stream)
    with observed.settling():
        reservation = upstreams.meter.reserve(attempt)
    return Spend(reservation, observed, upstreams.clock, upstreams.clock.monotonic(), admission)
