"""How the shapes of stored records have changed from release to release, so that this one reads what any earlier wrote.

An older release, which does not know a new field, would read the record, drop the field and write the rest back;
therefore each change of a type in `ports.records` makes a new version of it: append to its list here (`wire.versions`).

Stores filter (`Records.list`, `where`) by what is stored, before it is upgraded: a new field may be filtered by only if
a record that lacks it is not to be found.
"""

from collections.abc import Mapping

from shared.wire.versions import Upgrades, unchanged

UPGRADES: Mapping[str, Upgrades] = {
    "DocumentRecord": (unchanged,),  # 2: `nudge`, `acl`, `inputs`, `fan_out`, `chunking`
    "FileRecord": (unchanged,),  # 2: `expires_at`
    "VectorStoreRecord": (unchanged,),  # 2: `description`, `expires_days`, `active_at`
}
"""By the name of the type."""
