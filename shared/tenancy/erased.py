"""Which tenants are erased, remembered for those who have to refuse them."""

import logging

from shared.errors import CapacityError, NotFoundError
from shared.ports.clock import Clock
from shared.ports.erasure import ErasureRecord
from shared.ports.records import SYSTEM, Records
from shared.tenancy.remembered import Remembered
from shared.tenancy.secrets import Pepper

log = logging.getLogger(__name__)


class RememberedErasures:
    """Implements `Erasures`. While the store is down, a tenant counts as it did last, and as there if nobody knows: an
    erasure waits for longer than this may be wrong."""

    def __init__(self, records: Records[ErasureRecord], pepper: Pepper, clock: Clock, *, ttl_s: float) -> None:
        self._records = records
        self._pepper = pepper
        self._last: dict[str, str | None] = {}
        self._known = Remembered(self._look, clock, ttl_s=ttl_s)

    async def pseudonym(self, tenant: str) -> str | None:
        return await self._known.get(tenant)

    async def _look(self, tenant: str) -> str | None:
        pseudonym = self._pepper.pseudonym(tenant)
        try:
            await self._records.get(SYSTEM, pseudonym)
        except NotFoundError:
            found = None
        except CapacityError as error:
            log.warning("whether a tenant is erased is not known reason=%s", error)
            return self._last.get(tenant)
        else:
            found = pseudonym
        self._last[tenant] = found
        return found
