"""What `doctor` looks at, from the address inwards; what cannot be judged because of an earlier finding is left out."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Literal

from cli.api import Answer, Api, Json, object_of, refusal
from cli.connection import KEY, LOCAL_URL, URL, Connection
from cli.failures import UnreachableError

type State = Literal["ok", "note", "wrong"]

_SCOPES = {
    "models": "models",
    "documents": "files?limit=1",
    "usage": "organization/costs?start_time=0&end_time=1",
    "admin": "organization/admin_api_keys?limit=1",
}
"""A call for each scope that says whether the key has it. `operator` has none that changes nothing."""

_ADVICE = {
    "settings": "Mend that setting and restart; docs/settings.md has them all.",
    "store": "Check FLIGHTDECK_STORE, and for Cosmos DB the app's role and the account's firewall.",
    "queues": "Check AzureWebJobsStorage, and the app's role Storage Queue Data Contributor.",
    "blobs": "Check AzureWebJobsStorage, and the app's role Storage Blob Data Owner.",
}
_MODEL_ADVICE = "Check the endpoints and keys of its deployments in FLIGHTDECK_MODELS."


@dataclass(frozen=True, slots=True)
class Finding:
    """`advice` is what to do, where there is something to do."""

    state: State
    about: str
    says: str
    advice: str = ""

    def as_json(self) -> Json:
        return asdict(self)


def examine(api: Api, *, calls: bool) -> Iterator[Finding]:
    address = _address(api)
    yield address
    if address.state == "wrong":
        return
    yield from _dependencies(api)
    scopes = _scopes(api)
    key = _key(api.connection, scopes)
    yield key
    if key.state == "wrong":
        return
    if scopes["models"].status == 200:
        yield from _models(api, scopes["models"].body, calls=calls)
    if scopes["documents"].status == 200:
        yield from _documents(api)


def _address(api: Api) -> Finding:
    connection = api.connection
    where = f"{connection.url} (from {connection.url_from})"
    try:
        answer = api.ask("GET", "/health")
    except UnreachableError as error:
        local = connection.url == LOCAL_URL or connection.url_from == "local mode"
        advice = "Start it with `make run`." if local else f"Check the address ({URL} or --url), the network, and TLS."
        return Finding("wrong", "address", str(error), advice)
    if answer.status != 200 or answer.body.get("status") != "ok":
        says = str(refusal(answer.status, {}, answer.headers, connection))
        return Finding("wrong", "address", says, "A stopped function app answers 403, one that does not start 503.")
    return Finding("ok", "address", f"{where} answers in {answer.elapsed_ms} ms.")


def _dependencies(api: Api) -> Iterator[Finding]:
    """A line for each thing that the app itself says it needs."""
    try:
        answer = api.ask("GET", "/ready")
    except UnreachableError as error:
        yield Finding("wrong", "ready", str(error), "See the app's log.")
        return
    checks: Mapping[str, str] = answer.body.get("checks", {})
    if not checks:
        yield Finding("wrong", "ready", f"/ready answered {answer.status} without its checks.", "See the app's log.")
    for name, result in checks.items():
        if result == "ok":
            yield Finding("ok", name, "reachable.")
        else:
            yield Finding("wrong", name, result, _ADVICE.get(name, _MODEL_ADVICE))


def _scopes(api: Api) -> Mapping[str, Answer]:
    return {} if api.connection.key is None else {scope: api.ask("GET", path) for scope, path in _SCOPES.items()}


def _key(connection: Connection, scopes: Mapping[str, Answer]) -> Finding:
    if not scopes:
        advice = f"Set {KEY}. An administrator makes keys with `keys create`."
        return Finding("wrong", "key", f"There is none for {connection.url}.", advice)
    refused = next((answer for answer in scopes.values() if answer.status not in (200, 403)), None)
    if refused is not None:
        says = str(refusal(refused.status, refused.body, refused.headers, connection))
        return Finding("wrong", "key", says, "" if refused.status == 401 else "See the app's log.")
    given = [scope for scope, answer in scopes.items() if answer.status == 200]
    lacking = [scope for scope in scopes if scope not in given]
    says = f"from {connection.key_from}, may use: {', '.join(given) or 'nothing'}."
    if not lacking:
        return Finding("ok", "key", says)
    return Finding("note", "key", f"{says} Not: {', '.join(lacking)}.", "Make another key if you need more.")


def _models(api: Api, listed: Json, *, calls: bool) -> Iterator[Finding]:
    models: list[Json] = listed["data"]
    kinds = {model["kind"] for model in models}
    if "chat" not in kinds:
        yield Finding("note", "models", "There is no chat model.", "Add one to FLIGHTDECK_MODELS.")
    if "embedding" not in kinds:
        yield Finding("note", "models", "There is no embedding model: documents stay out.", "Add one.")
    for model in models if calls else ():
        yield _called(api, model)


def _called(api: Api, model: Json) -> Finding:
    about = f"{model['kind']} with {model['id']}"
    path, body = _CALLS[model["kind"]](model["id"])
    try:
        answer = api.ask("POST", path, body=body, headers={"cache-control": "no-store"})
    except UnreachableError as error:
        return Finding("wrong", about, str(error), _MODEL_ADVICE)
    deployment = answer.headers.get("x-flightdeck-deployment", "its deployment")
    if answer.status == 200:
        return Finding("ok", about, f"{deployment} answered in {answer.elapsed_ms} ms.")
    told = object_of(answer.body.get("error"))
    says = f"{answer.status} {told.get('code') or ''}: {told.get('message', 'no reason given')}"
    if answer.status == 429:
        return Finding("note", about, says, "See `limits show`.")
    return Finding("wrong", about, says, _MODEL_ADVICE)


_CALLS: Mapping[str, Callable[[str], tuple[str, Json]]] = {
    "chat": lambda model: (
        "chat/completions",
        {"model": model, "messages": [{"role": "user", "content": "Say ok."}], "max_completion_tokens": 16},
    ),
    "embedding": lambda model: ("embeddings", {"model": model, "input": "ok"}),
}


def _documents(api: Api) -> Iterator[Finding]:
    """Where something failed, or is still on its way, in any store."""
    stores = list(api.every("vector_stores"))
    for store in stores:
        failed, waiting = store["file_counts"]["failed"], store["file_counts"]["in_progress"]
        about = f"store {store['name'] or store['id']}"
        if failed:
            advice = f"See `documents list {store['id']} --status failed`."
            yield Finding("note", about, f"{failed} documents failed.", advice)
        if waiting:
            yield Finding("note", about, f"{waiting} documents are being indexed.")
    if not any(store["file_counts"]["failed"] or store["file_counts"]["in_progress"] for store in stores):
        yield Finding("ok", "documents", f"{len(stores)} stores, nothing failed, nothing waiting.")
