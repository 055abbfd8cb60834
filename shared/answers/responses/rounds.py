"""The rounds of one response: the model speaks, we search for it as often as it asks, until it answers or calls one of
the client's functions."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field, replace

from shared.answers.responses.file_search import NAME, FileSearch, Findings, queries_of, remembered
from shared.answers.responses.pieces import Piece, of_answer, of_stream
from shared.answers.responses.prompts import ChatMessage, calling, parameters_of, tools_of
from shared.answers.responses.truncation import truncated
from shared.answers.responses.voice import HeardCall, Voice
from shared.errors import UpstreamError
from shared.gateway.attempts import Usage
from shared.gateway.cached import CachedChat
from shared.gateway.catalogue import Catalogue
from shared.gateway.chat import ChatCall
from shared.ports.clock import Clock
from shared.ports.keys import Caller
from shared.ports.responses import Begun, Ended, Found, FoundText, Move, Searching, Spent
from shared.ports.tokens import TokenCounter
from shared.wire.cache import DEFAULT, CacheWish
from shared.wire.responses import ResponseBody

_MOST_ROUNDS = 8
"""After so many the model has to answer from what was found."""

_PASSAGES_SHARE = 0.5
"""How much of the model's context passages may take; the rest is the conversation's and the answer's."""

_ANSWER_TOKENS = 1024
"""What is left for an answer without a limit, at most a quarter of the context, when a prompt is made to fit."""

_REMEMBERED = "call_file_search"
_UNREADABLE = "Give `queries`, a list of texts to search for."


@dataclass(frozen=True, slots=True)
class Task:
    """One response to be made. `prompt` are the messages of everything that goes before the answer, `found` what the
    model is still to be shown; `headers` are for the client, as the gateway gives them."""

    caller: Caller
    body: ResponseBody
    prompt: Sequence[ChatMessage]
    found: Sequence[FoundText] = ()
    wish: CacheWish = DEFAULT
    headers: dict[str, str] = field(default_factory=dict[str, str])


@dataclass(slots=True)
class _Course:
    """How far it is."""

    messages: list[ChatMessage]
    findings: Findings | None
    spent: Spent | None = None
    rounds: int = 0
    searches: int = 0


