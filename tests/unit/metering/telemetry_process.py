"""The telemetry functions as a worker calls them, in a process of their own: the platform is one a process.

Prints one JSON object: the usage page, the status of a query we refuse, and the parked blob.
"""

import asyncio
import json
import sys
from typing import Any

import azure.functions as func
from azure.storage.blob.aio import BlobServiceClient
from azurefunctions.extensions.http.fastapi import Request, Response

from functions import telemetry
from shared import wiring
from shared.adapters.storage.auth import API_VERSION


def functions() -> dict[str, Any]:
    app = func.FunctionApp()
    app.register_functions(telemetry.bp)
    return {function.get_function_name(): function.get_user_function() for function in app.get_functions()}


async def get(trigger: Any, key: str, query: str) -> Response:
    headers = [(b"authorization", f"Bearer {key}".encode())]
    scope = {"type": "http", "method": "GET", "query_string": query.encode(), "headers": headers, "path_params": {}}

    async def receive() -> dict[str, object]:
        return await asyncio.Event().wait() and {}

    return await trigger(Request(scope, receive))


async def main(messages: list[str], key: str, storage: str) -> dict[str, object]:
    triggers = functions()
    for number, body in enumerate(messages):
        await triggers["record_usage"](func.QueueMessage(id=f"m{number}", body=body.encode()))
    await triggers["on_usage_poison"](func.QueueMessage(id="p", body=b"unreadable"))
    completions = await get(triggers["get_completions_usage"], key, "start_time=1772582400&group_by[]=model")
    embeddings = await get(triggers["get_embeddings_usage"], key, "start_time=1772582400")
    refused = await get(triggers["get_completions_usage"], key, "")
    async with BlobServiceClient.from_connection_string(storage, api_version=API_VERSION) as service:
        parked = [blob.name async for blob in service.get_container_client("poison").list_blobs()]
    await (await wiring.platform()).close()
    return {
        "completions": json.loads(completions.body),
        "embeddings": json.loads(embeddings.body),
        "refused": refused.status_code,
        "parked": parked,
    }


if __name__ == "__main__":
    given = json.load(sys.stdin)
    print(json.dumps(asyncio.run(main(**given))))
