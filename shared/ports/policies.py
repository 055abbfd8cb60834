"""What the operator of the platform lets a tenant use."""

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class PolicyRecord:
    """A tenant's policy; its `id` is the tenant's name. None is no limit.

    `requests` and `tokens` are a minute's, of all models and keys together; `budget_microusd` a month's (UTC) in
    millionths of a US dollar; `storage_bytes` is what its files may have together; `semantic_cache` whether its callers
    may get the answer to a question that means the same.
    """

    id: str
    tenant: str
    requests: int | None = None
    tokens: int | None = None
    budget_microusd: int | None = None
    storage_bytes: int | None = None
    semantic_cache: bool = False


def unrestricted(tenant: str) -> PolicyRecord:
    """That of a tenant which has none."""
    return PolicyRecord(tenant, tenant)


class Policies(Protocol):
    async def of(self, tenant: str) -> PolicyRecord:
        """As the store said it last, not long ago while it answers. Raise CapacityError when it never did."""
        ...
