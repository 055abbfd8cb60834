"""Writes docs/settings.md from the settings themselves: `python -m infra.settings_page`."""

import re
from collections.abc import Callable
from pathlib import Path
from types import UnionType
from typing import Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from shared.settings.catalogue import DeploymentSettings, EntraSettings, LimitSettings, ModelSettings
from shared.settings.environment import PREFIX
from shared.settings.settings import Settings

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "settings.md"
APP = ROOT / "infra" / "modules" / "app.bicep"

_HEAD = """\
# Settings

Written by `python -m infra.settings_page` from `shared/settings/`; a test holds them equal. Every setting is an app
setting in Azure and an environment variable elsewhere. All are read once, at the first request; a wrong value or an
unknown `FLIGHTDECK_…` stops the app with a sentence that names it (`/ready` shows it too). In the last column: what
`infra/` sets.
"""

_MODELS = """\
## FLIGHTDECK_MODELS

A JSON object: the name that clients use, and what stands behind it.

```json
{
  "gpt-4.1-mini": {
    "kind": "chat",
    "context_tokens": 1047576,
    "deployments": [
      {"id": "chat", "kind": "azure", "model": "chat", "endpoint": "https://my-ai.openai.azure.com/openai/v1",
       "input_usd": 0.4, "cached_usd": 0.1, "output_usd": 1.6}
    ]
  },
  "text-embedding-3-small": {
    "kind": "embedding",
    "dimensions": 1536,
    "context_tokens": 8191,
    "deployments": [
      {"id": "embedding", "kind": "azure", "model": "embedding",
       "endpoint": "https://my-ai.openai.azure.com/openai/v1", "input_usd": 0.02}
    ]
  }
}
```

A deployment of kind `azure` without `api_key` is called with an Entra token of the app's identity; one of kind
`openai` without `api_key` is called without any.
"""

_HOSTS = """\
## Read by the host and the SDKs, not by us

| setting | what for |
| --- | --- |
| `AzureWebJobsStorage__credential`, `AzureWebJobsStorage__tableServiceUri` | the host's own use of the account |
| `APPLICATIONINSIGHTS_AUTHENTICATION_STRING` | the host's own telemetry, with Entra tokens |
| `AZURE_CLIENT_ID`, `AZURE_TOKEN_CREDENTIALS` | which identity `DefaultAzureCredential` takes, without trying others |
| `PYTHON_ENABLE_OPENTELEMETRY` | the host tells the worker its trace context |
| `FUNCTIONS_WORKER_PROCESS_COUNT` | one worker process an instance |

Any function can be switched off with `AzureWebJobs.<function>.Disabled=true`.
"""


def page() -> str:
    set_here = dict(re.findall(r"^    (\w+): (.+)$", APP.read_text(), re.MULTILINE))
    return "\n".join(
        [
            _HEAD,
            _table(Settings, lambda name, field: field.alias or PREFIX + name.upper(), set_here),
            _MODELS,
            "Of a model:\n",
            _table(ModelSettings, lambda name, _: name),
            "Of a deployment:\n",
            _table(DeploymentSettings, lambda name, _: name),
            "Of a limit (docs/limits.md):\n",
            _table(LimitSettings, lambda name, _: name),
            "Of FLIGHTDECK_ENTRA (docs/identity.md):\n",
            _table(EntraSettings, lambda name, _: name),
            _HOSTS,
        ]
    )


def _table(
    model: type[BaseModel], named: Callable[[str, FieldInfo], str], set_here: dict[str, str] | None = None
) -> str:
    head = ["setting", "type", "default", "what it is", *(["infra/ sets"] if set_here is not None else [])]
    rows = [head, ["---"] * len(head)]
    for name, field in model.model_fields.items():
        setting = named(name, field)
        row = [f"`{setting}`", _type(field.annotation), _default(field), field.description or ""]
        if set_here is not None:
            row.append("yes" if setting in set_here else "")
        rows.append(row)
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def _type(annotation: object) -> str:
    if get_origin(annotation) is Literal:
        return " or ".join(f"`{value}`" for value in get_args(annotation))
    if get_origin(annotation) in (Union, UnionType):
        return " or ".join(_type(one) for one in get_args(annotation) if one is not type(None))
    words = {str: "text", int: "whole number", float: "number", bool: "true or false", tuple: "list"}
    return words.get(get_origin(annotation) or annotation, "JSON")  # type: ignore[call-overload]


def _default(field: FieldInfo) -> str:
    if field.default is PydanticUndefined:
        return "required"
    if field.default in (None, ""):
        return "none"
    return f"`{str(field.default).lower() if isinstance(field.default, bool) else field.default}`"


if __name__ == "__main__":
    PAGE.write_text(page())
