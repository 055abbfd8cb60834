"""A scripted model server: it speaks OpenAI's wire, fails exactly as told, and counts what it served.

In a test: `async with ScriptedUpstream() as upstream: upstream.script("chat", Step(status=429), Step(text="Yes."))`.
As a program: `python -m tests.upstream --port 9000`, driven through `POST /_script` and read through `GET /_journal`.
"""

from tests.upstream.journal import Entry, Journal, Totals
from tests.upstream.script import Script, Step, ToolCall
from tests.upstream.server import ScriptedUpstream

__all__ = ["Entry", "Journal", "Script", "ScriptedUpstream", "Step", "ToolCall", "Totals"]
