"""Where an answer is kept: a partition of its tenant, and a key out of everything that it depends on."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from shared.gateway.catalogue import Model
from shared.gateway.chat import ChatCall

_FORM = "answer 1"
"""Of what is kept. Another form makes other keys, so that no release reads what it does not know."""

_HOW_NOT_WHAT = frozenset(("stream", "stream_options"))
_NOT_FROM_THE_REQUEST_ALONE = ("web_search_options", "audio", "store")
"""Parameters of answers that depend on more than the request, or do more than answer."""

SPACE = "answers"
"""Of answers that rest on nothing but the request."""


@dataclass(frozen=True, slots=True)
class Place:
    tenant: str
    space: str
    key: str


def is_cacheable(call: ChatCall) -> bool:
    """Whether its answer may be kept at all: at temperature 0, said explicitly, unless the client asks for more."""
    if not call.wish.keep or any(call.body.get(name) for name in _NOT_FROM_THE_REQUEST_ALONE):
        return False
    temperature = call.body.get("temperature")
    return call.wish.always or (type(temperature) in (int, float) and temperature == 0)


def place_of(call: ChatCall, model: Model) -> Place:
    """Answers that rest on what was retrieved are kept apart for each set of principals. Their key holds the passages
    themselves: a change of the index that changes none of them changes no answer either."""
    asked, passages, space = call.body, "", SPACE
    if call.retrieval is not None:
        asked, passages = call.retrieval.asked, call.retrieval.passages
        space = f"{SPACE}-{digest(sorted(call.caller.principals))}"
    tools = "tools" if call.wish.tools else ""
    parts = (_FORM, model.name, _policy(model), canonical(asked, without=_HOW_NOT_WHAT), passages, tools)
    return Place(call.caller.tenant, space, digest(parts))


def space_of_alike(model: Model, rest: Mapping[str, object], words: str, embedding_model: str) -> str:
    """Where the questions are listed that differ by nothing but words that do not decide. `rest` is the request without
    its question, `words` are those of the question that all of them share."""
    parts = (_FORM, model.name, _policy(model), canonical(rest, without=_HOW_NOT_WHAT), words, embedding_model)
    return f"alike-{digest(parts)}"


def _policy(model: Model) -> str:
    """What answers to the model's name: another deployment behind it makes all that was kept unfindable."""
    return digest(text for one in model.deployments for text in (one.id, one.endpoint, one.kind, one.model))


def canonical(fields: Mapping[str, object], *, without: frozenset[str] = frozenset()) -> str:
    kept = {name: value for name, value in fields.items() if name not in without}
    return json.dumps(kept, sort_keys=True, separators=(",", ":"), ensure_ascii=True)


def digest(parts: Iterable[str]) -> str:
    """SHA-256 over the parts, each with its length before it: no two lists run together into the same bytes."""
    hashed = hashlib.sha256()
    for part in parts:
        encoded = part.encode("utf-8", "surrogatepass")
        hashed.update(len(encoded).to_bytes(8) + encoded)
    return hashed.hexdigest()
