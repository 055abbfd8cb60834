"""`make soak`: files of hundreds of megabytes come in, and memory does not grow with them."""

import hashlib
import random
from pathlib import Path

import pytest
from openai import AsyncOpenAI

from benchmarks import sides
from benchmarks.report import machine
from tests.scenarios.measured import measured, watched

FORM_MB = 95
"""In one request: just under what Azure lets through."""
UPLOAD_MB = 512
PART_MB = 64
MOST_MB = 48
"""What counts as flat: less than one part, which is the largest thing that could be kept by mistake."""


@pytest.mark.soak
async def test_large_files_come_in_and_memory_does_not_grow_with_them(tmp_path: Path) -> None:
    async with measured(tmp_path, {"model": sides.PLAIN_MODEL}) as product:
        key = product.headers["Authorization"].removeprefix("Bearer ")
        async with AsyncOpenAI(base_url=f"{product.base_url}/v1", api_key=key, timeout=600) as client:
            await client.files.create(file=("warm.bin", b"\x00" * 2**20), purpose="user_data")
            for name, send, size_mb in (("form", _in_a_form, FORM_MB), ("upload", _in_parts, UPLOAD_MB)):
                digest = _write(tmp_path / name, size_mb)
                async with watched(product, 0.1) as samples:
                    assert await _digest(client, await send(client, tmp_path / name)) == digest
                worker = max(sample.worker_mb for sample in samples) - samples[0].worker_mb
                host = max(sample.host_mb for sample in samples) - samples[0].host_mb
                print(
                    f"\n{name} of {size_mb} MiB, there and back: worker {worker:+.1f} MB, host {host:+.1f} MB at most"
                )
                assert max(worker, host) < MOST_MB
    print(machine())


async def _in_a_form(client: AsyncOpenAI, path: Path) -> str:
    return (await client.files.create(file=path, purpose="user_data")).id


async def _in_parts(client: AsyncOpenAI, path: Path) -> str:
    upload = await client.uploads.upload_file_chunked(
        file=path, mime_type="application/octet-stream", purpose="user_data", part_size=PART_MB * 2**20
    )
    assert upload.file is not None
    return upload.file.id


def _write(path: Path, size_mb: int) -> str:
    piece, digest = random.Random(size_mb).randbytes(2**20), hashlib.sha256()
    with path.open("wb") as file:
        for _ in range(size_mb):
            file.write(piece)
            digest.update(piece)
    return digest.hexdigest()


async def _digest(client: AsyncOpenAI, file_id: str) -> str:
    digest = hashlib.sha256()
    async with client.files.with_streaming_response.content(file_id) as answer:
        async for piece in answer.iter_bytes():
            digest.update(piece)
    return digest.hexdigest()
