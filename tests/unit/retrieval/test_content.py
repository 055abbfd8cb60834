"""The file that a document is read from: there for as long as it is needed, on a disk only when it is large."""

from pathlib import Path

import pytest

from shared.retrieval.content import scratch

MEMORY = Path("/dev/shm")


@pytest.mark.parametrize(("size_bytes", "in_memory"), [(0, True), (2**16, True), (2**16 + 1, False), (None, False)])
def test_a_file_of_our_own_is_gone_afterwards(size_bytes: int | None, in_memory: bool) -> None:
    with scratch(size_bytes) as path, scratch(size_bytes) as other:
        path.write_bytes(b"content")
        assert other.read_bytes() == b""
        assert path.stat().st_mode & 0o077 == 0
        assert (path.parent == MEMORY) == (in_memory and MEMORY.exists())
    assert not path.exists()
    assert not other.exists()


def test_it_is_gone_when_reading_it_fails() -> None:
    with pytest.raises(LookupError), scratch(1) as path:
        raise LookupError
    assert not path.exists()
