"""Loaded by schemathesis: half of the time, in place of the ids it made up, those of things that there are.

Without them nearly every request would end with 404. What deletes gets none, so that there is something to the end.
"""

import json
import os
from typing import Any

import schemathesis
from hypothesis import strategies as st
from schemathesis import HookContext

_IDS: dict[str, str] = json.loads(os.environ["FUZZ_IDS"])


@schemathesis.hook
def flatmap_path_parameters(context: HookContext, path_parameters: dict[str, Any]) -> st.SearchStrategy[Any]:
    deletes = context.operation is not None and context.operation.method.upper() == "DELETE"
    return st.just(path_parameters) if deletes else _or_real(context, path_parameters)


@schemathesis.hook
def flatmap_body(context: HookContext, body: Any) -> st.SearchStrategy[Any]:
    return _or_real(context, body)


def _or_real(context: HookContext, given: Any) -> st.SearchStrategy[Any]:
    embeds = context.operation is not None and "embeddings" in context.operation.path
    ids = _IDS | {"model": "embedding" if embeds else "chat"}
    return st.sampled_from((given, _real(given, ids)))


def _real(value: Any, ids: dict[str, str]) -> Any:
    match value:
        case dict():
            return {name: _named(name, one, ids) for name, one in value.items()}
        case list():
            return [_real(one, ids) for one in value]
        case _:
            return value


def _named(name: Any, value: Any, ids: dict[str, str]) -> Any:
    if name in ids:
        return ids[name]
    one = str(name).removesuffix("s")
    return [ids[one]] if one in ids else _real(value, ids)
