"""Upload a file, wait until it is indexed, search it, and ask about it. Run `source .local/env` first.

python examples/documents.py [FILE] [QUESTION]
"""

import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from openai import OpenAI

NOTE = "# The observatory\n\nThe dome of the observatory opens at dusk. Its key hangs behind the blue door.\n"


def sample() -> Path:
    path = Path(tempfile.mkdtemp()) / "observatory.md"
    path.write_text(NOTE)
    return path


path = Path(sys.argv[1]) if len(sys.argv) > 1 else sample()
question = sys.argv[2] if len(sys.argv) > 2 else "Where is the key of the dome?"
client = OpenAI()

store = client.vector_stores.create(name="example")
with path.open("rb") as content:
    uploaded = client.files.create(file=content, purpose="assistants")
file = client.vector_stores.files.create(vector_store_id=store.id, file_id=uploaded.id)
while file.status == "in_progress":
    time.sleep(0.2)
    file = client.vector_stores.files.retrieve(uploaded.id, vector_store_id=store.id)
if file.last_error:
    sys.exit(f"{path.name}: {file.last_error.message}")
print(f"{path.name} is indexed.")

for hit in client.vector_stores.search(store.id, query=question, max_num_results=3):
    print(f"{hit.score:.2f} {hit.filename}: {hit.content[0].text[:70]!r}")

source = {"type": "vector_store", "parameters": {"vector_store_ids": [store.id]}}
answer: Any = client.chat.completions.create(
    model=os.environ.get("CHAT_MODEL", "smollm2-135m"),
    messages=[{"role": "user", "content": question}],
    extra_body={"data_sources": [source]},
)
message = answer.choices[0].message
print("Answer:", message.content)
for number, citation in enumerate(message.context["citations"], start=1):
    where = f"page {citation['page_start']}, " if citation["page_start"] else ""
    print(f"[doc{number}] {citation['filepath']}, {where}characters {citation['char_start']}-{citation['char_end']}")

client.files.delete(uploaded.id)
client.vector_stores.delete(store.id)
