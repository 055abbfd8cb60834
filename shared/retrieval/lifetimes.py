"""How long vector stores last: one that expires does so a number of days after it was last used."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from shared.errors import CapacityError, InvalidRequestError, NotFoundError, PreconditionFailedError
from shared.ports.clock import Clock
from shared.ports.records import Records, Stored, VectorStoreRecord

log = logging.getLogger(__name__)

_NOTED_EVERY = timedelta(hours=1)
"""A store that is searched all day is written so often, and no more; it expires by so much sooner, at most."""


def active_at(store: VectorStoreRecord) -> datetime:
    return store.active_at or store.created_at


def expires_at(store: VectorStoreRecord) -> datetime | None:
    return None if store.expires_days is None else active_at(store) + timedelta(days=store.expires_days)


@dataclass(frozen=True, slots=True)
class Lifetimes:
    """The vector stores that stand: made, not deleted, not expired."""

    stores: Records[VectorStoreRecord]
    clock: Clock

    async def get(self, tenant: str, store_id: str) -> Stored[VectorStoreRecord]:
        """Also one that has expired: it can be looked at and deleted. Raise NotFoundError."""
        try:
            return await self.stores.get(tenant, store_id)
        except NotFoundError as error:
            raise NotFoundError(f"No vector store {store_id!r}.", param="vector_store_id") from error

    async def standing(self, tenant: str, store_id: str) -> Stored[VectorStoreRecord]:
        """Raise NotFoundError; InvalidRequestError for one that has expired."""
        stored = await self.get(tenant, store_id)
        if self.is_over(stored.value):
            message = f"Vector store {store_id!r} has expired: make a new one."
            raise InvalidRequestError(message, param="vector_store_id", code="vector_store_expired")
        return stored

    async def used(self, tenant: str, store_ids: Sequence[str]) -> None:
        """Note that stores are used. Raise as `standing`."""
        for store_id in store_ids:
            stored = await self.standing(tenant, store_id)
            if self.clock.now() - active_at(stored.value) >= _NOTED_EVERY:
                await self._note(stored)

    async def stands(self, tenant: str, store_id: str) -> bool:
        try:
            return not self.is_over((await self.stores.get(tenant, store_id)).value)
        except NotFoundError:
            return False

    def is_over(self, store: VectorStoreRecord) -> bool:
        over = expires_at(store)
        return over is not None and over <= self.clock.now()

    async def _note(self, stored: Stored[VectorStoreRecord]) -> None:
        """Whoever is faster notes the same; and no search fails because it could not be noted."""
        try:
            await self.stores.replace(replace(stored.value, active_at=self.clock.now()), if_match=stored.etag)
        except (PreconditionFailedError, NotFoundError):
            return
        except CapacityError as error:
            log.warning("the use of a vector store was not noted store=%s reason=%s", stored.value.id, error)
