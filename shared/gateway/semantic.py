"""Answers to questions that mean the same: for tenants whose policy says so, and only where nothing but the words of
one user message differs, and none of those that decide.

The questions that were answered lately stand in one list beside the answers; an answer itself lies under its exact key.
"""

import base64
import math
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from pydantic import BaseModel, Field, ValidationError

from shared.gateway import completion, decisive
from shared.gateway.catalogue import Model
from shared.gateway.chat import ChatCall
from shared.gateway.completion import Completion
from shared.gateway.fingerprints import Place, space_of_alike
from shared.ports.cache import AnswerCache
from shared.ports.models import Embedder
from shared.ports.policies import Policies

QUESTIONS = 32
"""How many are compared, the latest of them. Their list is read for each question and written for each new answer."""

LONGEST = 1000
"""Characters of a question that is compared: the longer it is, the less its vector says of what is asked."""

_LIST = "questions"


@dataclass(frozen=True, slots=True)
class Question:
    """One that may be compared: its vector and order, and the space of those that differ by nothing that decides."""

    tenant: str
    space: str
    vector: Sequence[float]
    order: Sequence[int]


@dataclass(frozen=True, slots=True)
class Alike:
    answer: Completion
    similarity: float


class _Entry(BaseModel):
    key: str
    vector: str
    order: list[int]


class _Entries(BaseModel):
    entries: list[_Entry] = Field(default_factory=list[_Entry])


class SemanticCache:
    """`similarity` is the least cosine that counts; a caller may only ask for more. Raises what its parts raise."""

    def __init__(
        self, answers: AnswerCache, policies: Policies, embedder: Embedder, embedding_model: str, similarity: float
    ) -> None:
        self._answers = answers
        self._policies = policies
        self._embedder = embedder
        self._embedding_model = embedding_model
        self._similarity = similarity

    async def question(self, call: ChatCall, model: Model) -> Question | None:
        """None where only the same question counts."""
        text = _only_question(call)
        if text is None or not call.wish.read or call.wish.exact or call.wish.tools:
            return None
        if not (await self._policies.of(call.caller.tenant)).semantic_cache:
            return None
        embedded = await self._embedder.embed(call.caller, [text], source="retrieval")
        rest, words = _without_question(call.body), decisive.words_of(text)
        space = space_of_alike(model, rest, words, self._embedding_model)
        return Question(call.caller.tenant, space, embedded.vectors[0], decisive.order_of(text))

    async def find(self, question: Question, place: Place, *, at_least: float) -> Alike | None:
        """The answer to the question that is most alike, if it is alike enough. `place` is the question's own."""
        known = [one for one in await self._known(question) if decisive.in_order(question.order, one.order)]
        similarity, key = max(((_cosine(question.vector, one), one.key) for one in known), default=(-1.0, ""))
        if similarity < max(self._similarity, at_least):
            return None
        body = await self._answers.get(place.tenant, place.space, key)
        found = None if body is None else completion.read(body)
        return None if found is None else Alike(found, min(similarity, 1.0))

    async def note(self, question: Question, place: Place, *, ttl_s: int) -> None:
        """That the question has its answer at this place. Of two that write at once one may be lost: a later miss."""
        others = [one for one in await self._known(question) if one.key != place.key]
        noted = _Entry(key=place.key, vector=_packed(question.vector), order=list(question.order))
        listed = _Entries(entries=[noted, *others][:QUESTIONS]).model_dump_json().encode()
        await self._answers.put(question.tenant, question.space, _LIST, listed, ttl_s=ttl_s)

    async def _known(self, question: Question) -> list[_Entry]:
        body = await self._answers.get(question.tenant, question.space, _LIST)
        try:
            return [] if body is None else _Entries.model_validate_json(body).entries
        except ValidationError:
            return []


def _only_question(call: ChatCall) -> str | None:
    """The text of the one user message of a call that has, besides, only instructions: no turns, tools or images."""
    if call.retrieval is not None or any(call.body.get(name) for name in ("tools", "functions")):
        return None
    *before, last = cast("list[Mapping[str, object]]", call.body["messages"])
    text = last.get("content")
    if last.get("role") != "user" or not isinstance(text, str) or not 0 < len(text.strip()) <= LONGEST:
        return None
    only = all(one.get("role") in ("system", "developer") and isinstance(one.get("content"), str) for one in before)
    return text if only else None


def _without_question(body: Mapping[str, object]) -> Mapping[str, object]:
    *before, last = cast("list[Mapping[str, object]]", body["messages"])
    return {**body, "messages": [*before, {**last, "content": None}]}


def _cosine(vector: Sequence[float], entry: _Entry) -> float:
    """Of unit vectors; -1 for one of another length."""
    packed = base64.b64decode(entry.vector)
    other = struct.unpack(f"<{len(packed) // 2}e", packed)
    return math.sumprod(vector, other) if len(other) == len(vector) else -1.0


def _packed(vector: Sequence[float]) -> str:
    """16 bits a number: half the request units, and the fourth decimal of a similarity decides nothing."""
    return base64.b64encode(struct.pack(f"<{len(vector)}e", *vector)).decode()
