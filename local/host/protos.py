"""The message types that Microsoft's worker library expects of its `protos` module, without gRPC or protobuf.

The library only builds these records, reads their fields and asks `WhichOneof`; a field never set reads as None.
"""

from typing import Any, ClassVar

from local.host.frames import Data


class Record:
    def __init__(self, **fields: Any) -> None:
        self.__dict__.update(fields)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or name[0].isupper():  # `TypedData`: the library asks whether it holds the module
            raise AttributeError(name)
        return None


class TypedData(Record):
    def WhichOneof(self, _group: str) -> str | None:  # noqa: N802 - protobuf's own name
        return next((kind for kind, value in self.__dict__.items() if value is not None), None)


class ParameterBinding(Record):
    def WhichOneof(self, _group: str) -> str:  # noqa: N802 - protobuf's own name
        return "data"


class StatusResult(Record):
    Failure: ClassVar = 0
    Success: ClassVar = 1
    Cancelled: ClassVar = 2


class BindingInfo(Record):
    out: ClassVar = 1
    inout: ClassVar = 2
    undefined: ClassVar = 0


class _SameSite:
    Lax: ClassVar = 1
    Strict: ClassVar = 2
    ExplicitNone: ClassVar = 3


setattr(_SameSite, "None", 0)  # a name that Python's grammar keeps for itself


class RpcHttpCookie(Record):
    SameSite: ClassVar = _SameSite


class RpcHttp(Record): ...


class WorkerInitResponse(Record): ...


class WorkerMetadata(Record): ...


class RpcFunctionMetadata(Record): ...


class RpcRetryOptions(Record): ...


class RpcException(Record): ...


class FunctionMetadataResponse(Record): ...


class FunctionLoadResponse(Record): ...


class InvocationResponse(Record): ...


class NullableString(Record): ...


class NullableBool(Record): ...


class NullableDouble(Record): ...


class NullableTimestamp(Record): ...


def typed_data(data: Data) -> TypedData:
    kind, value = data
    fields: dict[str, Any] = {kind: value}
    if kind == "http":
        fields[kind] = RpcHttp(method="", url="", headers={}, query={}, params=value, body=TypedData())
    if kind == "model_binding_data":
        fields[kind] = Record(**value)
    return TypedData(**fields)


def plain_data(data: TypedData | None) -> Data | None:
    kind = data.WhichOneof("data") if data is not None else None
    if data is None or kind is None:
        return None
    return kind, _plain_http(data.http) if kind == "http" else getattr(data, kind)


def _plain_http(response: Any) -> dict[str, Any]:
    body = plain_data(response.body)
    return {"status": response.status_code, "headers": dict(response.headers or {}), "body": _as_text(body)}


def _as_text(body: Data | None) -> str:
    if body is None:
        return ""
    return body[1].decode() if isinstance(body[1], bytes) else str(body[1])
