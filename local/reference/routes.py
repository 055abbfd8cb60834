"""The API's operations, as the app registers them."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from http import HTTPMethod
from typing import get_args, get_type_hints

from azure.functions.decorators.http import HttpTrigger
from pydantic import BaseModel

import function_app
from functions.edge import NoBody, Operation, body_type


@dataclass(frozen=True, slots=True)
class Route:
    """One operation. `replies` are the types that its function may return."""

    name: str
    method: HTTPMethod
    path: str
    about: str
    area: str
    scope: str
    body: type[BaseModel] | None
    replies: tuple[type, ...]
    statuses: tuple[int, ...]

    @property
    def ids(self) -> list[str]:
        return re.findall(r"\{(\w+)\}", self.path)

    @property
    def query(self) -> type[BaseModel] | None:
        return self.body if self.method in ("GET", "DELETE") else None

    @property
    def content(self) -> type[BaseModel] | None:
        return None if self.method in ("GET", "DELETE") else self.body


def routes() -> list[Route]:
    """Once in a process: an app can be indexed only once. What takes no key is not part of the API."""
    return list(_routes())


def _routes() -> Iterator[Route]:
    for function in function_app.app.get_functions():
        operation, trigger = vars(function.get_user_function()).get("operation"), function.get_trigger()
        if isinstance(operation, Operation) and isinstance(trigger, HttpTrigger):
            for method in trigger.methods or ():
                yield _route(operation, HTTPMethod(method.value), f"/{trigger.route}")


def _route(operation: Operation, method: HTTPMethod, path: str) -> Route:
    handler = operation.handler
    body: type[BaseModel] = body_type(handler)
    reply = get_type_hints(handler)["return"]
    return Route(
        name=handler.__name__,
        method=method,
        path=path,
        about=(handler.__doc__ or "").strip(),
        area=handler.__module__.removeprefix("functions."),
        scope=operation.scope,
        body=None if body is NoBody else body,
        replies=get_args(reply) or (reply,),
        statuses=operation.statuses,
    )
