"""The shapes on the wire as JSON Schema."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from pydantic import BaseModel, JsonValue
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaMode, JsonSchemaValue, models_json_schema
from pydantic_core import core_schema

from shared.wire.uploads import Upload

type Schema = dict[str, Any]
type Use = tuple[type[BaseModel], JsonSchemaMode]
"""A shape as it is sent to us (validation) or by us (serialization)."""

_PREFIX = "#/components/schemas/"


class _Wire(GenerateJsonSchema):
    def is_instance_schema(self, schema: core_schema.IsInstanceSchema) -> JsonSchemaValue:
        if schema["cls"] is Upload:
            return {"type": "string", "format": "binary"}
        return super().is_instance_schema(schema)

    def normalize_name(self, name: str) -> str:
        """`ListPage[FileObject]` is `ListPageOfFileObject`."""
        return super().normalize_name(name.replace("[", "Of").rstrip("]"))

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        """Without `default: null`: that a field may be left out is said by its not being required."""
        described = super().default_schema(schema)
        if described.get("default", ...) is None:
            del described["default"]
        return described

    def field_is_required(
        self,
        field: core_schema.ModelField | core_schema.DataclassField | core_schema.TypedDictField,
        total: bool,
    ) -> bool:
        """What we send has every field: nothing is left out for being a default."""
        return self.mode == "serialization" or super().field_is_required(field, total)


class Schemas:
    """Every shape that operations use, and how to refer to one."""

    def __init__(self, uses: Iterable[Use]) -> None:
        unique = sorted(set(uses), key=lambda use: (use[0].__module__, use[0].__qualname__, use[1]))
        refs, definitions = models_json_schema(unique, ref_template=_PREFIX + "{model}", schema_generator=_Wire)
        named: Mapping[str, Schema] = definitions.get("$defs", {})
        # A type alias has no title, and no name that means anything to a client.
        self._aliases = {_PREFIX + name: schema for name, schema in named.items() if "title" not in schema}
        self._refs = {use: schema["$ref"] for use, schema in refs.items()}
        self.named: dict[str, Schema] = {
            name: self._plain(schema) for name, schema in sorted(named.items()) if "title" in schema
        }

    def ref(self, model: type[BaseModel], mode: JsonSchemaMode) -> Schema:
        return {"$ref": self._refs[model, mode]}

    def fields(self, model: type[BaseModel], mode: JsonSchemaMode) -> Schema:
        """The shape itself: its properties, and which of them are required."""
        return self.named[self._refs[model, mode].removeprefix(_PREFIX)]

    def field_names(self, model: type[BaseModel], mode: JsonSchemaMode) -> set[str]:
        """Of the shape and all within it."""
        found, waiting = dict[str, set[str]](), [self._refs[model, mode]]
        while waiting:
            ref = waiting.pop()
            if ref not in found:
                schema = self.named[ref.removeprefix(_PREFIX)]
                found[ref] = set(schema.get("properties", ()))
                waiting += _refs(schema)
        return set[str]().union(*found.values())

    def _plain(self, schema: Schema) -> Schema:
        """Without titles, which repeat names, and with what an alias stands for in its place."""
        if (ref := schema.get("$ref")) in self._aliases:
            return self._plain(self._aliases[ref]) | {key: value for key, value in schema.items() if key != "$ref"}
        return {
            key: self._within(value) for key, value in schema.items() if not (key == "title" and value == str(value))
        }

    def _within(self, value: JsonValue) -> JsonValue:
        match value:
            case dict():
                return self._plain(value)
            case list():
                return [self._within(one) for one in value]
            case _:
                return value


def _refs(value: JsonValue) -> Iterator[str]:
    match value:
        case {"$ref": str(ref)}:
            yield ref
        case dict():
            for one in value.values():
                yield from _refs(one)
        case list():
            for one in value:
                yield from _refs(one)
        case _:
            pass
