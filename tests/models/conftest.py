"""One real model server for all the tests here, and clients for it."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx2
import pytest
from openai import AsyncOpenAI

KEY = "test-key"
ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Running:
    url: str
    process: subprocess.Popen[str]


def started(*options: str) -> Running:
    """Start the server as a user does and wait until it says where it is."""
    command = [sys.executable, "-m", "local.models", "--port", "0", "--key", KEY, *options]
    process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("Models on "):
            return Running(line.removeprefix("Models on ").strip(), process)
    raise AssertionError(f"The model server ended with {process.wait()}.")


def stopped(running: Running) -> int:
    running.process.terminate()
    code = running.process.wait(timeout=20)
    for pipe in (running.process.stdin, running.process.stdout):
        assert pipe is not None
        pipe.close()
    return code


@pytest.fixture(scope="session")
def server() -> Iterator[Running]:
    running = started()
    yield running
    assert stopped(running) == 0


@pytest.fixture
async def client(server: Running) -> AsyncIterator[AsyncOpenAI]:
    async with AsyncOpenAI(base_url=server.url, api_key=KEY, max_retries=0) as client:
        yield client


@pytest.fixture
async def http(server: Running) -> AsyncIterator[httpx2.AsyncClient]:
    headers = {"authorization": f"Bearer {KEY}"}
    async with httpx2.AsyncClient(base_url=server.url, headers=headers, timeout=60) as client:
        yield client


async def until_generating(http: httpx2.AsyncClient, count: int) -> None:
    """Look rarely: llama.cpp notices a closed connection after a second without any other result, this one included."""
    async with asyncio.timeout(30):
        while (await http.get("/slots")).json()["generating"] != count:
            await asyncio.sleep(1.5)
