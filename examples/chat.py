"""Chat, plain and streamed, and embeddings: the openai package as it is. Run `source .local/env` first."""

import os

from openai import OpenAI

chat_model = os.environ.get("CHAT_MODEL", "smollm2-135m")
embedding_model = os.environ.get("EMBEDDING_MODEL", "all-minilm-l6-v2")

client = OpenAI()  # reads OPENAI_BASE_URL and OPENAI_API_KEY
print("Models:", ", ".join(model.id for model in client.models.list()))

answer = client.chat.completions.create(model=chat_model, messages=[{"role": "user", "content": "Say hello."}])
print("Plain:", answer.choices[0].message.content)
print("Used:", answer.usage.total_tokens if answer.usage else 0, "tokens")

print("Streamed: ", end="")
for chunk in client.chat.completions.create(
    model=chat_model, messages=[{"role": "user", "content": "Count to five."}], stream=True
):
    print(chunk.choices[0].delta.content or "", end="", flush=True)
print()

vector = client.embeddings.create(model=embedding_model, input="A sentence to embed.").data[0].embedding
print("Embedded:", len(vector), "dimensions")
