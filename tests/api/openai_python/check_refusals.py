"""Every refusal is the exception that the client has for it, with OpenAI's fields; and a broken stream is one."""

from collections.abc import Callable, Iterator
from typing import Any

import openai
import pytest

ASKED: list[Any] = [{"role": "user", "content": "hi"}]


@pytest.fixture(autouse=True)
def _leave_it_well(client: openai.OpenAI, upstream: Any) -> Iterator[None]:
    """A good answer in between: a deployment that only ever fails is left alone for a while."""
    yield
    upstream.reset()
    client.with_options(max_retries=5).chat.completions.create(model="chat", messages=ASKED)


def chat(client: openai.OpenAI, **changes: Any) -> Any:
    return client.chat.completions.create(**({"model": "chat", "messages": ASKED} | changes))


@pytest.mark.parametrize(
    ("ask", "kind", "code"),
    [
        (lambda client: chat(client, messages=[]), openai.BadRequestError, None),
        (lambda client: chat(client, max_tokens=-1), openai.BadRequestError, None),
        (lambda client: chat(client, model="nope"), openai.NotFoundError, "model_not_found"),
        (lambda client: chat(client, model="nope", stream=True), openai.NotFoundError, "model_not_found"),
        (lambda client: client.files.retrieve("file-nope"), openai.NotFoundError, "not_found"),
        (lambda client: client.files.list(limit=0), openai.BadRequestError, None),
        (lambda client: client.vector_stores.search("vs_nope", query="x"), openai.NotFoundError, "not_found"),
        (lambda client: client.uploads.complete("upload_nope", part_ids=["x"]), openai.NotFoundError, "not_found"),
        (lambda client: client.with_options(api_key="wrong").models.list(), openai.AuthenticationError, None),
        (
            lambda client: client.get("/organization/admin_api_keys", cast_to=object),
            openai.PermissionDeniedError,
            "missing_scope",
        ),
        (lambda client: client.moderations.create(input="x"), openai.NotFoundError, "unknown_url"),
        (lambda client: client.images.generate(prompt="x"), openai.NotFoundError, "unknown_url"),
        (lambda client: client.batches.list(), openai.NotFoundError, "unknown_url"),
    ],
)
def test_our_refusals(
    client: openai.OpenAI, ask: Callable[[openai.OpenAI], Any], kind: type[openai.APIStatusError], code: str | None
) -> None:
    with pytest.raises(kind) as refused:
        ask(client)
    error = refused.value
    assert error.type == "invalid_request_error"
    assert code is None or error.code == code
    assert isinstance(error.body, dict)
    assert error.body["message"] in error.message
    assert error.request_id
    assert error.request_id.startswith("req_")


@pytest.mark.parametrize(
    ("step", "kind"),
    [
        ({"status": 400}, openai.BadRequestError),
        ({"error": "content_filter"}, openai.BadRequestError),
        ({"error": "context_length_exceeded"}, openai.BadRequestError),
        ({"status": 409}, openai.ConflictError),
        ({"status": 422}, openai.UnprocessableEntityError),
        ({"status": 429, "retry_after_s": 0.05, "retry_after_form": "milliseconds"}, openai.RateLimitError),
        ({"status": 500}, openai.InternalServerError),
        ({"status": 503}, openai.InternalServerError),
        ({"fault": "reset"}, openai.InternalServerError),
        ({"fault": "malformed"}, openai.InternalServerError),
    ],
)
@pytest.mark.parametrize("stream", [False, True], ids=["plain", "streamed"])
def test_the_models_refusals(
    either: openai.OpenAI, upstream: Any, step: dict[str, Any], kind: type[openai.APIStatusError], *, stream: bool
) -> None:
    upstream.script(step)
    with pytest.raises(kind) as refused:
        list(chat(either, stream=stream))
    assert isinstance(refused.value.body, dict)
    assert refused.value.body["message"]
    if step.get("error"):
        assert refused.value.code == step["error"]


@pytest.mark.parametrize("fault", ["cut", "abort", "malformed"])
def test_a_stream_that_breaks_is_an_error_and_never_the_end(either: openai.OpenAI, upstream: Any, fault: str) -> None:
    upstream.script({"chunks": ["a ", "b ", "c "], "fault": fault, "after_chunks": 2})
    came: list[str] = []
    with pytest.raises(openai.APIError):
        came.extend(chunk.choices[0].delta.content or "" for chunk in chat(either, stream=True))
    # What comes at once with the break is refused with it.
    assert "a b ".startswith("".join(came))


def test_a_model_that_is_down_says_when_to_come_back(client: openai.OpenAI) -> None:
    with pytest.raises(openai.InternalServerError) as refused:
        chat(client, model="down")
    assert refused.value.status_code == 503
    assert float(refused.value.response.headers["retry-after-ms"]) > 0


def test_what_is_another_tenants_is_not_found(client: openai.OpenAI, product: Any) -> None:
    file = client.files.create(file=("a.txt", b"ours"), purpose="user_data")
    store = client.vector_stores.create(name="ours", file_ids=[file.id])
    with openai.OpenAI(base_url=product.base_url, api_key=product.other_key, max_retries=0) as stranger:
        for ask in (
            lambda: stranger.files.retrieve(file.id),
            lambda: stranger.files.content(file.id),
            lambda: stranger.files.delete(file.id),
            lambda: stranger.vector_stores.retrieve(store.id),
            lambda: stranger.vector_stores.search(store.id, query="ours"),
        ):
            with pytest.raises(openai.NotFoundError):
                ask()
    assert client.files.content(file.id).read() == b"ours"


def test_too_large_a_request_is_said_to_be(client: openai.OpenAI) -> None:
    with pytest.raises(openai.APIStatusError) as refused:
        chat(client, extra_body={"padding": "x" * 9_000_000})
    assert (refused.value.status_code, refused.value.code) == (413, "request_too_large")
