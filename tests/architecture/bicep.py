"""Reads the literals of our Bicep files: enough to compare names, not a compiler."""

import json
import re
from pathlib import Path
from typing import Any

INFRA = Path(__file__).parents[2] / "infra"

_TOKEN = re.compile(
    r"""(?P<space>[ \t]+|//[^\n]*)|(?P<end>\n|,)|(?P<text>'(?:[^'\\]|\\.)*')|(?P<word>[\w@./-]+)|(?P<mark>.)"""
)


def module(name: str) -> str:
    return (INFRA / "modules" / f"{name}.bicep").read_text()


def every_file() -> dict[str, str]:
    return {path.relative_to(INFRA).as_posix(): path.read_text() for path in sorted(INFRA.rglob("*.bicep"))}


def literal(source: str, variable: str) -> Any:
    """The value of `var variable = …`: objects, arrays, strings, numbers. Expressions come as their text."""
    start = re.search(rf"^var {variable} =\s*", source, re.MULTILINE)
    assert start, f"no variable {variable!r}"
    return _Reader(source[start.end() :]).value()


def properties(source: str, resource: str) -> dict[str, str]:
    """The properties of a resource's own `properties` object, each with the text of its expression."""
    body = re.search(rf"^resource {resource} .*?^  properties: {{\n(.*?)^  }}", source, re.MULTILINE | re.DOTALL)
    assert body, f"no resource {resource!r}"
    return dict(re.findall(r"^    (\w+): (.+)$", body.group(1), re.MULTILINE))


class _Reader:
    def __init__(self, source: str) -> None:
        self._tokens = [match for match in _TOKEN.finditer(source) if match.lastgroup != "space"]
        self._at = 0

    def value(self) -> Any:
        token = self._take()
        if token == "[":
            return self._items("]")
        if token == "{":
            return dict(self._entries())
        if token.startswith("'"):
            return token[1:-1].replace("\\'", "'")
        return json.loads(token) if re.fullmatch(r"-?\d+|true|false|null", token) else token

    def _items(self, close: str) -> list[Any]:
        found = []
        while self._peek() != close:
            found.append(self.value())
        self._take()
        return found

    def _entries(self) -> list[tuple[str, Any]]:
        found = []
        while self._peek() != "}":
            name = self._take().strip("'")
            assert self._take() == ":"
            found.append((name, self.value()))
        self._take()
        return found

    def _peek(self) -> str:
        while self._tokens[self._at].lastgroup == "end":
            self._at += 1
        return self._tokens[self._at].group()

    def _take(self) -> str:
        token = self._peek()
        self._at += 1
        return token
