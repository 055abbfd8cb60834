"""OpenAI's API as its own client knows it: read off the sources of the installed `openai` package.

Its resources are generated from OpenAI's specification, one method an operation, each of which sends a request with the
path as a literal and the request's type by name.
"""

import ast
import importlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from types import ModuleType
from typing import Any, get_args

import openai.resources

_SENDS = {"_get": "GET", "_get_api_list": "GET", "_post": "POST", "_put": "PUT", "_patch": "PATCH", "_delete": "DELETE"}
_MODULE = re.compile(r"\w+_params")


@dataclass(frozen=True, slots=True)
class OpenAIRequest:
    """`types` are the names of its types, each with its module as the resource knows it."""

    method: str
    path: str
    resource: str
    types: tuple[tuple[str, str], ...]

    @property
    def fields(self) -> list[str]:
        """Of body and query, in order; those of the path are no fields."""
        module = importlib.import_module(self.resource)
        found = dict[str, None]()
        for named, kind in self.types:
            found |= dict.fromkeys(_keys(getattr(module, named), kind))
        return sorted(found.keys() - set(re.findall(r"\{(\w+)\}", self.path)))


def client_version() -> str:
    return version("openai")


def openai_requests() -> list[OpenAIRequest]:
    """By path, without what is in beta. Of two methods for one operation, such as `create` and `parse`, the first."""
    root = Path(openai.resources.__path__[0])
    found: dict[tuple[str, str], OpenAIRequest] = {}
    for path in sorted(root.rglob("*.py")):
        resource = ".".join(("openai.resources", *path.relative_to(root).with_suffix("").parts))
        for request in _of(ast.parse(path.read_text()), resource):
            if "?beta" not in request.path:
                found.setdefault((request.path, request.method), request)
    return [found[key] for key in sorted(found)]


def _of(tree: ast.Module, resource: str) -> Iterator[OpenAIRequest]:
    for kind in tree.body:
        if isinstance(kind, ast.ClassDef) and not kind.name.startswith("Async"):
            for function in kind.body:
                for call in ast.walk(function):
                    if isinstance(call, ast.Call) and (request := _request(call, resource)):
                        yield request


def _request(call: ast.Call, resource: str) -> OpenAIRequest | None:
    match call:
        case ast.Call(
            func=ast.Attribute(value=ast.Name(id="self"), attr=attr),
            args=[ast.Constant(value=str(path)) | ast.Call(args=[ast.Constant(value=str(path))]), *_],
        ) if attr in _SENDS:
            said = next((one.value for one in call.keywords if one.arg == "method"), None)
            method = str(said.value).upper() if isinstance(said, ast.Constant) else _SENDS[attr]
            return OpenAIRequest(method, path, resource, tuple(dict.fromkeys(_types(call))))
        case _:
            return None


def _types(call: ast.Call) -> Iterator[tuple[str, str]]:
    for node in ast.walk(call):
        match node:
            case ast.Attribute(value=ast.Name(id=module), attr=kind) if _MODULE.fullmatch(module):
                yield module, kind
            case _:
                pass


def _keys(module: ModuleType, kind: str) -> Iterator[str]:
    shape: Any = getattr(module, kind)
    for one in get_args(shape) or (shape,):
        yield from one.__required_keys__ | one.__optional_keys__
