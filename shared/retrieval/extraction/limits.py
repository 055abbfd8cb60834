"""What one document may cost before it is refused."""

from dataclasses import dataclass

MIB = 2**20


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds on one document, and on the child process that reads it.

    `memory_bytes` is address space (RLIMIT_AS): libraries and stacks count too, about 300 MiB of it.
    `max_member_bytes` is for the XML files inside of Office documents; kreuzberg takes no more than 100 MiB.
    `chunk_tokens` is at least 8, so that any single character fits.
    A child is replaced after `documents_per_child`, or once it holds more than `recycle_bytes`.
    """

    max_bytes: int = 1024 * MIB
    max_pages: int = 20_000
    max_characters: int = 100_000_000
    max_member_bytes: int = 100 * MIB
    memory_bytes: int = 1024 * MIB
    cpu_s: int = 90
    deadline_s: float = 120
    chunk_tokens: int = 512
    documents_per_child: int = 100
    recycle_bytes: int = 400 * MIB
    start_s: float = 30
    end_s: float = 5


def mib(size_bytes: int) -> str:
    """A size as people read it."""
    return f"{size_bytes / MIB:,.0f} MiB" if size_bytes >= MIB else f"{size_bytes:,} bytes"
