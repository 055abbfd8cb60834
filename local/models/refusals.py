"""What the model server refuses, in the shape of OpenAI's errors."""

import json
from typing import Any

from aiohttp import web


class RefusalError(Exception):
    """An answer that is an error: https://platform.openai.com/docs/guides/error-codes"""

    def __init__(self, status: int, message: str, *, code: str | None = None, param: str | None = None) -> None:
        super().__init__(message)
        self.status, self.code, self.param = status, code, param

    def reply(self) -> web.Response:
        kind = "server_error" if self.status >= 500 else "invalid_request_error"
        error = {"message": str(self), "type": kind, "param": self.param, "code": self.code}
        return web.json_response({"error": error}, status=self.status)


def from_llama(status: int, body: bytes) -> RefusalError:
    """Translate llama.cpp's error, whose `code` is a number and whose types are its own."""
    try:
        error: dict[str, Any] = json.loads(body)["error"]
        message, kind = str(error["message"]), error.get("type")
    except (ValueError, KeyError, TypeError):
        return RefusalError(502, "The chat model gave an answer that cannot be read.")
    if kind == "exceed_context_size_error":
        text = (
            f"This model's maximum context length is {error['n_ctx']} tokens. "
            f"However, your messages resulted in {error['n_prompt_tokens']} tokens."
        )
        return RefusalError(400, text, code="context_length_exceeded", param="messages")
    return RefusalError(status, message)


def unknown_model(name: object) -> RefusalError:
    return RefusalError(404, f"The model {name!r} does not exist here.", code="model_not_found", param="model")
