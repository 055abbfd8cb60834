"""Reading a request: the credential, and a body of any of the three kinds, within its limit."""

import re
from collections.abc import AsyncGenerator

from azurefunctions.extensions.http.fastapi import Request
from pydantic import BaseModel
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect

from shared import wire
from shared.errors import InvalidRequestError, TooLargeError
from shared.wire.uploads import Upload

_INNER = re.compile(r"(\w+)\[([^\[\]]+)\]")


def secret_of(request: Request) -> str | None:
    """The key from `Authorization: Bearer` (OpenAI's clients) or `api-key` (AzureOpenAI's)."""
    scheme, _, credential = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and credential:
        return credential.strip()
    return request.headers.get("api-key")


async def read[Body: BaseModel](
    request: Request, body_type: type[Body], *, max_body_bytes: int, max_file_bytes: int
) -> tuple[Body, bytes]:
    """The checked body and the JSON it came from, b"" for queries and forms.

    Raise InvalidRequestError, TooLargeError.
    """
    if request.method in ("GET", "DELETE", "HEAD"):
        return wire.validation.parse_fields(body_type, _fields(request.query_params.multi_items())), b""
    if request.headers.get("content-type", "").startswith("multipart/form-data"):
        return wire.validation.parse_fields(body_type, await _form(request, max_file_bytes)), b""
    raw = b"".join([piece async for piece in _limited(request, max_body_bytes)])
    return wire.validation.parse_body(body_type, raw), raw


async def _limited(request: Request, limit_bytes: int) -> AsyncGenerator[bytes]:
    """The body in pieces. One that is too long is read to its end all the same: a client that is still sending when
    the answer comes sees a broken connection, not the answer. The host has its own limit of 100 MB.
    """
    size = 0
    try:
        async for piece in request.stream():
            size += len(piece)
            if size <= limit_bytes:
                yield piece
    except ClientDisconnect as error:
        raise InvalidRequestError("The request's body was cut.") from error
    if size > limit_bytes:
        raise TooLargeError(
            f"The request's body has {size} bytes; at most {limit_bytes} are allowed. A larger file comes in parts:"
            " POST /v1/uploads."
        )


async def _form(request: Request, max_file_bytes: int) -> dict[str, object]:
    parser = MultiPartParser(request.headers, _limited(request, max_file_bytes), max_files=1, max_fields=64)
    try:
        form = await parser.parse()
    except (MultiPartException, KeyError) as error:
        raise InvalidRequestError(f"We could not parse the form of your request: {error}.") from error
    return _fields(
        [(name, _upload(value) if isinstance(value, UploadFile) else value) for name, value in form.multi_items()]
    )


def _upload(part: UploadFile) -> Upload:
    return Upload(part.filename or "", part.content_type, part.size or 0, part.file)


def _fields(items: list[tuple[str, str]] | list[tuple[str, Upload | str]]) -> dict[str, object]:
    """`name[key]` becomes an object. `name[]`, as OpenAI's clients write arrays, becomes a list, and so does a name
    that comes again, as OpenAPI writes them."""
    lists: dict[str, list[object]] = {}
    objects: dict[str, dict[str, object]] = {}
    for name, value in items:
        if inner := _INNER.fullmatch(name):
            objects.setdefault(inner[1], {})[inner[2]] = value
        else:
            lists.setdefault(name.removesuffix("[]"), []).append(value)
    single: dict[str, object] = {name: value for name, value in items if len(lists.get(name, ())) == 1}
    return lists | single | objects
