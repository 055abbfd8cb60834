"""Health on the wire."""

from collections.abc import Mapping
from typing import Literal

from shared.wire.shape import Shape


class Health(Shape):
    status: Literal["ok"] = "ok"


class Readiness(Shape):
    """`checks` has "ok" or what is wrong for each dependency."""

    status: Literal["ok", "unavailable"]
    checks: Mapping[str, str]
