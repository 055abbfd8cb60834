"""The shapes that stored types have had, by version: `python -m tests.contracts.shapes` notes those of today."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, get_args, get_type_hints

from shared.ports.codec import Codec
from shared.ports.records import Record

TYPES: Sequence[type[Record]] = get_args(Record.__value__)

_PAGE = Path(__file__).parent / "data" / "shapes.json"

type Shape = Mapping[str, Any]


def noted() -> Mapping[str, Mapping[str, Shape]]:
    """By the name of the type and the version."""
    return json.loads(_PAGE.read_text())


def shape(stored_type: Any) -> Shape:
    """Its fields and their types, and those of the dataclasses among them."""
    hints = get_type_hints(stored_type)
    return {field.name: _described(hints[field.name]) for field in fields(stored_type)}


def _described(hint: Any) -> Any:
    name = str(hint) if get_args(hint) else hint.__name__
    inner = [shape(one) for one in (hint, *get_args(hint)) if is_dataclass(one)]
    return [name, *inner] if inner else name


if __name__ == "__main__":
    known = noted()
    today = {one.__name__: {str(Codec(one).version): shape(one)} for one in TYPES}
    merged = {name: {**known.get(name, {}), **versions} for name, versions in today.items()}
    _PAGE.write_text(json.dumps(merged, indent=1) + "\n")
