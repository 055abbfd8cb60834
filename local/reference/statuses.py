"""Which statuses an operation may answer with, read off what it takes and gives."""

import re
from collections.abc import Iterator
from http import HTTPStatus

from local.reference.routes import Route
from shared.errors import CapacityError, PlatformError, RequestError, UpstreamError
from shared.wire.replies import Download, Relayed

_ALWAYS = (401, 403, 429, 500, 502, 503, 504)
"""The key; and what we, the host, or the load balancer in front of it say when they are too busy or broken."""

RELAYED = "4XX"
_NAMES_ANOTHER = re.compile(r"model|\w+_ids?|id")


def refusals(route: Route, fields: set[str]) -> list[str]:
    """`fields` are those of the body or query. A range stands for whatever somebody else may say whom we relay."""
    found = {*_ALWAYS, *_of_what_is_asked(route, fields), *_of_replies(route)}
    return [*(str(status) for status in sorted(found)), *([RELAYED] if Relayed in route.replies else [])]


def _of_what_is_asked(route: Route, fields: set[str]) -> Iterator[int]:
    writes = route.method not in ("GET", "DELETE")
    if (writes or route.body or route.ids) and Relayed not in route.replies:
        yield 400
    if route.ids or any(_NAMES_ANOTHER.fullmatch(name) for name in fields):
        yield 404
    if route.method != "GET":
        yield 409
    if writes:
        yield 413


def _of_replies(route: Route) -> Iterator[int]:
    if Download in route.replies:
        yield from (412, 416)


def explanation(status: HTTPStatus) -> str:
    """With the words for `code`, from the tree of errors."""
    kinds = (kind for branch in (RequestError, CapacityError, UpstreamError) for kind in _tree(branch))
    codes = dict.fromkeys(f"`{kind.default_code}`" for kind in kinds if kind.status == status)
    return f"{status.phrase}: {', '.join(codes)}." if codes else f"{status.phrase}."


def _tree(kind: type[PlatformError]) -> Iterator[type[PlatformError]]:
    yield kind
    for below in kind.__subclasses__():
        yield from _tree(below)
