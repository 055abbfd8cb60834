"""What was used today, by model. Run `source .local/env` first."""

import os
import time

import httpx2

for operation in ("completions", "embeddings"):
    answer = httpx2.get(
        f"{os.environ['OPENAI_BASE_URL']}/organization/usage/{operation}",
        params={"start_time": int(time.time()) - 86400, "bucket_width": "1d", "group_by[]": "model"},
        headers={"Authorization": f"Bearer {os.environ['OPENAI_API_KEY']}"},
    )
    answer.raise_for_status()
    for result in (result for bucket in answer.json()["data"] for result in bucket["results"]):
        print(
            f"{operation} {result['model']}: {result['num_model_requests']} requests, "
            f"{result['input_tokens']} tokens in, {result.get('output_tokens', 0)} out"
        )
