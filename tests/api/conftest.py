"""All that the client programs know: where the product is, two tenants' keys, and how to script the model behind it."""

import json
import os
import time
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest


@dataclass(frozen=True)
class Product:
    url: str
    key: str
    other_key: str
    """A key of another tenant."""

    @property
    def base_url(self) -> str:
        return f"{self.url}/v1"


@dataclass(frozen=True)
class Upstream:
    """The scripted models behind the product; the fields of a step are those of `tests.upstream.Step`."""

    url: str

    def script(self, *steps: dict[str, Any], model: str = "chat") -> None:
        self._ask("POST", "/_script", {"model": model, "steps": steps})

    def reset(self) -> None:
        self._ask("DELETE", "/_script")
        self._ask("DELETE", "/_journal")

    def bodies(self, model: str = "chat") -> list[dict[str, Any]]:
        """What the model was asked, in order."""
        return [entry["body"] for entry in self._ask("GET", "/_journal")["entries"] if entry["model"] == model]

    def _ask(self, method: str, path: str, body: object = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, {"content-type": "application/json"}, method=method)
        with urllib.request.urlopen(request, timeout=30) as answer:
            raw = answer.read()
        return json.loads(raw) if raw else None


def _told(name: str) -> str:
    if name not in os.environ:
        pytest.exit(f"{name} is not set: `make conformance` runs these programs.", returncode=2)
    return os.environ[name]


@pytest.fixture(scope="session")
def product() -> Product:
    return Product(_told("CONFORMANCE_URL"), _told("CONFORMANCE_KEY"), _told("CONFORMANCE_OTHER_KEY"))


@pytest.fixture(autouse=True)
def upstream() -> Upstream:
    server = Upstream(_told("CONFORMANCE_UPSTREAM"))
    server.reset()
    return server


@pytest.fixture(scope="session")
def eventually() -> Callable[..., Any]:
    """Look until it holds; fail with what was seen last."""

    def until[T](look: Callable[[], T], holds: Callable[[T], object] = bool, timeout_s: float = 60) -> T:
        end = time.monotonic() + timeout_s
        while not holds(seen := look()):
            assert time.monotonic() < end, f"Not within {timeout_s} s; last seen: {seen!r}"
            time.sleep(0.05)
        return seen

    return until
