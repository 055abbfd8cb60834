"""What the ledger has of a tenant, under another name: amounts are kept, whose they were is not."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from shared.ports.clock import Clock
from shared.ports.erasure import Leaving, Turn
from shared.ports.usage import UsageLedger

_FIRST = datetime(2026, 1, 1, tzinfo=UTC)
"""No event is older: there was nothing to make one."""

_PAGE = 100
_MONTH = "%Y-%m"


@dataclass(frozen=True, slots=True)
class DisownedUsage:
    """The position is the month."""

    ledger: UsageLedger
    clock: Clock

    async def turn(self, leaving: Leaving, position: str | None) -> Turn:
        month = _FIRST if position is None else datetime.strptime(position, _MONTH).replace(tzinfo=UTC)
        while month <= self.clock.now():
            moved = await self.ledger.disown(leaving.tenant, leaving.pseudonym, month=month, limit=_PAGE)
            if moved:
                return Turn(moved, f"{month:{_MONTH}}")
            month = (month + timedelta(days=32)).replace(day=1)
        return Turn(0, None)
