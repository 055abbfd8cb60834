"""The host's pure parts: routes in order, chunked bodies cut anywhere, schedules."""

from datetime import UTC, datetime

import pytest

from local.host.functions import Binding, Function
from local.host.http1 import ChunkScanner
from local.host.process import AppError
from local.host.routes import Match, RouteTable
from local.host.timers import Schedule


def function(name: str, route: str, *methods: str) -> Function:
    trigger = Binding("req", "httptrigger", {"route": route, "methods": methods, "authLevel": "ANONYMOUS"})
    return Function(name, trigger, outputs={}, inputs=(), retry=None)


TABLE = RouteTable(
    [
        function("not_found", "{*path}"),
        function("get_file", "v1/files/{id}", "GET"),
        function("search", "v1/files/search", "POST"),
        function("by_number", "v1/files/{id:int}", "GET"),
        function("mixed", "v1/files/part-{n}", "GET"),
        function("root", "/", "GET"),
    ],
    prefix="",
)


@pytest.mark.parametrize(
    ("method", "path", "name", "parameters"),
    [
        ("GET", "/v1/files/abc", "get_file", {"id": "abc"}),
        ("GET", "/v1/files/12", "by_number", {"id": "12"}),
        ("GET", "/v1/files/part-3", "mixed", {"n": "3"}),
        ("POST", "/v1/files/search", "search", {}),
        ("GET", "/v1/files/search", "get_file", {"id": "search"}),
        ("DELETE", "/v1/files/abc", "not_found", {"path": "v1/files/abc"}),
        ("GET", "/V1/Files/abc/", "get_file", {"id": "abc"}),
        ("GET", "/v1/files/a%2Fb", "get_file", {"id": "a%2Fb"}),
        ("GET", "/", "root", {}),
        ("POST", "/", "not_found", {"path": ""}),
    ],
)
async def test_the_most_exact_route_that_takes_the_method_wins(
    method: str, path: str, name: str, parameters: dict[str, str]
) -> None:
    found = TABLE.find(method, path)
    assert isinstance(found, Match)
    assert (found.route.function.name, dict(found.parameters)) == (name, parameters)


@pytest.mark.parametrize("size", [1, 2, 3, 7, 100])
async def test_a_chunked_body_is_followed_wherever_it_is_cut(size: int) -> None:
    body = b"4\r\nWiki\r\n6;ext=1\r\npedia \r\nE\r\nin \r\n\r\nchunks.\r\n0\r\nTrailer: x\r\n\r\n"
    scanner = ChunkScanner()
    payload = [part for at in range(0, len(body), size) for part in scanner.feed(body[at : at + size])]
    assert b"".join(payload) == b"Wikipedia in \r\n\r\nchunks."
    assert scanner.done


def timer(schedule: str) -> Function:
    trigger = Binding("timer", "timertrigger", {"schedule": schedule})
    return Function("nightly", trigger, outputs={}, inputs=(), retry=None)


@pytest.mark.parametrize(
    ("schedule", "expected", "frequent"),
    [
        ("*/5 * * * *", datetime(2026, 1, 1, 0, 5, tzinfo=UTC), False),
        ("0 */5 * * * *", datetime(2026, 1, 1, 0, 5, tzinfo=UTC), False),
        ("*/10 * * * * *", datetime(2026, 1, 1, 0, 1, 40, tzinfo=UTC), True),
        ("30 3 * * Mon", datetime(2026, 1, 5, 3, 30, tzinfo=UTC), False),
    ],
)
async def test_a_schedule_has_five_fields_or_six_with_the_seconds_first(
    schedule: str, expected: datetime, frequent: bool
) -> None:
    found = Schedule(timer(schedule))
    assert found.after(datetime(2026, 1, 1, 0, 1, 30, tzinfo=UTC)) == expected
    assert found.frequent is frequent


@pytest.mark.parametrize("schedule", ["* * * *", "61 * * * *", "00:05:00", ""])
async def test_what_is_no_schedule_is_refused_by_function(schedule: str) -> None:
    with pytest.raises(AppError, match="'nightly'"):
        Schedule(timer(schedule))
