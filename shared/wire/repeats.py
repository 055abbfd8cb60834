"""A request as far as it is told from others by what it asks."""

from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import BaseModel


@dataclass(frozen=True, slots=True)
class Asked:
    """`raw` is the JSON as it came, b"" for a form, whose fields are in `body`."""

    operation: str
    path: Mapping[str, str]
    body: BaseModel
    raw: bytes
