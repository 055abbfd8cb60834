"""A program that the model may call a function of, over the Responses API. Run `source .local/env` first.

python examples/agent.py [QUESTION]
"""

import json
import os
import sys
from datetime import UTC, datetime
from typing import Any

from openai import OpenAI

CLOCK: Any = {
    "type": "function",
    "name": "utc_time",
    "description": "The time now, in UTC.",
    "parameters": {"type": "object", "properties": {}, "additionalProperties": False},
}

client = OpenAI()
model = os.environ.get("CHAT_MODEL", "smollm2-135m")
question = sys.argv[1] if len(sys.argv) > 1 else "What time is it?"

response = client.responses.create(model=model, input=question, tools=[CLOCK])
while calls := [item for item in response.output if item.type == "function_call"]:
    print("Called:", ", ".join(call.name for call in calls))
    now = json.dumps({"utc": datetime.now(UTC).isoformat(timespec="seconds")})
    results: Any = [{"type": "function_call_output", "call_id": call.call_id, "output": now} for call in calls]
    response = client.responses.create(model=model, previous_response_id=response.id, input=results, tools=[CLOCK])
print("Answer:", response.output_text)

with client.responses.stream(model=model, previous_response_id=response.id, input="Thank you.") as stream:
    print("Streamed: ", end="")
    for event in stream:
        if event.type == "response.output_text.delta":
            print(event.delta, end="", flush=True)
print()
