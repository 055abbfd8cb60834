"""The programs in examples/ as a reader would run them, but with the scripted models."""

import asyncio
import os
import sys
from pathlib import Path

from tests.scenarios.deck import KEYS, ROOT, Deck, eventually
from tests.upstream import Step
from tests.upstream.script import ToolCall


async def run(deck: Deck, program: str, *arguments: str) -> str:
    env = os.environ | {
        "OPENAI_BASE_URL": f"{deck.url}/v1",
        "OPENAI_API_KEY": KEYS["acme"],
        "AZURE_OPENAI_ENDPOINT": deck.url,
        "AZURE_OPENAI_API_KEY": KEYS["acme"],
        "OPENAI_API_VERSION": "2025-04-01-preview",
        "AZURE_STORAGE_CONNECTION_STRING": deck.storage,
        "CHAT_MODEL": "chat",
        "EMBEDDING_MODEL": "embedding",
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(ROOT / "examples" / program),
        *arguments,
        env=env,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    said, complained = await process.communicate()
    assert process.returncode == 0, complained.decode()
    return said.decode()


async def test_chat(deck: Deck) -> None:
    said = await run(deck, "chat.py")
    assert "Plain: Scripted answer." in said
    assert "Streamed: Scripted answer." in said
    assert "Embedded: 384 dimensions" in said


async def test_azure_chat(deck: Deck) -> None:
    assert await run(deck, "azure_chat.py") == "Plain: Scripted answer.\n"


async def test_documents(deck: Deck) -> None:
    deck.upstream.script("chat", Step(text="Behind the blue door [doc1]."))
    said = await run(deck, "documents.py")
    assert "observatory.md is indexed." in said
    assert "Answer: Behind the blue door [doc1]." in said
    assert "[doc1] observatory.md, characters 0-" in said


async def test_dropped_blob(deck: Deck, tmp_path: Path) -> None:
    note = tmp_path / "note.txt"
    note.write_text("The heron nests by the mill.")
    assert "Dropped note.txt" in await run(deck, "drop_blob.py", str(note), "herons", "acme")

    async def stores() -> list[str]:
        return [store.name async for store in deck.client().vector_stores.list()]

    await eventually(stores, lambda names: "herons" in names)


async def test_usage(deck: Deck) -> None:
    await deck.client().chat.completions.create(model="chat", messages=[{"role": "user", "content": "hi"}])
    await eventually(lambda: run(deck, "usage.py"), lambda said: "completions chat: " in said)


async def test_agent(deck: Deck) -> None:
    call = ToolCall(id="call_clock", name="utc_time")
    deck.upstream.script("chat", Step(tool_calls=(call,)), Step(text="It is noon."), Step(text="You are welcome."))
    said = await run(deck, "agent.py")
    assert said == "Called: utc_time\nAnswer: It is noon.\nStreamed: You are welcome.\n"
    (result,) = [one for one in deck.upstream.journal.of("chat")[1].body["messages"] if one["role"] == "tool"]
    assert result["tool_call_id"] == "call_clock"
    assert "utc" in result["content"]
