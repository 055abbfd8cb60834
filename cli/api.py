"""The product's HTTP API, for what only Flightdeck has and for what must start at once.

OpenAI's package takes over a second to load. `cli.sdk` has it, for chat and uploads.
"""

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Self, cast
from urllib.parse import quote

import httpx2

from cli.connection import KEY, Connection
from cli.failures import RefusedError, UnreachableError

TIMEOUT_S = 60
_PAGE = 100


def segment(name: str) -> str:
    """An id as part of a path: whatever somebody typed stays one segment of it."""
    return quote(name, safe="")


type Json = dict[str, Any]
"""An object as the server sent it."""


@dataclass(frozen=True, slots=True)
class Answer:
    """Any answer, a refusal too."""

    status: int
    headers: Mapping[str, str]
    body: Json
    elapsed_ms: int


class Api:
    """`get`, `post`, `delete` and `every` raise CommandError; `ask` tells whatever was answered."""

    def __init__(self, connection: Connection) -> None:
        headers = {} if connection.key is None else {"authorization": f"Bearer {connection.key}"}
        self.connection = connection
        self._http = httpx2.Client(headers=headers, timeout=TIMEOUT_S)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def get(self, path: str, **query: Any) -> Json:
        return self._accepted("GET", path, query=query)

    def post(self, path: str, body: Mapping[str, Any] | None = None) -> Json:
        return self._accepted("POST", path, body=body)

    def delete(self, path: str) -> Json:
        return self._accepted("DELETE", path)

    def every(self, path: str, **query: Any) -> Iterator[Json]:
        """All objects of a list, a page at a time."""
        after: str | None = None
        while True:
            page = self.get(path, limit=_PAGE, after=after, **query)
            yield from page["data"]
            if not page["has_more"]:
                return
            after = page["last_id"]

    def ask(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, Any] | None = None,
        body: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """The answer, whatever it says. A path is below `/v1` unless it begins with a slash.

        Raise UnreachableError when there is none.
        """
        url = self.connection.url + path if path.startswith("/") else f"{self.connection.api}/{path}"
        params = {name: value for name, value in (query or {}).items() if value is not None}
        began = time.perf_counter()
        try:
            response = self._http.request(method, url, params=params or None, json=body, headers=dict(headers or {}))
        except httpx2.TimeoutException as error:
            raise UnreachableError(f"{self.connection.url} did not answer within {TIMEOUT_S} s.") from error
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            raise UnreachableError(unreachable(self.connection, error)) from error
        elapsed_ms = round((time.perf_counter() - began) * 1000)
        return Answer(response.status_code, response.headers, _object(response), elapsed_ms)

    def _accepted(self, method: str, path: str, **what: Any) -> Json:
        """Raise CommandError for anything but success."""
        _ = self.connection.secret
        answer = self.ask(method, path, **what)
        if answer.status >= 300:
            raise refusal(answer.status, answer.body, answer.headers, self.connection)
        return answer.body


def unreachable(connection: Connection, error: BaseException) -> str:
    return f"{connection.url} (from {connection.url_from}) cannot be reached: {error}."


def refusal(status: int, body: Json, headers: Mapping[str, str], connection: Connection) -> RefusedError:
    """What the server said, and what to do where we know better than the server."""
    told = object_of(body.get("error"))
    if "message" in told:
        message, code = str(told["message"]), told.get("code")
        if status == 401:
            message += f" The key is from {connection.key_from}; set {KEY}."
        return RefusedError(message, status=status, code=code)
    if 300 <= status < 400:
        message = f"{connection.url} sends us on to {headers.get('location')!r}: use that address."
    else:
        message = f"{connection.url} answered {status}, and not as Flightdeck does: is this its address?"
    return RefusedError(message, status=status)


def _object(response: httpx2.Response) -> Json:
    try:
        return object_of(response.json())
    except ValueError:
        return {}


def object_of(value: object) -> Json:
    """{} for whatever else somebody sent."""
    return cast("Json", value) if isinstance(value, dict) else {}
