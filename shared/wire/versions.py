"""What is written today and read by another release tomorrow says the version of its shape: records and messages.

A change of the shape, be it one more field with a default, makes a new version, and an upgrade from the one before.
`tests/contracts/test_versions.py` fails until there is one, and the new shape has been noted down.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import reduce
from typing import Any

FIRST = 1
"""The version of what says none."""

type Fields = Mapping[str, Any]

type Upgrade = Callable[[Fields], Fields]
"""From the JSON fields of one version to those of the next. Pure: it may run at every read until the next write."""

type Upgrades = Sequence[Upgrade]
"""First the upgrade from version 1 to 2, then from 2 to 3, and so on. A version that no release has had yet may take in
further changes."""


def unchanged(fields: Fields) -> Fields:
    """For a version that only adds fields whose defaults are right for what lacks them."""
    return fields


def latest(upgrades: Upgrades) -> int:
    """The version that they lead to."""
    return FIRST + len(upgrades)


def upgraded(fields: Fields, version: int, upgrades: Upgrades) -> Fields:
    """Fields of `version`, which is none of a later release, in the latest."""
    return reduce(_apply, upgrades[version - FIRST :], fields)


def _apply(fields: Fields, upgrade: Upgrade) -> Fields:
    return upgrade(fields)
