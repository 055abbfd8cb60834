"""Speaks OpenAI's HTTP for the two local models: chat is relayed to llama.cpp, embeddings are computed here."""

import asyncio
import base64
import hmac
import json
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, cast

from aiohttp import ClientError, ClientSession, ClientTimeout, web

from local.models.catalogue import CHAT, DIMENSIONS, EMBEDDING
from local.models.chat import ChatServer
from local.models.embedding import Embedder, Embedding
from local.models.refusals import RefusalError, from_llama, unknown_model

_LARGEST_BODY_BYTES = 32_000_000
_MOST_INPUTS = 2048  # OpenAI's own limit: https://platform.openai.com/docs/api-reference/embeddings/create

type Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class ModelServer:
    """The routes. `key` is the bearer key that callers must present, if any."""

    llama: ChatServer
    embedder: Embedder
    session: ClientSession
    key: str | None = None
    thread: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1, "embed"))

    def app(self) -> web.Application:
        app = web.Application(client_max_size=_LARGEST_BODY_BYTES, middlewares=[_refuse, self._authenticate])
        app.router.add_get("/health", self.health)
        app.router.add_get("/v1/models", self.list_models)
        app.router.add_get("/v1/slots", self.list_slots)
        app.router.add_post("/v1/chat/completions", self.create_chat_completion)
        app.router.add_post("/v1/embeddings", self.create_embedding)
        return app

    async def health(self, _: web.Request) -> web.Response:
        return web.json_response({"status": "ok"})

    async def list_models(self, _: web.Request) -> web.Response:
        data = [{"id": name, "object": "model", "created": 0, "owned_by": "local"} for name in (CHAT, EMBEDDING)]
        return web.json_response({"object": "list", "data": data})

    async def list_slots(self, _: web.Request) -> web.Response:
        """How many answers are being generated now: what a test of disconnection needs to see."""
        async with self.session.get(f"{self.llama.url}/slots", headers=self._llama_key()) as found:
            slots: list[dict[str, Any]] = await found.json()
        return web.json_response({"slots": len(slots), "generating": sum(bool(s["is_processing"]) for s in slots)})

    async def create_chat_completion(self, request: web.Request) -> web.StreamResponse:
        """Relay bytes both ways. A caller that leaves cancels this handler, which closes llama.cpp's connection."""
        body = await request.read()
        _expect_model(_json_object(body), CHAT)
        headers = {"content-type": "application/json"} | self._llama_key()
        url = f"{self.llama.url}/v1/chat/completions"
        async with self.session.post(url, data=body, headers=headers) as upstream:
            if upstream.status != 200:
                raise from_llama(upstream.status, await upstream.read())
            reply = web.StreamResponse(headers={"content-type": upstream.content_type})
            await reply.prepare(request)
            async for piece in upstream.content.iter_any():
                await reply.write(piece)
        await reply.write_eof()
        return reply

    async def create_embedding(self, request: web.Request) -> web.Response:
        body = _json_object(await request.read())
        _expect_model(body, EMBEDDING)
        texts, as_base64 = _texts(body), _is_base64(body)
        loop = asyncio.get_running_loop()
        found = [await loop.run_in_executor(self.thread, self.embedder.embed, text) for text in texts]
        data = [_item(index, one, as_base64=as_base64) for index, one in enumerate(found)]
        tokens = sum(one.tokens for one in found)
        usage = {"prompt_tokens": tokens, "total_tokens": tokens}
        return web.json_response({"object": "list", "data": data, "model": EMBEDDING, "usage": usage})

    def _llama_key(self) -> dict[str, str]:
        return {"authorization": f"Bearer {self.llama.key}"}

    @property
    def _authenticate(self) -> Any:
        """Compare whole headers in constant time; `/health` stays open, as it tells nothing."""
        expected = f"Bearer {self.key}".encode()

        @web.middleware
        async def authenticate(request: web.Request, handler: Handler) -> web.StreamResponse:
            given = request.headers.get("authorization", "").encode()
            if self.key and request.path != "/health" and not hmac.compare_digest(given, expected):
                raise RefusalError(401, "Incorrect API key provided.", code="invalid_api_key")
            return await handler(request)

        return authenticate


def open_session() -> ClientSession:
    """No total limit: an answer takes as long as it takes, and a caller who gives up closes it."""
    return ClientSession(timeout=ClientTimeout(total=None, sock_connect=5))


@web.middleware
async def _refuse(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except RefusalError as refusal:
        return refusal.reply()
    except web.HTTPException as error:
        return RefusalError(error.status, f"{request.method} {request.path}: {error.reason}.").reply()
    except ClientError as error:
        return RefusalError(502, f"The chat model does not answer: {type(error).__name__}.").reply()


def _json_object(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body)
    except ValueError as error:
        raise RefusalError(400, f"The body is not JSON: {error}.") from error
    if not isinstance(found, dict):
        raise RefusalError(400, "The body must be a JSON object.")
    return cast("dict[str, Any]", found)


def _expect_model(body: dict[str, Any], served: str) -> None:
    if body.get("model") != served:
        raise unknown_model(body.get("model"))


def _texts(body: dict[str, Any]) -> list[str]:
    given = body.get("input")
    texts = [given] if isinstance(given, str) else cast("list[Any]", given) if isinstance(given, list) else []
    if not texts or not all(isinstance(text, str) and text for text in texts):
        raise RefusalError(400, "`input` must be a non-empty string or a list of them.", param="input")
    if len(texts) > _MOST_INPUTS:
        raise RefusalError(400, f"`input` has {len(texts)} entries; at most {_MOST_INPUTS} are allowed.", param="input")
    if body.get("dimensions") not in (None, DIMENSIONS):
        message = f"{EMBEDDING} has {DIMENSIONS} dimensions; it cannot be shortened."
        raise RefusalError(400, message, param="dimensions")
    return texts


def _is_base64(body: dict[str, Any]) -> bool:
    format_ = body.get("encoding_format") or "float"
    if format_ not in ("float", "base64"):
        raise RefusalError(400, f"`encoding_format` is {format_!r}; use 'float' or 'base64'.", param="encoding_format")
    return format_ == "base64"


def _item(index: int, found: Embedding, *, as_base64: bool) -> dict[str, Any]:
    vector = base64.b64encode(found.vector.astype("<f4").tobytes()).decode() if as_base64 else found.vector.tolist()
    return {"object": "embedding", "index": index, "embedding": vector}
