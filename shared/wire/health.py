"""Health on the wire."""

from collections.abc import Mapping
from typing import Literal

from pydantic import BaseModel


class Health(BaseModel):
    status: Literal["ok"] = "ok"


class Readiness(BaseModel):
    """`checks` has "ok" or what is wrong for each dependency."""

    status: Literal["ok", "unavailable"]
    checks: Mapping[str, str]
