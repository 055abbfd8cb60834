"""How the shape of stored values has changed from release to release, so that this one reads what any earlier wrote.

A change of a stored type, be it one more field with a default, makes a new version of it: append an upgrade to its
list here. An older release, which does not know the field, would otherwise read the value, drop the field, and write
the rest back. `tests/contracts/test_versions.py` fails until that is done, and then wants the new shape noted down.

Stores filter (`Records.list`, `where`) by what is stored, before it is upgraded: a new field may be filtered by only if
a value that lacks it is not to be found.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

type Fields = Mapping[str, Any]

type Upgrade = Callable[[Fields], Fields]
"""From the JSON fields of one version to those of the next. Pure: it may run at every read until the next write."""


def unchanged(fields: Fields) -> Fields:
    """For a version that only adds fields whose defaults are right for values that lack them."""
    return fields


UPGRADES: Mapping[str, Sequence[Upgrade]] = {
    "DocumentRecord": (unchanged,),  # 2: `nudge`
}
"""By the name of the type: first the upgrade from version 1 to 2, then from 2 to 3, and so on. A version that has not
been released yet may take in further changes."""
