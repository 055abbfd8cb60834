"""Chat completions through the cache: what was answered before, what is being answered just now, or the model.

The rules are GATEWAY's, "Cache"; docs/cache.md says what they mean to a client.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, field, replace

from shared.errors import PlatformError, RateLimitError
from shared.gateway import completion, sse
from shared.gateway.attempts import CLIENT_GONE, Upstreams
from shared.gateway.catalogue import Catalogue
from shared.gateway.chat import ChatCall, ChatGateway
from shared.gateway.completion import Completion
from shared.gateway.fingerprints import Place, is_cacheable, place_of
from shared.gateway.flights import Flight, Flights
from shared.gateway.hits import Hits
from shared.gateway.semantic import Question, SemanticCache
from shared.ports.cache import AnswerCache
from shared.wire.cache import SIMILARITY, WISHES
from shared.wire.replies import Relayed, Streamed

log = logging.getLogger(__name__)

_LOOK_S = 1.0
"""A store that has not answered by then has missed: the model is not much slower."""

_HIT: Mapping[str, str] = {WISHES: "hit"}


@dataclass(frozen=True, slots=True)
class CacheRules:
    """`ttl_s` is 0 where nothing is to be kept."""

    ttl_s: int = 3600
    max_bytes: int = 256_000


class CachedChat:
    """As `ChatGateway`, which is asked for what is not known. Without `semantic`, only the same question is known."""

    def __init__(
        self,
        gateway: ChatGateway,
        catalogue: Catalogue,
        answers: AnswerCache,
        upstreams: Upstreams,
        rules: CacheRules,
        semantic: SemanticCache | None = None,
    ) -> None:
        self._gateway = gateway
        self._catalogue = catalogue
        self._answers = answers
        self._clock = upstreams.clock
        self._rules = rules
        self._semantic = semantic
        self._hits = Hits(upstreams)
        self._flights = Flights()

    async def complete(self, call: ChatCall) -> Relayed:
        place = self._place(call)
        if place is None:
            return await self._gateway.complete(call)
        seen = await self._look(place, call)
        if seen.answer is not None:
            self._hits.meter(call, self._hits.usage_of(call, seen.answer.kept()))
            return Relayed(seen.answer.told(*self._fresh()), headers=seen.headers)
        ride = await self._boarded(call, place, seen.question)
        ride.flight.leave()
        (body,) = ride.flight.pieces
        if ride.joined:
            self._hits.meter(call, self._hits.usage_of(call, body))
        return Relayed(body, headers=ride.headers)

    async def stream(self, call: ChatCall) -> Streamed:
        place = self._place(call)
        if place is None:
            return await self._gateway.stream(call)
        seen = await self._look(place, call)
        if seen.answer is not None:
            events, headers = self._told(call, seen.answer), seen.headers
        else:
            ride = await self._boarded(call, place, seen.question, stream=True)
            events, headers = self._passed_on(call, ride), ride.headers
        await anext(events)
        return Streamed(events, headers=headers)

    async def drain(self) -> None:
        """Wait for what is still to be kept."""
        await self._flights.drain()

    def _place(self, call: ChatCall) -> Place | None:
        """None for what may neither be taken from the cache nor be shared."""
        if not self._rules.ttl_s or not is_cacheable(call):
            return None
        return place_of(call, self._catalogue.find(call.model, "chat"))

    async def _look(self, place: Place, call: ChatCall) -> "_Seen":
        """A cache that is down or slow has nothing."""
        if not call.wish.read:
            return _Seen()
        try:
            async with asyncio.timeout(_LOOK_S):
                body = await self._answers.get(place.tenant, place.space, place.key)
                same = None if body is None else completion.read(body)
                return _Seen(same, _HIT) if same is not None else await self._alike(place, call)
        except (PlatformError, TimeoutError) as error:
            log.warning("cache_unread reason=%s", error or type(error).__name__)
            return _Seen()

    async def _alike(self, place: Place, call: ChatCall) -> "_Seen":
        if self._semantic is None:
            return _Seen()
        question = await self._semantic.question(call, self._catalogue.find(call.model, "chat"))
        if question is None:
            return _Seen()
        found = await self._semantic.find(question, place, at_least=call.wish.similarity)
        if found is None:
            return _Seen(question=question)
        return _Seen(found.answer, {WISHES: "semantic", SIMILARITY: f"{found.similarity:.3f}"})

    async def _boarded(
        self, call: ChatCall, place: Place, question: Question | None, *, stream: bool = False
    ) -> "_Ride":
        """A seat on the call that is under way, or on one of its own, when its answer begins. Leave it afterwards.

        Limits may be a key's own: who is refused by another key's asks by itself.
        """
        # Who does not want what is kept does not want what others began to get either.
        about = (place, stream, None if call.wish.read else object())
        pilot = self._streaming if stream else self._asking
        kept = _Kept(place, question)
        while True:
            flight, joined = self._flights.board(about, call.caller.key_id, lambda flight: pilot(flight, call, kept))
            try:
                headers = await flight.opened()
            except RateLimitError:
                flight.leave()
                if not joined or flight.key_id == call.caller.key_id:
                    raise
            except BaseException:
                flight.leave()
                raise
            else:
                return _Ride(flight, joined, _HIT if joined else {**headers, WISHES: "miss"})

    async def _asking(self, flight: Flight, call: ChatCall, kept: "_Kept") -> None:
        answered = await self._gateway.complete(call)
        flight.add(answered.body)
        flight.open(answered.headers)
        flight.land()
        await self._keep(call, kept, completion.read(answered.body))

    async def _streaming(self, flight: Flight, call: ChatCall, kept: "_Kept") -> None:
        """The stream is read with its usage, which each client gets who asked for it."""
        streamed = await self._gateway.stream(replace(call, include_usage=True))
        flight.open(streamed.headers)
        try:
            async for piece in streamed.events:
                flight.add(piece)
        finally:
            await streamed.events.aclose()
        flight.land()
        await self._keep(call, kept, completion.joined(flight.pieces))

    async def _keep(self, call: ChatCall, kept: "_Kept", answer: Completion | None) -> None:
        choices = call.body.get("n")
        expected = choices if isinstance(choices, int) else 1
        if answer is None or not answer.is_whole(expected, tools=call.wish.tools):
            return
        body = answer.kept()
        if len(body) > self._rules.max_bytes:
            return
        place, ttl_s = kept.place, self._rules.ttl_s
        try:
            await self._answers.put(place.tenant, place.space, place.key, body, ttl_s=ttl_s)
            if self._semantic is not None and kept.question is not None:
                await self._semantic.note(kept.question, place, ttl_s=ttl_s)
        except PlatformError as error:
            log.warning("cache_unkept reason=%s", error)

    async def _told(self, call: ChatCall, found: Completion) -> AsyncGenerator[bytes]:
        """A stream out of what is kept. Yields b"" first, to be started."""
        usage = self._hits.usage_of(call, found.kept())
        self._hits.meter(call, usage)
        yield b""
        told = (found.usage or usage.model_dump()) if call.include_usage else None
        yield b"".join(found.events(*self._fresh(), told))

    async def _passed_on(self, call: ChatCall, ride: "_Ride") -> AsyncGenerator[bytes]:
        """A stream that others may read too; its usage only for who asked for it.

        Yields b"" first, to be started. Nothing in `finally` awaits: it may be closed by a cancellation.
        """
        passed: list[bytes] = []
        status = CLIENT_GONE
        try:
            yield b""
            async for piece in ride.flight.read():
                passed.append(piece)
                told = piece if call.include_usage else sse.without_usage(piece)
                if told:
                    yield told
            status = 200
        finally:
            ride.flight.leave()
            if ride.joined:
                self._hits.meter(call, self._hits.usage_in(call, passed), status=status)

    def _fresh(self) -> tuple[str, int]:
        return self._clock.new_id("chatcmpl-"), int(self._clock.now().timestamp())


@dataclass(frozen=True, slots=True)
class _Seen:
    """What the cache knows: an answer and what its client is told of it, or the question for whoever may answer it."""

    answer: Completion | None = None
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    question: Question | None = None


@dataclass(frozen=True, slots=True)
class _Kept:
    """Where an answer is to be kept, and what question it is noted under."""

    place: Place
    question: Question | None


@dataclass(frozen=True, slots=True)
class _Ride:
    flight: Flight
    joined: bool
    headers: Mapping[str, str]
