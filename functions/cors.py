"""Browsers: which pages may call the API, and what they may read of its answers (https://fetch.spec.whatwg.org/#http-cors-protocol).

Credentials in the sense of that protocol, cookies, are never allowed: keys come in headers.
"""

from azurefunctions.extensions.http.fastapi import Request, Response

from shared import wiring

_EXPOSED = ", ".join(
    (
        *(
            "x-request-id",
            "openai-processing-ms",
            "retry-after",
            "retry-after-ms",
            "x-should-retry",
            "idempotent-replayed",
        ),
        *(f"x-ratelimit-{what}-{of}" for what in ("limit", "remaining", "reset") for of in ("requests", "tokens")),
        *("accept-ranges", "content-range", "content-disposition", "etag"),
    )
)
_REMEMBERED_S = 7200


def shared_with(request: Request, response: Response) -> Response:
    """The response, readable by the page that asked if it is of an origin that may ask."""
    if origins := wiring.cors_origins():
        response.headers["vary"] = "origin"
        if allowed := _allowed(request, origins):
            response.headers["access-control-allow-origin"] = allowed
            response.headers["access-control-expose-headers"] = _EXPOSED
    return response


def preflight(request: Request, methods: list[str]) -> Response | None:
    """The answer to a browser that asks whether it may send a request; None if it is none of those that may."""
    allowed = _allowed(request, wiring.cors_origins())
    if not allowed or request.method != "OPTIONS" or "access-control-request-method" not in request.headers:
        return None
    headers = {
        "access-control-allow-methods": ", ".join(methods),
        "access-control-allow-headers": request.headers.get("access-control-request-headers", ""),
        "access-control-max-age": str(_REMEMBERED_S),
    }
    return Response(status_code=204, headers=headers)


def _allowed(request: Request, origins: tuple[str, ...]) -> str | None:
    if "*" in origins:
        return "*"
    origin = request.headers.get("origin")
    return origin if origin in origins else None
