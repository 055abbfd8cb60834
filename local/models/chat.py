"""Runs SmolLM2-135M-Instruct with llama.cpp's own HTTP server, inside this process and behind a secret key."""

import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local.models.catalogue import CHAT, CONTEXT_TOKENS

SLOTS = 2  # answers at a time; each costs 94 MB of keys and values
_LONGEST_ANSWER = 256  # when the request names no limit: a model this small may never stop by itself


@dataclass(frozen=True, slots=True)
class ChatServer:
    """A running llama.cpp server. It stops when `close` is called or the process ends."""

    url: str
    key: str
    _running: list[Any]

    @classmethod
    def start(cls, weights: Path) -> "ChatServer":
        import xllamacpp

        library: Any = xllamacpp
        key = secrets.token_urlsafe(32)
        server: Any = library.Server(_parameters(library, weights, key))
        return cls(url=server.listening_address, key=key, _running=[server])

    def close(self) -> None:
        """Stop generating; llama.cpp's threads end with its object."""
        self._running.clear()


def _parameters(library: Any, weights: Path, key: str) -> Any:
    """Names are llama.cpp's: https://github.com/ggml-org/llama.cpp/blob/master/tools/server/README.md"""
    parameters: Any = library.CommonParams()
    settings: dict[str, object] = {
        "hostnames": ["127.0.0.1"],
        "port": 0,
        "api_keys": [key],
        "model_alias": {CHAT},
        "n_ctx": CONTEXT_TOKENS * SLOTS,
        "n_parallel": SLOTS,
        "n_batch": 512,  # a long prompt holds up the other answers for one batch only
        "n_predict": _LONGEST_ANSWER,
        "cache_ram_mib": 0,  # the default keeps up to 8 GB of old prompts
        "cors_origins": "http://127.0.0.1",  # the default is every site
        "cors_credentials": False,
        "warmup": False,
        "ui": False,
        "verbosity": 1,
        "n_threads_http": 8,
    }
    for name, value in settings.items():
        setattr(parameters, name, value)
    parameters.model.path = str(weights)
    for processors in (parameters.cpuparams, parameters.cpuparams_batch):
        processors.n_threads = 1  # two threads on two busy cores are slower than one: they wait for each other
    return parameters
