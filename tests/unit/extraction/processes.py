"""Watching the child processes of this one."""

import asyncio
import os
from collections.abc import Callable, Mapping
from pathlib import Path


def measured() -> Mapping[str, str]:
    """What a child needs for its coverage to be counted."""
    return {name: value for name, value in os.environ.items() if name.startswith("COVERAGE")}


def children(parent: int | str = "self") -> list[int]:
    """The pids of the readers that a process has now."""
    pids = [int(pid) for file in Path(f"/proc/{parent}/task").glob("*/children") for pid in file.read_text().split()]
    return [pid for pid in pids if b"shared.retrieval.extraction.child" in _read(pid, "cmdline")]


def has_loaded(pid: int, library: bytes) -> bool:
    return library in _read(pid, "maps")


def alive(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


async def until[T](condition: Callable[[], T], deadline_s: float = 20) -> T:
    async with asyncio.timeout(deadline_s):
        while not (value := condition()):
            await asyncio.sleep(0.005)
    return value


async def cutting_child() -> int:
    """The pid of a child that is cutting a document now: it loads the tokenizer no sooner."""
    return await until(lambda: next((pid for pid in children() if has_loaded(pid, b"rs_bpe")), 0))


def _read(pid: int, name: str) -> bytes:
    try:
        return Path(f"/proc/{pid}/{name}").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return b""
