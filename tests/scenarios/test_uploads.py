"""Large files in parts, files that expire, and ranges of them, through the unmodified client."""

import hashlib
import io

import openai
import pytest

from tests.scenarios.deck import Deck


async def test_a_file_in_chunks_is_uploaded_indexed_and_read_back_in_ranges(deck: Deck) -> None:
    client = deck.client()
    whole = b"The valve is orange.\n" + bytes(range(32, 127)) * 30_000
    upload = await client.uploads.upload_file_chunked(
        file=whole,
        filename="valve.txt",
        bytes=len(whole),
        mime_type="text/plain",
        purpose="assistants",
        part_size=1_200_000,
        md5=hashlib.md5(whole).hexdigest(),
    )
    assert (upload.status, upload.bytes) == ("completed", len(whole))
    assert upload.file is not None
    content = client.files.with_raw_response.content
    answer = await content(upload.file.id, extra_headers={"range": "bytes=4-8"})
    assert (answer.status_code, answer.content) == (206, b"valve")
    assert answer.headers["content-range"] == f"bytes 4-8/{len(whole)}"
    assert (await client.files.content(upload.file.id)).content == whole
    with pytest.raises(openai.APIStatusError) as refused:
        await content(upload.file.id, extra_headers={"range": f"bytes={len(whole)}-"})
    assert refused.value.status_code == 416
    assert refused.value.response.headers["content-range"] == f"bytes */{len(whole)}"


async def test_parts_come_in_any_order_and_what_does_not_match_is_refused(deck: Deck) -> None:
    client = deck.client()
    upload = await client.uploads.create(bytes=6, filename="a.txt", mime_type="text/plain", purpose="user_data")
    two = await client.uploads.parts.create(upload.id, data=io.BytesIO(b"two"))
    one = await client.uploads.parts.create(upload.id, data=b"one")
    with pytest.raises(openai.BadRequestError, match="3 bytes together"):
        await client.uploads.complete(upload.id, part_ids=[one.id])
    with pytest.raises(openai.NotFoundError):
        await deck.client("other").uploads.complete(upload.id, part_ids=[one.id, two.id])
    done = await client.uploads.complete(upload.id, part_ids=[one.id, two.id])
    assert done.file is not None
    assert (await client.files.content(done.file.id)).content == b"onetwo"
    with pytest.raises(openai.BadRequestError, match="completed, not pending"):
        await client.uploads.cancel(upload.id)


async def test_a_file_says_when_it_expires(deck: Deck) -> None:
    file = await deck.client().files.create(
        file=("a.txt", b"text"), purpose="user_data", expires_after={"anchor": "created_at", "seconds": 3600}
    )
    assert file.expires_at == file.created_at + 3600
    with pytest.raises(openai.BadRequestError, match=r"expires_after\.seconds"):
        await deck.client().files.create(
            file=("a.txt", b"text"), purpose="user_data", expires_after={"anchor": "created_at", "seconds": 5}
        )
