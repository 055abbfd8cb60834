"""What one document may cost before it is refused."""

from dataclasses import dataclass

MIB = 2**20


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds on one document, and on the child process that reads it.

    `memory_bytes` is address space (RLIMIT_AS): libraries and stacks count too, about 300 MiB of it.
    `max_member_bytes` is for the XML files inside of Office documents; kreuzberg takes no more than 100 MiB.
    `max_characters` is for what is read as a whole; plain text is not. Text in a format of its own (Markdown, JSON) is
    read as plain text when it is larger than `max_whole_bytes`.
    A file with more than `part_pages` or `part_bytes` (of text; characters, where it is not plain) is read in parts.
    A document may use `cpu_s` seconds of processor time, and one more for each MiB of the file.
    `deadline_s` is less than half of what a function may run: a document that runs into it is tried twice.
    `chunk_tokens` is at least 8, so that any single character fits.
    A child is replaced after `documents_per_child`, or once it holds more than `recycle_bytes`.
    """

    max_bytes: int = 1024 * MIB
    max_pages: int = 20_000
    max_characters: int = 100_000_000
    max_member_bytes: int = 100 * MIB
    max_whole_bytes: int = 32 * MIB
    part_pages: int = 200
    part_bytes: int = 2 * MIB
    memory_bytes: int = 1024 * MIB
    cpu_s: int = 20
    deadline_s: float = 55
    chunk_tokens: int = 512
    documents_per_child: int = 1000
    recycle_bytes: int = 400 * MIB
    start_s: float = 30
    end_s: float = 5

    def cpu_for(self, size_bytes: int) -> int:
        """Seconds of processor time for a file of that size."""
        return self.cpu_s + size_bytes // MIB


def mib(size_bytes: int) -> str:
    """A size as people read it."""
    return f"{size_bytes / MIB:,.0f} MiB" if size_bytes >= MIB else f"{size_bytes:,} bytes"
