"""HTTP routes: ASP.NET's templates, their constraints, and which of several that match comes first."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import unquote

from local.host.functions import Function

_SEGMENT = re.compile(
    r"\{(?P<star>\*{0,2})(?P<name>\w+)(?::(?P<rule>[^?=}]+))?(?P<optional>\?)?(?:=(?P<default>[^}]*))?\}"
)
_ENCODED_SLASH = re.compile("%2F", re.IGNORECASE)  # it separates nothing, and stays as it is
_CAPTURE = re.compile(r"\{(\w+)\}")
_CONSTRAINTS = {
    "int": r"-?\d+",
    "long": r"-?\d+",
    "alpha": "[A-Za-z]+",
    "bool": "(?:[Tt][Rr][Uu][Ee]|[Ff][Aa][Ll][Ss][Ee])",
    "guid": "[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}",
    "decimal": r"-?\d+(?:\.\d+)?",
}
_LITERAL, _MIXED, _CONSTRAINED, _PLAIN, _CATCH_ALL = range(5)
_NO_PARAMETERS: dict[str, str] = {}


@dataclass(frozen=True, slots=True)
class Route:
    function: Function
    template: str
    pattern: re.Pattern[str]
    ranks: tuple[int, ...]
    methods: frozenset[str]  # empty: all
    auth_level: str

    @property
    def literal(self) -> bool:
        return all(rank == _LITERAL for rank in self.ranks)


@dataclass(frozen=True, slots=True)
class Match:
    route: Route
    parameters: Mapping[str, str]


class RouteTable:
    """Routes of lower precedence still win where those before them do not take the method."""

    def __init__(self, functions: list[Function], prefix: str) -> None:
        http = [function for function in functions if function.trigger.kind == "httptrigger"]
        self.routes = sorted((_route(function, prefix) for function in http), key=lambda route: route.ranks)
        self._literals: dict[str, list[Route]] = {}
        for route in self.routes:
            if route.literal:
                self._literals.setdefault(route.template.lower(), []).append(route)
        self._patterns = [route for route in self.routes if not route.literal]

    def find(self, method: str, path: str) -> Match | None:
        """The function for a request; a known path with another method is not found, as on the real host.

        https://github.com/Azure/azure-functions-host/issues/10098
        """
        plain = unquote(_ENCODED_SLASH.sub("%252F", path)) if "%" in path else path
        for route in self._literals.get(plain.strip("/").lower(), ()):
            if not route.methods or method in route.methods:
                return Match(route, _NO_PARAMETERS)
        for route in self._patterns:
            if (not route.methods or method in route.methods) and (found := route.pattern.fullmatch(plain)):
                return Match(route, {name: value for name, value in found.groupdict().items() if value is not None})
        return None


def _route(function: Function, prefix: str) -> Route:
    fields = function.trigger.fields
    template = "/".join(part.strip("/") for part in (prefix, fields.get("route") or function.name) if part.strip("/"))
    segments = [_segment(segment) for segment in template.split("/")]
    return Route(
        function=function,
        template=template,
        pattern=re.compile("".join(pattern for _, pattern in segments) + "/?", re.IGNORECASE | re.DOTALL),
        ranks=tuple(rank for rank, _ in segments),
        methods=frozenset(method.upper() for method in fields.get("methods") or ()),
        auth_level=(fields.get("authLevel") or "function").lower(),
    )


def _segment(text: str) -> tuple[int, str]:
    parameter = _SEGMENT.fullmatch(text)
    if parameter is None:
        return _mixed(text)
    name = parameter["name"]
    if parameter["star"]:
        return _CATCH_ALL, f"(?:/(?P<{name}>.*))?"
    rule = (parameter["rule"] or "").split("(")[0]
    pattern = f"/(?P<{name}>{_CONSTRAINTS.get(rule, '[^/]+')})"
    optional = parameter["optional"] or parameter["default"] is not None
    return _CONSTRAINED if rule else _PLAIN, f"(?:{pattern})?" if optional else pattern


def _mixed(text: str) -> tuple[int, str]:
    parts = _CAPTURE.split(text)
    pattern = "".join(f"(?P<{part}>[^/]+)" if index % 2 else re.escape(part) for index, part in enumerate(parts))
    return _LITERAL if len(parts) == 1 else _MIXED, f"/{pattern}"
