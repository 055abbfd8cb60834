"""The scripted model server itself: routes, control endpoints, and the life of its socket on 127.0.0.1."""

import asyncio
import json
from typing import Any, Self

from aiohttp import web
from pydantic import ValidationError

from tests.upstream import answer as answers
from tests.upstream import words
from tests.upstream.delivery import Delivery
from tests.upstream.journal import Entry, Journal
from tests.upstream.refusal import refusal, refuses
from tests.upstream.script import Script, ScriptOrder, Step

DEFAULT_MODELS = ("chat", "chat-b", "embedding")


class ScriptedUpstream:
    """A model server that does as told. It accepts any model name; `models` is only what `/v1/models` lists."""

    def __init__(
        self,
        *,
        port: int = 0,
        models: tuple[str, ...] = DEFAULT_MODELS,
        api_key: str | None = None,
        keep_bodies: bool = True,
    ) -> None:
        self.port = port
        self.models = models
        self.api_key = api_key
        self.steps = Script()
        self.journal = Journal(keep_bodies=keep_bodies)
        self._runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        """Root of the server; Azure's paths begin here."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def endpoint(self) -> str:
        """Base URL of the OpenAI paths, as a catalogue's deployment names it."""
        return f"{self.url}/v1"

    def script(self, model: str, *steps: Step, default: Step | None = None) -> None:
        """Queue steps for a model (`*` for any) and, if given, what it does once they are used up."""
        self.steps.add(model, *steps, default=default)

    async def start(self) -> Self:
        self._runner = web.AppRunner(
            self._application(), handler_cancellation=True, access_log=None, shutdown_timeout=0.1
        )
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self.port)
        await site.start()
        self.port = self._runner.addresses[0][1]
        return self

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def __aenter__(self) -> Self:
        return await self.start()

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    def _application(self) -> web.Application:
        app = web.Application(client_max_size=64 * 1024 * 1024)
        app.add_routes(
            [
                web.get("/v1/models", self._list_models),
                web.post("/v1/chat/completions", self._chat),
                web.post("/v1/embeddings", self._embeddings),
                web.post("/openai/deployments/{model}/chat/completions", self._chat),
                web.post("/openai/deployments/{model}/embeddings", self._embeddings),
                web.post("/_script", self._add_script),
                web.delete("/_script", self._reset_script),
                web.get("/_journal", self._read_journal),
                web.delete("/_journal", self._reset_journal),
            ]
        )
        return app

    # --- OpenAI's paths

    async def _list_models(self, request: web.Request) -> web.Response:
        if self._unauthorized(request):
            return refusal(Step(status=401))
        data = [{"id": name, "object": "model", "created": 0, "owned_by": "scripted"} for name in self.models]
        return web.json_response({"object": "list", "data": data})

    async def _chat(self, request: web.Request) -> web.StreamResponse:
        return await self._serve(request, self._answer_chat)

    async def _embeddings(self, request: web.Request) -> web.StreamResponse:
        return await self._serve(request, self._answer_embeddings)

    async def _serve(self, request: web.Request, work: Any) -> web.StreamResponse:
        """Journal one call from its first byte to its last, whoever ends it."""
        body = _json_or_none(await request.read())
        named = body.get("model") if isinstance(body, dict) else None
        model = request.match_info.get("model") or (named if isinstance(named, str) else "")
        entry = self.journal.open(
            model=model,
            method=request.method,
            path=request.path,
            query=dict(request.query),
            headers=dict(request.headers),
            body=body,
        )
        try:
            return await self._follow(request, entry, body, work)
        except (asyncio.CancelledError, ConnectionError):
            entry.client_left_ms = entry.elapsed_ms()
            raise
        finally:
            self.journal.close(entry)

    async def _follow(self, request: web.Request, entry: Entry, body: Any, work: Any) -> web.StreamResponse:
        if self._unauthorized(request) or not isinstance(body, dict):
            step = Step(status=401 if self._unauthorized(request) else 400)
        else:
            step = self.steps.next(entry.model)
        delivery = Delivery(request, self.journal, entry, step)
        entry.fault = step.fault
        if refuses(step):
            await _pause(step.first_byte_s)
            response = refusal(step)
            entry.status = response.status
            return response
        if step.fault == "reset":
            await _pause(step.first_byte_s)
            return delivery.reset()
        return await work(delivery, entry, step, body)

    async def _answer_chat(
        self, delivery: Delivery, entry: Entry, step: Step, body: dict[str, Any]
    ) -> web.StreamResponse:
        answer = answers.compose(step, body, model=entry.model, number=entry.number)
        entry.prompt_tokens = answer.prompt_tokens
        entry.stream = bool(body.get("stream"))
        await _pause(step.first_byte_s)
        entry.status = 200
        if entry.stream:
            include_usage = bool((body.get("stream_options") or {}).get("include_usage"))
            return await delivery.stream(answer, include_usage=include_usage)
        entry.usage_sent = answer.usage
        return await delivery.plain(answers.completion(answer), tokens=answer.completion_tokens)

    async def _answer_embeddings(
        self, delivery: Delivery, entry: Entry, step: Step, body: dict[str, Any]
    ) -> web.StreamResponse:
        inputs = words.embedding_inputs(body.get("input"))
        entry.prompt_tokens = sum(words.input_tokens(text) for text in inputs)
        await _pause(step.first_byte_s)
        entry.status = 200
        vectors = [words.embed(text, body.get("dimensions") or words.DIMENSIONS) for text in inputs]
        in_base64 = body.get("encoding_format") == "base64"
        data = [
            {"object": "embedding", "index": n, "embedding": words.as_base64(v) if in_base64 else v}
            for n, v in enumerate(vectors)
        ]
        answer: dict[str, Any] = {"object": "list", "data": data, "model": entry.model}
        if step.usage != "missing":
            entry.usage_sent = {"prompt_tokens": entry.prompt_tokens, "total_tokens": entry.prompt_tokens}
            answer["usage"] = entry.usage_sent
        return await delivery.plain(answer, tokens=0)

    def _unauthorized(self, request: web.Request) -> bool:
        given = request.headers.get("api-key") or request.headers.get("authorization", "").removeprefix("Bearer ")
        return self.api_key is not None and given != self.api_key

    # --- control

    async def _add_script(self, request: web.Request) -> web.Response:
        """A JSON list of steps for any model, or `{model, steps, default}`."""
        try:
            body = json.loads(await request.read())
            order = ScriptOrder.model_validate({"steps": body} if isinstance(body, list) else body)
        except (ValueError, ValidationError) as error:
            return web.json_response({"error": str(error)}, status=400)
        self.script(order.model, *order.steps, default=order.default)
        return web.json_response({"pending": self.steps.pending()})

    async def _reset_script(self, _: web.Request) -> web.Response:
        self.steps.reset()
        return web.Response(status=204)

    async def _read_journal(self, request: web.Request) -> web.Response:
        """`?finished=N` or `?left=N` waits for that many calls to have ended or clients to have left (`&timeout=S`)."""
        timeout_s = float(request.query.get("timeout", "10"))
        try:
            await self.journal.wait_finished(int(request.query.get("finished", "0")), timeout_s=timeout_s)
            await self.journal.wait_left(int(request.query.get("left", "0")), timeout_s=timeout_s)
        except TimeoutError:
            return web.json_response({"error": "timeout"}, status=408)
        totals = self.journal.totals
        fields = {name: getattr(totals, name) for name in totals.__slots__}
        entries = [] if "brief" in request.query else [entry.as_dict() for entry in self.journal.entries]
        return web.json_response({"totals": fields, "entries": entries, "pending": self.steps.pending()})

    async def _reset_journal(self, _: web.Request) -> web.Response:
        self.journal.reset()
        return web.Response(status=204)


async def _pause(seconds: float) -> None:
    if seconds:
        await asyncio.sleep(seconds)


def _json_or_none(raw: bytes) -> Any:
    try:
        return json.loads(raw)
    except ValueError:
        return None
