"""Files and uploads: every way in that the client has, what is read back, and its own walk through pages."""

import asyncio
import hashlib
import io
from pathlib import Path
from typing import Any

import openai
import pytest


def test_a_file_is_created_read_and_deleted(client: openai.OpenAI) -> None:
    made = client.files.create(
        file=("plan ü.txt", "Zwölf Tore".encode(), "text/plain"),
        purpose="assistants",
        extra_body={"expires_after": {"anchor": "created_at", "seconds": 3600}},
    )
    assert (made.object, made.filename, made.purpose) == ("file", "plan ü.txt", "assistants")
    assert made.expires_at == made.created_at + 3600
    assert client.files.wait_for_processing(made.id).status == "processed"
    assert client.files.retrieve(made.id).bytes == made.bytes == 11
    assert client.files.content(made.id).read().decode() == "Zwölf Tore"
    gone = client.files.delete(made.id)
    assert (gone.id, gone.object, gone.deleted) == (made.id, "file", True)
    with pytest.raises(openai.NotFoundError):
        client.files.content(made.id)


@pytest.mark.parametrize("form", ["bytes", "path", "stream"])
def test_a_file_comes_in_every_form_that_the_client_takes(client: openai.OpenAI, tmp_path: Path, form: str) -> None:
    path = tmp_path / "note.txt"
    path.write_bytes(b"a note")
    given: Any = {"bytes": b"a note", "path": path, "stream": io.BytesIO(b"a note")}[form]
    made = client.files.create(file=given, purpose="user_data")
    assert client.files.content(made.id).read() == b"a note"
    if form == "path":
        assert made.filename == "note.txt"


def test_content_is_streamed_to_a_file(client: openai.OpenAI, tmp_path: Path) -> None:
    data = bytes(range(256)) * 8192
    made = client.files.create(file=("data.bin", data), purpose="user_data")
    with client.files.with_streaming_response.content(made.id) as response:
        response.stream_to_file(tmp_path / "data.bin")
    assert (tmp_path / "data.bin").read_bytes() == data


def test_files_are_walked_through_pages(client: openai.OpenAI) -> None:
    made = [client.files.create(file=(f"{n}.txt", b"x"), purpose="vision").id for n in range(5)]
    page = client.files.list(purpose="vision", limit=2)
    walked: list[str] = []
    for file in page:
        walked.append(file.id)
        if len(walked) == 5:
            break
    assert walked == made[::-1]
    assert [file.id for file in page.data] == made[:2:-1]
    assert page.has_next_page()
    assert [file.id for file in page.get_next_page().data] == made[2:0:-1]
    rest = client.files.list(purpose="vision", order="asc", after=made[1], limit=1)
    assert [file.id for file in rest] == made[2:]


def test_files_are_walked_through_pages_by_the_asynchronous_client(client: openai.OpenAI, product: Any) -> None:
    made = [client.files.create(file=(f"{n}.txt", b"x"), purpose="evals").id for n in range(3)]

    async def main() -> None:
        async with openai.AsyncOpenAI(base_url=product.base_url, api_key=product.key) as walker:
            walked = [file.id async for file in walker.files.list(purpose="evals", order="asc", limit=2)]
            assert walked[-3:] == made

    asyncio.run(main())


def test_an_upload_in_parts_is_the_file(client: openai.OpenAI, tmp_path: Path) -> None:
    whole = bytes(range(256)) * 10_000
    path = tmp_path / "big.bin"
    path.write_bytes(whole)
    upload = client.uploads.upload_file_chunked(
        file=path, mime_type="application/octet-stream", purpose="user_data", part_size=1_000_000
    )
    assert (upload.status, upload.bytes) == ("completed", len(whole))
    assert upload.file
    assert upload.file.filename == "big.bin"
    assert client.files.content(upload.file.id).read() == whole


def test_parts_by_hand_a_checksum_and_a_cancelled_upload(client: openai.OpenAI) -> None:
    upload = client.uploads.create(bytes=6, filename="a.txt", mime_type="text/plain", purpose="user_data")
    assert (upload.object, upload.status) == ("upload", "pending")
    two = client.uploads.parts.create(upload.id, data=io.BytesIO(b"two"))
    one = client.uploads.parts.create(upload.id, data=b"one")
    assert (one.object, one.upload_id) == ("upload.part", upload.id)
    md5 = hashlib.md5(b"onetwo").hexdigest()
    with pytest.raises(openai.BadRequestError):
        client.uploads.complete(upload.id, part_ids=[two.id, one.id], md5=md5)
    done = client.uploads.complete(upload.id, part_ids=[one.id, two.id], md5=md5)
    assert done.file
    assert client.files.content(done.file.id).read() == b"onetwo"
    other = client.uploads.create(bytes=3, filename="b.txt", mime_type="text/plain", purpose="user_data")
    assert client.uploads.cancel(other.id).status == "cancelled"
    with pytest.raises(openai.BadRequestError):
        client.uploads.parts.create(other.id, data=b"one")
