"""The same through the AzureOpenAI client. Run `source .local/env` first."""

import os

from openai import AzureOpenAI

client = AzureOpenAI()  # reads AZURE_OPENAI_ENDPOINT, AZURE_OPENAI_API_KEY and OPENAI_API_VERSION
answer = client.chat.completions.create(
    model=os.environ.get("CHAT_MODEL", "smollm2-135m"), messages=[{"role": "user", "content": "Say hello."}]
)
print("Plain:", answer.choices[0].message.content)
