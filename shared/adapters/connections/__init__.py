"""HTTP/1.1 over connections that are kept alive: what the calls of the hot path need, and no more.

A chat completion is one call to a model and two writes to a queue. Over aiohttp each takes more than twice the
processor time: what a process runs once in a few milliseconds it runs from cold caches, so that the length of the way
counts (docs/benchmarks.md).
"""

from shared.adapters.connections.answer import Answer
from shared.adapters.connections.pool import Connections, Reply, request

__all__ = ["Answer", "Connections", "Reply", "request"]
