"""One logical partition of one container: every request that we send goes through here.

The SDK itself waits out a 429, nine times or 30 seconds. Everything else that passes is repeated here: 408, 410, 449,
503, a lost answer, and a 429 inside a batch. A repeated write may meet itself; what is then refused is marked doubtful.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from shared.adapters.cosmos import failures
from shared.adapters.cosmos.account import CosmosAccount
from shared.adapters.cosmos.failures import Failure, RejectedError
from shared.adapters.cosmos.operations import Item, Operation, check, size_bytes
from shared.tracing import measures

if TYPE_CHECKING:
    from azure.cosmos.aio import ContainerProxy

MAX_TOP = 1000
"""More than this is no ranking, and costs the scan of a partition."""

_ATTEMPTS = 6
_LONGEST_WAIT_S = 5.0


@dataclass(frozen=True, slots=True)
class Answer:
    """`charge` is in request units, over all attempts whose answers we saw; `date` is the last one's header."""

    items: Sequence[dict[str, Any]]
    charge: float
    date: str | None = None

    @property
    def item(self) -> dict[str, Any]:
        return self.items[0]


class _Charges:
    """Sums what the answers say they cost. Handed to the SDK as its hook for responses."""

    def __init__(self) -> None:
        self.total = 0.0
        self.date: str | None = None

    def __call__(self, headers: Mapping[str, str], *_: object) -> None:
        self.total += failures.charge(headers)
        self.date = headers.get("Date")


@dataclass(slots=True)
class _Position:
    """Where a query goes on. Read from the answer itself: the SDK's own is shared by all that is under way."""

    token: str | None = None
    at_end: bool = False

    def advance(self, headers: Mapping[str, str]) -> None:
        self.token = headers.get("x-ms-continuation") or None
        self.at_end = self.token is None


type _Attempt = Callable[[ContainerProxy, _Charges], Awaitable[Sequence[dict[str, Any]]]]


class Partition:
    """Raises, from every method: RejectedError for 404, 409 and 412; CapacityError when nothing more is tried."""

    def __init__(self, account: CosmosAccount, container: str, key: str) -> None:
        self.key = key
        self._account = account
        self._container = container

    async def read(self, item_id: str) -> Answer:
        async def attempt(container: "ContainerProxy", charges: _Charges) -> Sequence[dict[str, Any]]:
            return [dict(await container.read_item(item_id, self.key, response_hook=charges))]

        return await self._run("read", attempt, writes=False)

    async def create(self, item: Item) -> Answer:
        size_bytes(item)

        async def attempt(container: "ContainerProxy", charges: _Charges) -> Sequence[dict[str, Any]]:
            return [dict(await container.create_item(dict(item), response_hook=charges))]

        return await self._run("create", attempt, writes=True)

    async def replace(self, item: Item, *, etag: str) -> Answer:
        size_bytes(item)

        async def attempt(container: "ContainerProxy", charges: _Charges) -> Sequence[dict[str, Any]]:
            fence = _unless_modified(etag)
            return [dict(await container.replace_item(item["id"], dict(item), response_hook=charges, **fence))]

        return await self._run("replace", attempt, writes=True)

    async def delete(self, item_id: str, *, etag: str) -> Answer:
        async def attempt(container: "ContainerProxy", charges: _Charges) -> Sequence[dict[str, Any]]:
            await container.delete_item(item_id, self.key, response_hook=charges, **_unless_modified(etag))
            return []

        return await self._run("delete", attempt, writes=True)

    async def batch(self, operations: Sequence[Operation]) -> Answer:
        """All of them happen, in order, or none."""
        check(operations)

        async def attempt(container: "ContainerProxy", charges: _Charges) -> Sequence[dict[str, Any]]:
            arguments = [operation.arguments() for operation in operations]
            return await container.execute_item_batch(arguments, self.key, response_hook=charges)

        return await self._run("batch", attempt, writes=True)

    async def query(self, sql: str, parameters: Mapping[str, object]) -> Answer:
        """All pages of it, each repeated by itself."""
        items: list[dict[str, Any]] = []
        charge, position = 0.0, _Position()
        while not position.at_end:
            page = await self._run("query", _page(self.key, sql, parameters, position), writes=False)
            items += page.items
            charge += page.charge
        return Answer(items, charge)

    async def ranked(self, sql: str, parameters: Mapping[str, object]) -> Answer:
        """The best, as many as the literal TOP says. A ranking cannot be resumed, so it is repeated whole."""

        async def attempt(container: "ContainerProxy", charges: _Charges) -> Sequence[dict[str, Any]]:
            found = container.query_items(
                sql,
                parameters=_bound(parameters),
                partition_key=self.key,
                max_item_count=MAX_TOP,
                response_hook=charges,
            )
            return [item async for item in found]

        return await self._run("ranked", attempt, writes=False)

    async def _run(self, operation: str, attempt: _Attempt, *, writes: bool) -> Answer:
        charges = _Charges()
        try:
            return await self._repeated(attempt, charges, writes=writes)
        finally:
            measures.request_charge(charges.total, operation=operation, container=self._container)

    async def _repeated(self, attempt: _Attempt, charges: _Charges, *, writes: bool) -> Answer:
        doubtful = False
        for number in range(1, _ATTEMPTS + 1):
            outcome = await self._try(attempt, charges)
            if not isinstance(outcome, Failure):
                return Answer(outcome, charges.total, charges.date)
            charges.total += outcome.charge
            if outcome.verdict:
                raise RejectedError(outcome, doubtful=doubtful) from outcome.cause
            doubtful = doubtful or (writes and outcome.doubtful)
            if not outcome.passing or number == _ATTEMPTS:
                raise failures.translated(outcome, self._container, doubtful=doubtful) from outcome.cause
            await asyncio.sleep(self._wait_s(outcome, number))
        raise AssertionError  # the last attempt has returned or raised

    async def _try(self, attempt: _Attempt, charges: _Charges) -> Sequence[dict[str, Any]] | Failure:
        from azure.core.exceptions import AzureError, ClientAuthenticationError

        try:
            return await attempt(await self._account.container(self._container), charges)
        except ClientAuthenticationError as error:
            raise failures.no_token() from error
        except AzureError as error:
            return failures.read_failure(error)

    def _wait_s(self, failure: Failure, number: int) -> float:
        if failure.retry_after_s is not None:
            return min(failure.retry_after_s, _LONGEST_WAIT_S)
        return self._account.retry_s * 2 ** (number - 1) * random.uniform(0.5, 1.5)  # noqa: S311 -- spreads retries


def _page(key: str, sql: str, parameters: Mapping[str, object], position: _Position) -> _Attempt:
    async def attempt(container: "ContainerProxy", charges: _Charges) -> Sequence[dict[str, Any]]:
        seen: list[Mapping[str, str]] = []

        def hook(headers: Mapping[str, str], *_: object) -> None:
            charges(headers)
            seen.append(headers)

        query = container.query_items(sql, parameters=_bound(parameters), partition_key=key, response_hook=hook)
        items: list[dict[str, Any]] = []
        async for page in query.by_page(position.token):
            items += [item async for item in page]
            break
        position.advance(seen[-1])
        return items

    return attempt


def _unless_modified(etag: str) -> dict[str, Any]:
    from azure.core import MatchConditions

    return {"etag": etag, "match_condition": MatchConditions.IfNotModified}


def _bound(parameters: Mapping[str, object]) -> list[dict[str, object]]:
    return [{"name": f"@{name}", "value": value} for name, value in parameters.items()]
