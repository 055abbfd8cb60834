"""Questions as people ask them, written anew as queries for a search."""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass

from shared.errors import PlatformError
from shared.gateway.chat import ChatCall, ChatGateway
from shared.gateway.transcript import text_of_answer
from shared.ports.keys import Caller

log = logging.getLogger(__name__)

_TASK = (
    "The user's message is a question to a search engine over documents. Answer with one search query for it and"
    " nothing else: the words that such a document would use, in the language of the question, with its names, numbers"
    " and quoted words unchanged. Do not answer the question."
)
_OUTPUT_TOKENS = 96
_MAX_CHARS = 1_000


@dataclass(frozen=True, slots=True)
class QueryRewriter:
    """Implements Rewriter with one chat model of the catalogue."""

    gateway: ChatGateway
    model: str

    async def rewrite(self, caller: Caller, queries: Sequence[str]) -> tuple[str, ...]:
        return tuple(await asyncio.gather(*(self._rewritten(caller, query) for query in queries)))

    async def _rewritten(self, caller: Caller, query: str) -> str:
        messages = [{"role": "system", "content": _TASK}, {"role": "user", "content": query}]
        body = {"messages": messages, "temperature": 0, "max_tokens": _OUTPUT_TOKENS}
        call = ChatCall(caller, self.model, body, output_tokens=_OUTPUT_TOKENS, source="retrieval")
        try:
            answered = await self.gateway.complete(call)
        except PlatformError as error:
            log.warning("a query was not rewritten model=%s reason=%s", self.model, error)
            return query
        return _first_line(text_of_answer(answered.body)) or query


def _first_line(text: str) -> str:
    lines = (line.strip().strip("\"'`").strip() for line in text.splitlines())
    return next(filter(None, lines), "")[:_MAX_CHARS]
