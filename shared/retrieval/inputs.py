"""What a document's index is made of beside its blob: attributes to filter by, who may read it, how it is cut.

A dropped blob says both in its metadata, an attached file in the attributes it was attached with. There is one source
for each document, so no edit of the one can loosen what the other restricts.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import astuple, dataclass, field, replace
from typing import NoReturn

from shared.errors import DocumentError, InvalidRequestError
from shared.ports.blobs import DOCUMENTS
from shared.ports.records import Attribute, DocumentRecord, FileRecord

ACL = "acl"
"""Key of the metadata, and of the attributes: principals with commas between, any of whom may read the document."""

PREFIX = "attr_"
"""Of the metadata keys that are attributes."""

_MAX_ATTRIBUTES = 16
_MAX_NAME = 64
_MAX_TEXT = 512
_MAX_PRINCIPALS = 100


@dataclass(frozen=True, slots=True)
class Inputs:
    """An empty `acl` lets everyone in the tenant read."""

    attributes: Mapping[str, Attribute] = field(default_factory=dict[str, Attribute])
    acl: tuple[str, ...] = ()

    def laid_on(self, document: DocumentRecord) -> DocumentRecord:
        return replace(document, attributes=self.attributes, acl=self.acl)


def from_metadata(metadata: Mapping[str, str]) -> Inputs:
    """Raise DocumentError for what cannot be understood: a document is rather not found than read by the wrong people.

    Keys are case-insensitive, as headers are. An attribute's value is a number or a boolean where it is written as JSON
    writes them, else text.
    """
    named = {key.lower(): value for key, value in metadata.items()}
    attributes = {key.removeprefix(PREFIX): _scalar(text) for key, text in named.items() if key.startswith(PREFIX)}
    try:
        _check(attributes)
        return Inputs(attributes, _principals(named[ACL]) if ACL in named else ())
    except ValueError as error:
        raise DocumentError(f"The blob's metadata is wrong: {error}.", code="invalid_file") from error


def from_attributes(attributes: Mapping[str, Attribute], file: FileRecord) -> Inputs:
    """Raise InvalidRequestError, also for attributes of a dropped blob, which come with it."""
    if file.container == DOCUMENTS and attributes:
        _refuse(f"{file.id!r} is a dropped blob: its attributes come from its metadata.")
    plain = {name: value for name, value in attributes.items() if name != ACL}
    if ACL not in attributes:
        return Inputs(plain)
    try:
        return Inputs(plain, _principals(attributes[ACL]))
    except ValueError as error:
        _refuse(f"{error}.".capitalize())


def shown(document: DocumentRecord) -> dict[str, Attribute]:
    """The attributes as they were given."""
    return {**document.attributes, **({ACL: ",".join(document.acl)} if document.acl else {})}


def digest(document: DocumentRecord) -> str:
    """Of the inputs on the record; empty if there are none. It tells whether a generation was made with them."""
    if not document.attributes and not document.acl and not document.chunking:
        return ""
    cut = [astuple(document.chunking)] if document.chunking else []
    told = json.dumps([sorted(document.attributes.items()), sorted(document.acl), *cut])
    return hashlib.sha256(told.encode()).hexdigest()


def _refuse(message: str) -> NoReturn:
    raise InvalidRequestError(message, param="attributes")


def _principals(text: Attribute) -> tuple[str, ...]:
    if not isinstance(text, str):
        raise ValueError(f"the acl {text!r} is no text")  # noqa: TRY004 -- a value from outside, like those below
    names = tuple(part.strip() for part in text.split(","))
    if not all(name.isprintable() and 0 < len(name) <= _MAX_TEXT for name in names):
        raise ValueError(f"the acl {text!r} is no list of principals with commas between")
    if len(names) > _MAX_PRINCIPALS:
        raise ValueError(f"the acl has {len(names)} principals; {_MAX_PRINCIPALS} are allowed")
    return tuple(sorted(set(names)))


def _scalar(text: str) -> Attribute:
    try:
        value: object = json.loads(text, parse_constant=_no_number)
    except ValueError:
        return text
    if isinstance(value, bool | str):
        return value
    return float(value) if isinstance(value, int | float) else text


def _no_number(name: str) -> NoReturn:
    raise ValueError(name)


def _check(attributes: Mapping[str, Attribute]) -> None:
    if len(attributes) > _MAX_ATTRIBUTES:
        raise ValueError(f"it has {len(attributes)} attributes; {_MAX_ATTRIBUTES} are allowed")
    for name, value in attributes.items():
        if name == ACL or not 0 < len(name) <= _MAX_NAME:
            raise ValueError(f"{PREFIX + name!r} cannot be an attribute's name")
        if isinstance(value, str) and len(value) > _MAX_TEXT:
            raise ValueError(f"the attribute {name!r} has {len(value)} characters; {_MAX_TEXT} are allowed")
