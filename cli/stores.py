"""Vector stores by what people call them: their id or their name."""

from cli.api import Api, Json, segment
from cli.failures import CommandError

_ID = "vs_"


def store_id(api: Api, wanted: str) -> str:
    """Raise CommandError for a name that no store has, or several have."""
    found = find_store(api, wanted)
    if found is None:
        raise CommandError(f"There is no vector store {wanted!r}; `stores list` shows those that there are.")
    return found["id"]


def find_store(api: Api, wanted: str) -> Json | None:
    """The store with this id or name; None when no store has the name."""
    if wanted.startswith(_ID):
        return api.get(f"vector_stores/{segment(wanted)}")
    named = [store for store in api.every("vector_stores") if store["name"] == wanted]
    if len(named) > 1:
        ids = ", ".join(store["id"] for store in named)
        raise CommandError(f"{len(named)} vector stores are named {wanted!r}; say which by its id: {ids}.")
    return named[0] if named else None
