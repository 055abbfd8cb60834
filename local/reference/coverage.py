"""Which of OpenAI's operations and fields there are: our OpenAPI document beside the requests of OpenAI's client."""

import re
from collections.abc import Iterator
from itertools import groupby

from local.reference.document import ROOT
from local.reference.openai_requests import OpenAIRequest, client_version, openai_requests
from local.reference.schemas import Schema

PAGE = ROOT / "docs" / "openai.md"
_BEGIN, _END = "<!-- begin: coverage -->", "<!-- end: coverage -->"
_HEAD = """\
Written by `python -m local.reference`, which compares the OpenAPI document with the requests of openai-python
{version}; a test holds it equal. *Yes*: we check it and act on it. *Passed through*: the model gets it as it came.
*No*: we do not know it, and it does nothing; where that would answer wrongly (keys, logs, usage, costs) it is refused.
*Ours*: OpenAI has no such field. Fields are those at the top of bodies and queries.

| endpoint | yes | passed through | no | ours |
| --- | --- | --- | --- | --- |
"""


def page(described: Schema) -> str:
    """The page about OpenAI's API, with the table as it has to be."""
    before, rest = PAGE.read_text().split(_BEGIN)
    return f"{before}{_BEGIN}\n{_section(described)}{_END}{rest.split(_END)[1]}"


def _section(described: Schema) -> str:
    ours, theirs = dict(_ours(described)), openai_requests()
    rows, absent = list[str](), list[str]()
    for area, group in groupby(theirs, _area):
        requests = list(group)
        if any(_key(request.method, request.path) in ours for request in requests):
            rows += (_row(request, ours.get(_key(request.method, request.path))) for request in requests)
        else:
            absent.append(f"`{area}`")
    alone = sorted(ours.keys() - {_key(request.method, request.path) for request in theirs}, key=lambda key: key[::-1])
    return (
        _HEAD.format(version=client_version())
        + "".join(rows)
        + f"\nOurs, and Azure's, alone: {', '.join(f'`{method} {path}`' for method, path in alone)}.\n"
        + f"\nOf OpenAI's other resources there is nothing: {', '.join(absent)}.\n"
    )


def _ours(described: Schema) -> Iterator[tuple[tuple[str, str], Schema]]:
    """Of each operation its body, or its query as if it were one."""
    schemas = described["components"]["schemas"]
    for path, operations in described["paths"].items():
        for method, operation in operations.items():
            fields: Schema = {
                "properties": {one["name"]: one for one in operation.get("parameters", ()) if one["in"] == "query"}
            }
            for content in operation.get("requestBody", {}).get("content", {}).values():
                fields |= schemas[content["schema"]["$ref"].rpartition("/")[2]]
            yield _key(method, path.removeprefix("/v1")), fields


def _key(method: str, path: str) -> tuple[str, str]:
    """What the parts of a path are called is nobody's business."""
    return method.upper(), re.sub(r"\{\w+\}", "{}", path)


def _area(request: OpenAIRequest) -> str:
    parts = request.path.split("/")[1:]
    return "/".join(parts[:2] if parts[0] == "organization" else parts[:1])


def _row(request: OpenAIRequest, ours: Schema | None) -> str:
    endpoint = f"`{request.method} {request.path}`"
    if ours is None:
        return f"| {endpoint} | | | not there | |\n"
    theirs, known = request.fields, set(ours.get("properties", ()))
    passes = ours.get("additionalProperties") is True
    unknown = [name for name in theirs if name not in known]
    columns = (
        [name for name in theirs if name in known],
        unknown if passes else [],
        [] if passes else unknown,
        sorted(known.difference(theirs)),
    )
    yes, *others = (", ".join(names) for names in columns)
    return f"| {endpoint} | {' | '.join((yes or 'there', *others))} |\n"