@dataclass(frozen=True, slots=True)
class Rounds:
    gateway: CachedChat
    catalogue: Catalogue
    file_search: FileSearch
    tokens: TokenCounter
    clock: Clock

    async def check(self, caller: Caller, body: ResponseBody) -> None:
        """Raise ModelNotFoundError, NotFoundError, InvalidRequestError for what is known before a model is asked."""
        self.catalogue.find(body.model, "chat")
        if body.file_search is not None:
            await self.file_search.check(caller, body.file_search)

    async def moves(self, task: Task, *, stream: bool) -> AsyncGenerator[Sequence[Move]]:
        """Every move of the response, to its end, as they come together; none is a sign of life. Raises what the
        gateway and search raise."""
        yield (Begun(),)
        course = await self._course(task)
        while True:
            voice = Voice(None if course.findings is None else course.findings.grounds())
            pieces = self._streamed(task, course) if stream else self._answered(task, course)
            try:
                async for together in pieces:
                    moves = [move for piece in together for move in voice.hear(piece)]
                    if moves or not together:
                        yield moves
            finally:
                await pieces.aclose()
            closing = list(voice.end())
            course.spent = _sum(course.spent, voice.usage)
            if ended := self._ended(task, course, voice):
                yield [*closing, ended]
                return
            if closing:
                yield closing
            course.messages.append(calling([(c.call_id, c.name, c.arguments) for c in voice.searches], voice.said))
            for call in voice.searches:
                async for move in self._search(task, course, call):
                    yield (move,)
            if voice.calls_client:
                yield (Ended("completed", self.clock.now(), course.spent),)
                return
            course.rounds += 1

    async def _course(self, task: Task) -> _Course:
        context_tokens = self.catalogue.find(task.body.model, "chat").context_tokens
        passages_tokens = int(context_tokens * _PASSAGES_SHARE) if task.body.file_search else 0
        prompt = task.prompt
        if task.body.truncation == "auto":
            answer_tokens = min(task.body.max_output_tokens or _ANSWER_TOKENS, context_tokens // 4)
            room = context_tokens - passages_tokens - answer_tokens
            prompt = await asyncio.to_thread(truncated, prompt, room, self.tokens)
        if task.body.file_search is None:
            return _Course(list(prompt), None)
        findings = Findings(passages_tokens)
        course = _Course([{"role": "system", "content": findings.rules}, *prompt], findings)
        if task.found:
            told = findings.told(remembered(task.found))
            course.messages.append(calling([(_REMEMBERED, NAME, '{"queries": []}')]))
            course.messages.append({"role": "tool", "tool_call_id": _REMEMBERED, "content": told})
        return course

    def _ended(self, task: Task, course: _Course, voice: Voice) -> Ended | None:
        """Whether this round was the last, and how it ends then."""
        now = self.clock.now()
        if voice.finish == "length":
            return Ended("incomplete", now, course.spent, reason="max_output_tokens")
        if voice.finish == "content_filter":
            return Ended("incomplete", now, course.spent, reason="content_filter")
        if not voice.searches:
            return Ended("completed", now, course.spent)
        if not self._may_search(task, course):
            raise UpstreamError("The model goes on searching instead of answering.", code="upstream_malformed")
        if _left(task, course) == 0 and not voice.calls_client:
            return Ended("incomplete", now, course.spent, reason="max_output_tokens")
        return None

    async def _search(self, task: Task, course: _Course, call: HeardCall) -> AsyncGenerator[Move]:
        tool, findings = task.body.file_search, course.findings
        if tool is None or findings is None:
            return
        queries = queries_of(call.arguments)
        yield Searching(queries)
        found = await self.file_search.search(task.caller, tool, queries) if queries else ()
        course.searches += 1
        told = findings.told(found) if queries else _UNREADABLE
        course.messages.append({"role": "tool", "tool_call_id": call.call_id, "content": told})
        yield Found(await self.file_search.results(task.caller, found))

    # --- one call to the model

    async def _answered(self, task: Task, course: _Course) -> AsyncGenerator[Sequence[Piece]]:
        answered = await self.gateway.complete(self._call(task, course))
        task.headers.update(answered.headers)
        yield list(of_answer(answered.body))

    async def _streamed(self, task: Task, course: _Course) -> AsyncGenerator[Sequence[Piece]]:
        call = self._call(task, course)
        streamed = await self.gateway.stream(replace(call, body={**call.body, "stream": True}, include_usage=True))
        task.headers.update(streamed.headers)
        pieces = of_stream(streamed.events)
        try:
            async for together in pieces:
                yield together
        finally:
            await pieces.aclose()

    def _call(self, task: Task, course: _Course) -> ChatCall:
        body = task.body
        left = _left(task, course)
        limit = {} if left is None else {"max_completion_tokens": left}
        tools = tools_of(body, may_search=self._may_search(task, course), first=not course.rounds)
        return ChatCall(
            caller=task.caller,
            model=body.model,
            body={"model": body.model, "messages": course.messages, **parameters_of(body), **tools, **limit},
            output_tokens=left,
            # What documents say may have changed before the same question comes again.
            wish=task.wish if course.findings is None else replace(task.wish, keep=False),
            param="input",
        )

    def _may_search(self, task: Task, course: _Course) -> bool:
        most = task.body.max_tool_calls
        return course.rounds < _MOST_ROUNDS and (most is None or course.searches < most)


def _left(task: Task, course: _Course) -> int | None:
    """How many tokens the model may still say; None for no limit."""
    most, spent = task.body.max_output_tokens, course.spent or Spent()
    return None if most is None else max(0, most - spent.output_tokens)


def _sum(spent: Spent | None, usage: Usage | None) -> Spent | None:
    if usage is None:
        return spent
    spent = spent or Spent()
    return Spent(
        spent.input_tokens + usage.input_tokens,
        spent.cached_tokens + usage.prompt_tokens_details.cached_tokens,
        spent.output_tokens + usage.output_tokens,
        spent.reasoning_tokens + usage.completion_tokens_details.reasoning_tokens,
    )
