"""The page about the API, for people: what the OpenAPI document says, as HTML that needs nothing else."""

import html
import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

type _Schema = dict[str, Any]

_STYLE = """
:root { color-scheme: light dark; --line: color-mix(in srgb, currentcolor 18%, transparent) }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 0 auto; padding: 1rem 1.5rem 6rem }
h1, h2, h3 { line-height: 1.2 }
h2 { margin-top: 3rem; border-bottom: 1px solid var(--line) }
h2::first-letter { text-transform: uppercase }
h3 { margin-top: 2rem; font-size: 1rem }
code, h3 { font-family: ui-monospace, monospace }
code { font-size: .92em }
table { border-collapse: collapse; width: 100% }
td { border-top: 1px solid var(--line); padding: .25rem .6rem .25rem 0; vertical-align: top }
td:first-child { white-space: nowrap; width: 14rem }
nav { columns: 18rem }
nav p { break-inside: avoid; margin: 0 0 .8rem }
a { color: inherit }
.method { opacity: .6 }
"""
_HEAD = '<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n<meta name="viewport" content="width=device-width">'


def written(described: _Schema) -> str:
    return "\n".join(_page(described)) + "\n"


def _page(described: _Schema) -> Iterator[str]:
    info, parts = described["info"], described["components"]
    operations = [
        (method, path, operation)
        for path, methods in described["paths"].items()
        for method, operation in methods.items()
    ]
    yield f"{_HEAD}\n<title>{info['title']}: the API</title>\n<style>{_STYLE}</style>"
    yield f"<h1>{info['title']}</h1>{_text(info['description'])}"
    yield '<p>The same for programs: <a href="/v1/openapi.json">/v1/openapi.json</a>.</p>'
    yield f"<nav>{''.join(_contents(described['tags'], operations))}</nav>"
    for tag in described["tags"]:
        yield f"<h2>{_words(tag['name'])}</h2>"
        for method, path, operation in operations:
            if tag["name"] in operation["tags"]:
                yield from _operation(method, path, operation)
    yield "<h2>shapes</h2>"
    for name, schema in parts["schemas"].items():
        yield f'<h3 id="{name}">{name}</h3>{_text(schema.get("description", ""))}{_fields(schema)}'
    yield "<h2>refusals</h2>"
    yield _table(
        (f'<span id="{name}">{name}</span>', _inline(one["description"])) for name, one in parts["responses"].items()
    )


def _contents(tags: Iterable[_Schema], operations: list[tuple[str, str, _Schema]]) -> Iterator[str]:
    for tag in tags:
        links = [
            f'<a href="#{one["operationId"]}">{one["summary"]}</a>'
            for _, _, one in operations
            if tag["name"] in one["tags"]
        ]
        yield f"<p><b>{_words(tag['name'])}</b><br>{'<br>'.join(links)}</p>"


def _operation(method: str, path: str, operation: _Schema) -> Iterator[str]:
    scopes = {scope for way in operation["security"] for scopes in way.values() for scope in scopes}
    yield f'<h3 id="{operation["operationId"]}"><span class="method">{method.upper()}</span> {html.escape(path)}</h3>'
    yield f"{_text(operation.get('description', ''))}<p>{operation['summary']}, with the scope {_code(*scopes)}.</p>"
    if parameters := operation.get("parameters"):
        yield _table((_name(one, one["required"]), _about(one["schema"], one)) for one in parameters)
    for kind, content in operation.get("requestBody", {}).get("content", {}).items():
        yield f"<p>Takes {_type(content['schema'])} as {_code(kind)}.</p>"
    yield f"<p>Answers:</p>{_table(_answers(operation['responses']))}"


def _answers(responses: _Schema) -> Iterator[tuple[str, str]]:
    for status, response in responses.items():
        if "$ref" not in response:
            yield _code(status), " or ".join(_content(*each) for each in response["content"].items())
    yield "refusals", " ".join(_ref(one["$ref"], status) for status, one in responses.items() if "$ref" in one)


def _content(kind: str, content: _Schema) -> str:
    return f"{_type(content['schema'])} as {_code(kind)}" if content.get("schema") else _code(kind)


def _fields(schema: _Schema) -> str:
    if "properties" not in schema:
        return f"<p>{_type(schema)}</p>"
    required = schema.get("required", ())
    return _table((_name({"name": name}, name in required), _about(one)) for name, one in schema["properties"].items())


def _name(named: _Schema, required: bool) -> str:
    return _code(named["name"]) + ("" if required else " <small>optional</small>")


def _about(schema: _Schema, parameter: _Schema | None = None) -> str:
    where = f" in the {parameter['in']}" if parameter else ""
    default = f"; by default {_code(json.dumps(schema['default']))}" if "default" in schema else ""
    about = (parameter or schema).get("description", "")
    return f"{_type(schema)}{where}{default}{'. ' + _inline(about) if about else ''}"


def _type(schema: _Schema) -> str:
    match schema:
        case {"$ref": str(ref)}:
            return _ref(ref)
        case {"const": value}:
            return _code(json.dumps(value))
        case {"enum": values}:
            return _code(*map(json.dumps, values))
        case {"anyOf": kinds} | {"oneOf": kinds}:
            return " or ".join(map(_type, kinds))
        case {"type": "array", "items": items}:
            return f"list of {_type(items)}{_bounds(schema)}"
        case {"type": "object", "additionalProperties": values} if values not in (True, False):
            return f"object of {_type(values)}{_bounds(schema)}"
        case {"type": str(kind)}:
            return f"{'bytes' if schema.get('format') == 'binary' else kind}{_bounds(schema)}"
        case _:
            return "any JSON"


def _bounds(schema: _Schema) -> str:
    words = {"min": ("minimum", "minLength", "minItems"), "max": ("maximum", "maxLength", "maxItems", "maxProperties")}
    found = [f"{word} {schema[key]}" for word, keys in words.items() for key in keys if key in schema]
    return f" ({', '.join(found)})" if found else ""


def _table(rows: Iterable[tuple[str, str]]) -> str:
    return "<table>" + "\n".join(f"<tr><td>{name}<td>{about}" for name, about in rows) + "</table>"


def _ref(ref: str, shown: str = "") -> str:
    name = ref.rpartition("/")[2]
    return _link(name, shown or name)


def _link(anchor: str, shown: str) -> str:
    return f'<a href="#{anchor}">{shown}</a>'


def _code(*words: str) -> str:
    return " or ".join(f"<code>{html.escape(word)}</code>" for word in words)


def _words(name: str) -> str:
    return name.replace("_", " ")


def _text(text: str) -> str:
    return "".join(f"<p>{_inline(part)}</p>" for part in text.split("\n\n") if part.strip())


def _inline(text: str) -> str:
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", html.escape(text, quote=False))
