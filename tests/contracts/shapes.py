"""The shapes that records and messages have had: `python -m tests.contracts.shapes` notes those of today."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, TypeAliasType, get_args, get_type_hints

from shared.ports.codec import Codec
from shared.ports.records import Record
from shared.wire.erasure import EraseMessage
from shared.wire.exports import ExportMessage
from shared.wire.messages import BlobMessage, DocumentMessage, DocumentPartMessage, QueueMessage, ResponseMessage
from shared.wire.usage import UsageMessage

RECORDS: Sequence[type[Record]] = get_args(Record.__value__)
MESSAGES: Sequence[type[QueueMessage]] = (
    DocumentMessage,
    DocumentPartMessage,
    BlobMessage,
    ResponseMessage,
    UsageMessage,
    EraseMessage,
    ExportMessage,
)

RELEASED: Mapping[str, int] = {
    **dict.fromkeys(("FileRecord", "VectorStoreRecord", "FolderRecord", "DocumentRecord"), 1),
    **dict.fromkeys(("DocumentMessage", "BlobMessage", "UsageMessage"), 1),
}
"""Versions that are in somebody's store or queue: their shapes are noted once and for all. Raise at a release."""

_PAGE = Path(__file__).parent / "data" / "shapes.json"

type Shape = Mapping[str, Any]


def noted() -> Mapping[str, Mapping[str, Shape]]:
    """By the name of the type and the version."""
    return json.loads(_PAGE.read_text())


def version(written: Any) -> int:
    """The one that this release writes."""
    return written.model_fields["version"].default if written in MESSAGES else Codec(written).version


def shape(written: Any) -> Shape:
    """Its fields and their types, and those of the dataclasses among them."""
    hints = get_type_hints(written)
    names = written.model_fields if written in MESSAGES else [field.name for field in fields(written)]
    return {name: _described(hints[name]) for name in names}


def _described(hint: Any) -> Any:
    name = str(hint) if get_args(hint) else hint.__name__
    inner = [shape(one) for one in _within(hint) if is_dataclass(one)]
    return [name, *inner] if inner else name


def _within(hint: Any) -> Iterator[Any]:
    """The type itself and those that it is made of."""
    if isinstance(hint, TypeAliasType):
        yield from _within(hint.__value__)
        return
    yield hint
    for one in get_args(hint):
        yield from _within(one)


if __name__ == "__main__":
    page = {name: dict(versions) for name, versions in noted().items()}
    for one in (*RECORDS, *MESSAGES):
        if version(one) > RELEASED.get(one.__name__, 0):
            page.setdefault(one.__name__, {})[str(version(one))] = shape(one)
    _PAGE.write_text(json.dumps(page, indent=1) + "\n")
