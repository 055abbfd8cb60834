"""The functions of an app as its worker described them: triggers, output bindings and retry policies."""

import json
import random
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from local.host.frames import Message

_SETTING = re.compile(r"%([^%]+)%")


@dataclass(frozen=True, slots=True)
class Binding:
    name: str
    kind: str  # lower case: httptrigger, queuetrigger, queue, blob, ...
    fields: Mapping[str, Any]

    @property
    def connection(self) -> str:
        return self.fields.get("connection") or "AzureWebJobsStorage"

    @property
    def outward(self) -> bool:
        return str(self.fields.get("direction", "")).lower() == "out"

    @property
    def deferred(self) -> bool:
        """True when the parameter is an SDK client: the worker wants the address of the blob, not its content."""
        return bool(self.fields.get("properties", {}).get("SupportsDeferredBinding"))


@dataclass(frozen=True, slots=True)
class Retry:
    strategy: str
    max_retry_count: int  # -1: without end
    delay_s: float
    minimum_s: float
    maximum_s: float

    def allows(self, retries: int) -> bool:
        return self.max_retry_count == -1 or retries < self.max_retry_count

    def wait_s(self, retry: int) -> float:
        """How long to wait before the given retry, counted from 1."""
        if self.strategy == "fixed_delay":
            return self.delay_s
        spread = random.uniform(0.8, 1.2)  # noqa: S311 - jitter, not a secret
        return min(self.maximum_s, self.minimum_s + spread * 2 ** min(retry - 1, 30) * self.minimum_s)


@dataclass(frozen=True, slots=True)
class Function:
    name: str
    trigger: Binding
    outputs: Mapping[str, Binding]
    inputs: tuple[Binding, ...]  # beside the trigger
    retry: Retry | None

    @property
    def full_name(self) -> str:
        return f"Host.Functions.{self.name}"


def is_enabled(function: Function, settings: Mapping[str, str]) -> bool:
    """False for one that an app setting switches off (learn.microsoft.com/azure/azure-functions/disable-function)."""
    return settings.get(f"AzureWebJobs.{function.name}.Disabled", "false").lower() not in ("true", "1")


def described(message: Message, settings: Mapping[str, str]) -> Function:
    bindings = [_binding(raw, settings) for raw in message["bindings"]]
    return Function(
        name=message["name"],
        trigger=next(binding for binding in bindings if binding.kind.endswith("trigger")),
        outputs={binding.name: binding for binding in bindings if binding.outward},
        inputs=tuple(b for b in bindings if not b.outward and not b.kind.endswith("trigger")),
        retry=_retry(message["retry"]),
    )


def _binding(raw: str, settings: Mapping[str, str]) -> Binding:
    fields = json.loads(_SETTING.sub(lambda match: json.dumps(settings.get(match[1], match[0]))[1:-1], raw))
    return Binding(name=fields["name"], kind=fields["type"].lower(), fields=fields)


def _retry(options: Message | None) -> Retry | None:
    if not options or not options["max_retry_count"]:
        return None
    return Retry(
        strategy=options["strategy"],
        max_retry_count=options["max_retry_count"],
        delay_s=options.get("delay_interval", 0.0),
        minimum_s=options.get("minimum_interval", 0.0),
        maximum_s=options.get("maximum_interval", float(2**31)),
    )
