"""The one way of a call to the models: admitted by its limits, then routed to a deployment."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace

from pydantic_core import to_json

from shared.gateway.budgets import Budgets
from shared.gateway.catalogue import Model
from shared.gateway.limiter import Admission, Limiter
from shared.gateway.routing import Routed, Router, Turn
from shared.ports.keys import Caller
from shared.ports.policies import Policies

_BYTES_A_TOKEN = 4


@dataclass(frozen=True, slots=True)
class Ask:
    """Who asks what of which model. `max_output_tokens` is 0 where the model says nothing in tokens."""

    caller: Caller
    model: Model
    body: Mapping[str, object]
    max_output_tokens: int | None = None
    bulk: bool = False


class Dispatcher:
    def __init__(self, router: Router, limiter: Limiter, policies: Policies, budgets: Budgets) -> None:
        self._router = router
        self._limiter = limiter
        self._policies = policies
        self._budgets = budgets

    async def send[T](self, ask: Ask, attempt: Callable[[Turn, Admission | None], Awaitable[T]]) -> Routed[T]:
        """What `Router.route` gives and raises; RateLimitError for a call over its limits and
        QuotaError for one over its budget, which no deployment sees."""
        admission = await self._admitted(ask)
        try:
            routed = await self._router.route(ask.model, lambda turn: attempt(turn, admission))
        except BaseException:
            if admission is not None:
                admission.settle(0, 0)  # what an attempt has used is settled already
            raise
        return routed if admission is None else replace(routed, headers={**routed.headers, **admission.headers})

    async def _admitted(self, ask: Ask) -> Admission | None:
        policy = await self._policies.of(ask.caller.tenant)
        await self._budgets.check(policy)
        if not self._limiter.applies(ask.caller, ask.model.name, policy):
            return None
        return await self._limiter.admit(
            ask.caller,
            ask.model.name,
            policy,
            input_tokens=len(to_json(ask.body)) // _BYTES_A_TOKEN,
            max_output_tokens=ask.max_output_tokens,
            bulk=ask.bulk,
        )
