"""The Model Context Protocol without sessions: every request is answered at once, as JSON.

https://modelcontextprotocol.io/specification/2025-06-18/basic/transports
"""

from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import BaseModel, JsonValue, ValidationError
from pydantic_core import to_json

from shared.answers.knowledge import Knowledge
from shared.errors import RequestError
from shared.ports.keys import Caller
from shared.wire.mcp import (
    INVALID_PARAMS,
    INVALID_REQUEST,
    TOOLS,
    UNKNOWN_METHOD,
    VERSIONS,
    FetchArguments,
    InitializeParams,
    RpcRequest,
    SearchArguments,
    ToolCall,
)
from shared.wire.replies import Relayed
from shared.wire.validation import explain

_ABOUT = "Search the organization's documents, then fetch those worth reading in full."

type _Result = Mapping[str, object]


class _RpcError(Exception):
    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class McpServer:
    knowledge: Knowledge

    async def answer(self, caller: Caller, body: JsonValue) -> Relayed:
        """A JSON-RPC response; 202 and nothing for a notification."""
        request_id = body.get("id") if isinstance(body, dict) else None
        try:
            request = _request(body)
            if request.id is None:
                return Relayed(b"", 202)
            return _reply(request.id, result=await self._result(caller, request))
        except _RpcError as error:
            known = request_id if isinstance(request_id, int | str) else None
            status = 400 if error.code == INVALID_REQUEST else 200
            return _reply(known, status, error={"code": error.code, "message": str(error)})

    async def _result(self, caller: Caller, request: RpcRequest) -> _Result:
        match request.method:
            case "initialize":
                return _initialized(_parsed(InitializeParams, request.params))
            case "ping":
                return {}
            case "tools/list":
                return {"tools": TOOLS}
            case "tools/call":
                return await self._called(caller, _parsed(ToolCall, request.params))
            case unknown:
                raise _RpcError(UNKNOWN_METHOD, f"Unknown method {unknown!r}.")

    async def _called(self, caller: Caller, call: ToolCall) -> _Result:
        """What a caller did wrong is the tool's result, so that a model may read it and do better."""
        try:
            answer = await self._tool(caller, call)
        except RequestError as error:
            return {"content": [{"type": "text", "text": str(error)}], "isError": True}
        text = answer.model_dump_json()
        return {"content": [{"type": "text", "text": text}], "structuredContent": answer, "isError": False}

    async def _tool(self, caller: Caller, call: ToolCall) -> BaseModel:
        match call.name:
            case "search":
                return await self.knowledge.search(caller, _parsed(SearchArguments, call.arguments).query)
            case "fetch":
                return await self.knowledge.fetch(caller, _parsed(FetchArguments, call.arguments).id)
            case unknown:
                raise _RpcError(INVALID_PARAMS, f"Unknown tool {unknown!r}; there are 'search' and 'fetch'.")


def _request(body: JsonValue) -> RpcRequest:
    if isinstance(body, list):
        raise _RpcError(INVALID_REQUEST, "Batches are not part of the protocol any more: send requests one by one.")
    try:
        return RpcRequest.model_validate(body)
    except ValidationError as error:
        raise _RpcError(INVALID_REQUEST, f"Invalid request: {explain(error)}.") from error


def _parsed[Params: BaseModel](shape: type[Params], given: Mapping[str, JsonValue]) -> Params:
    try:
        return shape.model_validate(given)
    except ValidationError as error:
        raise _RpcError(INVALID_PARAMS, f"Invalid parameters: {explain(error)}.") from error


def _initialized(asked: InitializeParams) -> _Result:
    return {
        "protocolVersion": asked.version if asked.version in VERSIONS else VERSIONS[0],
        "capabilities": {"tools": {"listChanged": False}},
        "serverInfo": {"name": "flightdeck", "version": "1"},
        "instructions": _ABOUT,
    }


def _reply(request_id: int | str | None, status: int = 200, **outcome: object) -> Relayed:
    return Relayed(to_json({"jsonrpc": "2.0", "id": request_id, **outcome}), status)
