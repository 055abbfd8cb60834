"""The OpenAPI document: https://spec.openapis.org/oas/v3.1.1."""

import json
import tomllib
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from pathlib import Path

from pydantic import BaseModel

from local.reference.routes import Route
from local.reference.schemas import Schema, Schemas, Use
from local.reference.statuses import RELAYED, explanation, refusals
from shared.wire.refusals import Refusal
from shared.wire.replies import Download, Relayed, Streamed

ROOT = Path(__file__).parents[2]

_ABOUT = """\
OpenAI's API, answered by Flightdeck: unmodified clients of OpenAI and Azure OpenAI work with it. What is ours beyond it
says so.

A key comes as `Authorization: Bearer` or as `api-key`, and has scopes; each operation names the one that it needs.
Every refusal is OpenAI's error object. Every answer carries an `x-request-id`.
"""
_SCHEMES: Schema = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "An API key, or an access token of Entra ID."},
    "api-key": {
        "type": "apiKey",
        "in": "header",
        "name": "api-key",
        "description": "As AzureOpenAI's clients send it.",
    },
}
_REQUEST_ID: Schema = {"x-request-id": {"$ref": "#/components/headers/x-request-id"}}
_HEADERS: Schema = {"x-request-id": {"description": "Of this request, for the logs.", "schema": {"type": "string"}}}
_BYTES: Schema = {"type": "string", "format": "binary"}


def text(described: Schema) -> str:
    return json.dumps(described, indent=1, ensure_ascii=False) + "\n"


def document(every: list[Route]) -> Schema:
    schemas = Schemas(_uses(every))
    paths: dict[str, Schema] = {}
    for route in every:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, schemas)
    return {
        "openapi": "3.1.1",
        "info": {"title": "Flightdeck", "version": _version(), "description": _ABOUT, "license": {"name": "MIT"}},
        "servers": [{"url": "/"}],
        "tags": [{"name": area} for area in dict.fromkeys(route.area for route in every)],
        "paths": paths,
        "components": {
            "schemas": schemas.named,
            "responses": _refusals(paths, schemas),
            "headers": _HEADERS,
            "securitySchemes": _SCHEMES,
        },
    }


def _version() -> str:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]


def _uses(routes: Iterable[Route]) -> set[Use]:
    found: set[Use] = {(Refusal, "serialization")}
    for route in routes:
        if route.body:
            found.add((route.body, "validation"))
        found |= {(reply, "serialization") for reply in route.replies if issubclass(reply, BaseModel)}
    return found


def _operation(route: Route, schemas: Schemas) -> Schema:
    described: Schema = {
        "operationId": route.name,
        "tags": [route.area],
        "summary": route.name.replace("_", " ").capitalize(),
        **({"description": route.about} if route.about else {}),
        "security": [{scheme: [route.scope]} for scheme in _SCHEMES],
    }
    if parameters := [*map(_in_path, route.ids), *_in_query(route.query, schemas)]:
        described["parameters"] = parameters
    if route.content:
        described["requestBody"] = _content(route.content, schemas)
    fields = schemas.field_names(route.body, "validation") if route.body else set[str]()
    refused = {code: {"$ref": f"#/components/responses/{_component(code)}"} for code in refusals(route, fields)}
    return described | {"responses": _answers(route, schemas) | refused}


def _in_path(name: str) -> Schema:
    return {"name": name, "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}


def _in_query(query: type[BaseModel] | None, schemas: Schemas) -> Iterable[Schema]:
    """Lists are repeated; `name[]`, as OpenAI's clients write them, counts as `name`."""
    shape = schemas.fields(query, "validation") if query else {}
    for name, schema in shape.get("properties", {}).items():
        given, about = _given(schema), schema.get("description")
        yield {
            "name": name,
            "in": "query",
            "required": name in shape.get("required", ()),
            **({"description": about} if about else {}),
            "schema": {key: value for key, value in given.items() if key != "description"},
        }


def _given(schema: Schema) -> Schema:
    """Of a field that may be null, which no query can say, what else it may be."""
    others = [one for one in schema.get("anyOf", ()) if one != {"type": "null"}]
    if len(others) != 1:
        return schema
    return others[0] | {key: value for key, value in schema.items() if key != "anyOf"}


def _content(body: type[BaseModel], schemas: Schemas) -> Schema:
    shape = schemas.fields(body, "validation")
    fields: dict[str, Schema] = shape.get("properties", {})
    required = {"required": bool(shape.get("required"))}
    content: Schema = {"schema": schemas.ref(body, "validation")}
    if _BYTES not in fields.values():
        return required | {"content": {"application/json": content}}
    objects = [name for name, schema in fields.items() if "$ref" in _given(schema)]
    if objects:
        content["encoding"] = {name: {"style": "deepObject", "explode": True} for name in objects}
    return required | {"content": {"multipart/form-data": content}}


def _answers(route: Route, schemas: Schemas) -> Schema:
    content: Schema = {}
    for reply in route.replies:
        content |= _answer(reply, schemas)
    answers = {
        str(status): {"description": HTTPStatus(status).phrase, "headers": _REQUEST_ID, "content": content}
        for status in route.statuses
    }
    if Download in route.replies:
        answers["206"] = answers["200"] | {"description": "The bytes that the header `range` asked for"}
    return answers


def _answer(reply: type, schemas: Schemas) -> Schema:
    if issubclass(reply, BaseModel):
        return {"application/json": {"schema": schemas.ref(reply, "serialization")}}
    if reply is Relayed:
        return {"application/json": {"schema": {}}}
    if reply is Streamed:
        return {"text/event-stream": {}}
    return {"*/*": {"schema": _BYTES}}


def _refusals(paths: Mapping[str, Schema], schemas: Schemas) -> Schema:
    codes = {code for path in paths.values() for one in path.values() for code in one["responses"] if code >= "4"}
    refusal = schemas.ref(Refusal, "serialization")
    return {
        _component(code): {
            "description": _explained(code),
            "headers": _REQUEST_ID,
            "content": {"application/json": {"schema": {} if code == RELAYED else refusal}},
        }
        for code in sorted(codes)
    }


def _component(code: str) -> str:
    return "Relayed" if code == RELAYED else HTTPStatus(int(code)).name.title().replace("_", "")


def _explained(code: str) -> str:
    if code == RELAYED:
        return "A refusal of ours, or, word for word, of the one who answers through us."
    return explanation(HTTPStatus(int(code)))
