"""Whether the app lives and is ready, and an answer in our shape for whatever nobody else answers."""

import asyncio
import re
from collections.abc import Iterable, Iterator, Sequence

import azure.functions as func
from azurefunctions.extensions.http.fastapi import Request, Response
from starlette.convertors import PathConvertor

from functions.cors import preflight, shared_with
from functions.replies import Timing, refuse, render
from shared import wire, wiring
from shared.errors import MethodNotAllowedError, NotFoundError, PlatformError

bp = func.Blueprint()

_PROBE_S = 3.0


@bp.route("health", methods=["GET"])
async def health(req: Request) -> Response:
    """The process answers. Says nothing about what it depends on."""
    return render(wire.health.Health(), Timing.start("health"))


@bp.route("ready", methods=["GET"])
async def ready(req: Request) -> Response:
    """200 when every dependency answers; 503 that names those that do not."""
    timing = Timing.start("ready")
    try:
        probes = (await wiring.platform()).probes
    except wiring.ConfigurationError as error:
        return render(wire.health.Readiness(status="unavailable", checks={"settings": str(error)}), timing, status=503)
    results = await asyncio.gather(*(_probe(probe) for probe in probes.values()))
    checks = dict(zip(probes, results, strict=True))
    if all(result == "ok" for result in results):
        return render(wire.health.Readiness(status="ok", checks=checks), timing)
    return render(wire.health.Readiness(status="unavailable", checks=checks), timing, status=503)


async def _probe(probe: wiring.Probe) -> str:
    try:
        async with asyncio.timeout(_PROBE_S):
            await probe()
    except TimeoutError:
        return f"no answer within {_PROBE_S:g} s"
    except PlatformError as error:
        return str(error)
    return "ok"


class App(func.FunctionApp):
    """Remembers what it told the host: the app can be indexed only once."""

    indexed: Sequence[func.Function] = ()

    def get_functions(self) -> list[func.Function]:
        """Called once, before the worker opens its HTTP server.

        That server has one route, `/{path:path}`, whose `.*` matches no line break: a request for `/%0A` would not meet
        the invocation that waits for it, and which the host would end, with the whole worker, at its time-out.
        """
        PathConvertor.regex = "(?s:.*)"
        functions = super().get_functions()
        self.indexed = functions
        return functions


def catch_all(app: App) -> func.Blueprint:
    """The lowest route of all: 404 for a path nobody has, 405 for a method that its owner does not take."""
    rest = func.Blueprint()

    @rest.route("{*path}", methods=["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"])
    async def not_found(req: Request) -> Response:
        methods = _methods(req.url.path, _routes(app.indexed))
        answer = preflight(req, methods) if methods else None
        refusal = _stray(req.method, req.url.path, methods)
        return shared_with(req, answer or refuse(refusal, Timing.start("not_found")))

    return rest


def _methods(path: str, routes: Iterable[tuple[re.Pattern[str], set[str]]]) -> list[str]:
    return sorted({name for pattern, names in routes if pattern.fullmatch(path) for name in names})


def _stray(method: str, path: str, allowed: list[str]) -> PlatformError:
    if allowed:
        return MethodNotAllowedError(f"Not allowed: {method} {path}. Allowed: {', '.join(allowed)}.")
    return NotFoundError(f"Unknown request URL: {method} {path}.", code="unknown_url")


def _routes(functions: Iterable[func.Function]) -> Iterator[tuple[re.Pattern[str], set[str]]]:
    for function in functions:
        trigger = function.get_trigger()
        route = getattr(trigger, "route", None)
        if isinstance(route, str) and not route.startswith("{*"):
            methods = {getattr(method, "value", str(method)) for method in getattr(trigger, "methods", ())}
            yield re.compile("/" + re.sub(r"\{[^}]+\}", "[^/]+", route)), methods
