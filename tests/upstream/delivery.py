"""Bytes to the client: paced, counted, and broken where the script says so."""

import asyncio
import json
import socket
import struct
from typing import Any

from aiohttp import web

from tests.upstream import answer as answers
from tests.upstream.answer import Answer
from tests.upstream.journal import Entry, Journal
from tests.upstream.script import Step

_MALFORMED = b'data: {"id":"chatcmpl-scripted","choices":[{"index":0,"delta":{"content":"brok\n\n'


class Delivery:
    """One answer on its way to one client."""

    def __init__(self, request: web.Request, journal: Journal, entry: Entry, step: Step) -> None:
        self._request = request
        self._journal = journal
        self._entry = entry
        self._step = step

    def reset(self) -> web.StreamResponse:
        """Break the connection with a TCP reset, before or in the middle of an answer."""
        transport = self._request.transport
        if transport is not None:
            connection: socket.socket = transport.get_extra_info("socket")
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            transport.abort()
        return web.Response()

    async def plain(self, body: dict[str, Any], *, tokens: int) -> web.StreamResponse:
        """Send one JSON body. `tokens` is what it contains, for the journal."""
        raw = json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
        if self._step.fault == "malformed":
            raw = raw[: len(raw) // 2]
        headers = {"Content-Type": "application/json", "Content-Length": str(len(raw))} | self._headers()
        response = web.StreamResponse(headers=headers)
        await response.prepare(self._request)
        if self._step.fault in ("cut", "abort", "stall"):
            await self._write(response, raw[: len(raw) // 2])
            return await self._break(response)
        await self._write(response, raw, tokens=tokens)
        await response.write_eof()
        return response

    async def stream(self, answer: Answer, *, include_usage: bool) -> web.StreamResponse:
        """Send an answer as server-sent events, until the end or until the scripted fault."""
        headers = {"Content-Type": "text/event-stream; charset=utf-8", "Cache-Control": "no-cache"}
        response = web.StreamResponse(headers=headers | self._headers())
        await response.prepare(self._request)
        for part in answers.opening(answer, self._step, include_usage=include_usage):
            await self._write(response, part)
        if await self._deltas(response, answer, include_usage=include_usage):
            return await self._break(response)
        self._entry.usage_sent = answer.usage if include_usage else None
        for part in answers.closing(answer, include_usage=include_usage):
            await self._write(response, part)
        await response.write_eof()
        return response

    async def _deltas(self, response: web.StreamResponse, answer: Answer, *, include_usage: bool) -> bool:
        """Send the deltas at their pace; True if the scripted fault cuts the answer here."""
        fault, delay = self._step.fault, self._step.chunk_delay_s
        loop = asyncio.get_running_loop()
        due = loop.time()
        for number, delta in enumerate(answer.deltas):
            if fault is not None and number == self._step.after_chunks:
                if fault != "malformed":
                    return True
                await self._write(response, _MALFORMED)
            if delay:
                due += delay
                await asyncio.sleep(due - loop.time())
            part = answers.delta_event(answer, delta, include_usage=include_usage)
            await self._write(response, part, tokens=delta.tokens)
        return fault is not None and fault != "malformed"

    async def _break(self, response: web.StreamResponse) -> web.StreamResponse:
        match self._step.fault:
            case "stall":
                await asyncio.Event().wait()  # until the client leaves or the server stops
            case "abort" | "reset":
                self.reset()
            case _ if response.content_length is not None:
                response.force_close()
                if self._request.transport is not None:
                    self._request.transport.close()
            case _:
                await response.write_eof()
        return response

    async def _write(self, response: web.StreamResponse, part: bytes, *, tokens: int | None = None) -> None:
        await response.write(part)
        self._journal.sent(self._entry, len(part), tokens=tokens)

    def _headers(self) -> dict[str, str]:
        return {"x-request-id": f"req_scripted_{self._entry.number}"} | self._step.headers
