"""The child: used again, replaced, killed, and never left behind."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from shared.errors import DocumentError, OverloadedError
from shared.retrieval.extraction import Extracted, Extractor, Limits
from shared.retrieval.extraction.protocol import Start, encode
from tests.unit.extraction import files
from tests.unit.extraction.processes import alive, children, cutting_child, has_loaded, until

MakeExtractor = Callable[..., Extractor]
SHORT = "A short document."


@pytest.fixture
def long(tmp_path: Path) -> Path:
    """Takes about a second to cut."""
    line = "".join(chr(0x4E00 + number * 7919 % 20_000) for number in range(25_000))
    return files.written(tmp_path / "long.txt", line)


@pytest.fixture
def short(tmp_path: Path) -> Path:
    return files.written(tmp_path / "short.txt", SHORT)


def covers(extracted: Extracted, path: Path) -> bool:
    return "".join(passage.text for passage in extracted.passages) == path.read_text()


async def test_a_child_killed_in_the_middle_is_replaced_and_the_document_is_read(
    make_extractor: MakeExtractor, long: Path
) -> None:
    reading = asyncio.create_task(make_extractor().extract(long, "long.txt"))
    victim = await cutting_child()
    os.kill(victim, signal.SIGKILL)
    assert covers(await reading, long)
    assert victim not in children()


async def test_a_child_killed_twice_fails_the_document(make_extractor: MakeExtractor, long: Path) -> None:
    reading = asyncio.create_task(make_extractor().extract(long, "long.txt"))
    first = await cutting_child()
    os.kill(first, signal.SIGKILL)
    await until(lambda: first not in children())
    os.kill(await cutting_child(), signal.SIGKILL)
    with pytest.raises(DocumentError, match=r"^'long.txt' needed more than the 1,024 MiB of memory .* \(SIGKILL\)\.$"):
        await reading


async def test_a_child_killed_while_idle_is_replaced(make_extractor: MakeExtractor, short: Path) -> None:
    extractor = make_extractor()
    await extractor.extract(short, "short.txt")
    (victim,) = children()
    os.kill(victim, signal.SIGKILL)
    await until(lambda: not alive(victim))
    assert covers(await extractor.extract(short, "short.txt"), short)


async def test_a_document_that_cannot_be_opened_fails_without_harm(
    make_extractor: MakeExtractor, short: Path, tmp_path: Path
) -> None:
    extractor = make_extractor()
    with pytest.raises(DocumentError, match=r"^'gone.txt' could not be read\.$") as refused:
        await extractor.extract(tmp_path / "gone.txt", "gone.txt")
    assert "FileNotFoundError" in str(refused.value.__cause__)
    assert covers(await extractor.extract(short, "short.txt"), short)


async def test_documents_take_turns_in_one_child(make_extractor: MakeExtractor, short: Path, long: Path) -> None:
    extractor = make_extractor()
    reading = [asyncio.create_task(extractor.extract(path, path.name)) for path in (long, short, long, short)]
    (child,) = await until(children)
    seen: set[int] = set()
    while not all(task.done() for task in reading):
        seen.update(children())
        await asyncio.wait(reading, timeout=0.01)
    assert seen == {child}
    assert [covers(task.result(), path) for task, path in zip(reading, (long, short, long, short), strict=True)] == [
        True
    ] * 4


async def test_the_event_loop_goes_on_while_a_document_is_read(make_extractor: MakeExtractor, long: Path) -> None:
    reading = asyncio.create_task(make_extractor().extract(long, "long.txt"))
    await cutting_child()
    for _ in range(500):
        await asyncio.sleep(0)
    assert not reading.done()
    await reading


@pytest.mark.parametrize(("limits", "lifetimes"), [({}, 1), ({"documents_per_child": 2}, 2), ({"recycle_bytes": 1}, 3)])
async def test_a_child_is_replaced_when_it_is_old_or_has_grown(
    make_extractor: MakeExtractor, short: Path, limits: Mapping[str, int], lifetimes: int
) -> None:
    extractor = make_extractor(**limits)
    seen: set[int] = set()
    for _ in range(3):
        reading = asyncio.create_task(extractor.extract(short, "short.txt"))
        seen.update(await until(children))
        await reading
    assert len(seen) == lifetimes


async def test_cancelling_kills_the_child(make_extractor: MakeExtractor, long: Path, short: Path) -> None:
    extractor = make_extractor()
    reading = asyncio.create_task(extractor.extract(long, "long.txt"))
    victim = await cutting_child()
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    assert not alive(victim)
    assert covers(await extractor.extract(short, "short.txt"), short)


async def test_a_document_given_up_while_it_is_next_is_not_taken_for_the_one_after_it(
    make_extractor: MakeExtractor, long: Path, short: Path, tmp_path: Path
) -> None:
    extractor = make_extractor()
    first = asyncio.create_task(extractor.extract(long, "long.txt"))
    await cutting_child()
    other = files.written(tmp_path / "other.txt", "Another document.")
    second = asyncio.create_task(extractor.extract(other, "other.txt"))
    await asyncio.sleep(0)
    third = asyncio.create_task(extractor.extract(short, "short.txt"))
    await asyncio.sleep(0)
    second.cancel()
    assert covers(await first, long)
    assert covers(await third, short)
    assert second.cancelled()


async def test_the_next_document_outlives_the_child_that_was_told_of_it(
    make_extractor: MakeExtractor, long: Path, short: Path
) -> None:
    extractor = make_extractor()
    first = asyncio.create_task(extractor.extract(long, "long.txt"))
    victim = await cutting_child()
    second = asyncio.create_task(extractor.extract(short, "short.txt"))
    await asyncio.sleep(0)
    os.kill(victim, signal.SIGKILL)
    assert covers(await first, long)
    assert covers(await second, short)


async def test_cancelling_while_the_child_starts_leaves_none_behind(make_extractor: MakeExtractor, long: Path) -> None:
    reading = asyncio.create_task(make_extractor().extract(long, "long.txt"))
    await until(children)
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    assert children() == []


async def test_closing_gives_up_what_is_read_and_leaves_no_child(make_extractor: MakeExtractor, long: Path) -> None:
    extractor = make_extractor()
    reading = asyncio.create_task(extractor.extract(long, "long.txt"))
    await cutting_child()
    await extractor.close()
    with pytest.raises(OverloadedError, match="shutting down"):
        await reading
    assert children() == []


async def test_closing_lets_an_idle_child_exit(make_extractor: MakeExtractor, short: Path) -> None:
    extractor = make_extractor()
    await extractor.extract(short, "short.txt")
    await extractor.close()
    assert children() == []


async def test_a_child_that_does_not_exit_is_killed(make_extractor: MakeExtractor, short: Path) -> None:
    extractor = make_extractor(end_s=0.1)
    await extractor.extract(short, "short.txt")
    (child,) = children()
    os.kill(child, signal.SIGSTOP)
    await extractor.close()
    assert not alive(child)


async def test_a_child_that_cannot_start_is_the_machines_fault_and_not_the_documents(short: Path) -> None:
    for environment, limits in (
        ({"X": "x" * 200_000}, Limits()),
        ({"PYTHONMALLOC": "unheard of"}, Limits()),
        ({}, Limits(start_s=0)),
    ):
        extractor = Extractor(limits, environment=environment)
        with pytest.raises(OverloadedError, match="could not be started"):
            await extractor.extract(short, "short.txt")
        await extractor.close()
    assert children() == []


async def test_what_a_library_prints_is_not_taken_for_an_answer(
    make_extractor: MakeExtractor, short: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    noise = (
        "import os, sys\nsys.addaudithook(lambda event, _: os.write(1, b'[noise]\\n') if event == 'import' else None)\n"
    )
    files.written(tmp_path / "sitecustomize.py", noise)
    monkeypatch.syspath_prepend(tmp_path)
    assert covers(await make_extractor().extract(short, "short.txt"), short)


async def test_a_child_loads_no_more_than_its_document_needs(make_extractor: MakeExtractor, tmp_path: Path) -> None:
    extractor = make_extractor()
    with pytest.raises(DocumentError):
        await extractor.extract(files.written(tmp_path / "a.png", b"\x89PNG\r\n\x1a\n" + bytes(9)), "a.png")
    (child,) = children()
    assert not any(
        has_loaded(child, library) for library in (b"pdfium", b"kreuzberg", b"rs_bpe", b"charset_normalizer")
    )
    await extractor.extract(files.pdf(tmp_path / "a.pdf", ["hello"]), "a.pdf")
    assert has_loaded(child, b"pdfium")
    assert not has_loaded(child, b"kreuzberg")


def test_the_programs_modules_pull_in_neither_the_worker_nor_asyncio() -> None:
    program = "import sys, shared.retrieval.extraction.child; print(*sys.modules)"
    loaded = subprocess.check_output([sys.executable, "-X", "utf8", "-c", program], text=True).split()
    assert not {"azure", "asyncio", "pydantic", "kreuzberg", "pypdfium2"} & set(loaded)


def test_the_package_has_no_other_names() -> None:
    from shared.retrieval import extraction

    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        extraction.Nothing  # noqa: B018


def test_a_child_whose_parent_is_gone_ends_at_once() -> None:
    command = [sys.executable, "-m", "shared.retrieval.extraction.child"]
    orphan = subprocess.run(command, input=encode(Start(1, Limits())), capture_output=True, check=True, timeout=20)
    assert orphan.stdout == b""


async def test_a_killed_parent_takes_its_child_along(long: Path) -> None:
    program = (
        "import asyncio, pathlib, sys; from shared.retrieval.extraction import Extractor;"
        "asyncio.run(Extractor().extract(pathlib.Path(sys.argv[1]), 'long.txt'))"
    )
    parent = await asyncio.create_subprocess_exec(sys.executable, "-c", program, str(long))
    (child,) = await until(lambda: children(parent.pid))
    parent.kill()
    await parent.wait()
    await until(lambda: not alive(child))


async def test_a_document_that_lacks_memory_in_a_new_child_is_not_tried_again(
    make_extractor: MakeExtractor, tmp_path: Path
) -> None:
    path = files.raw_pdf(tmp_path / "a.pdf", files.deflated(megabytes=3000, layers=3), filters=3)
    reading = asyncio.create_task(make_extractor(memory_bytes=500 * files.MIB).extract(path, "a.pdf"))
    seen: set[int] = set()
    while not reading.done():
        seen |= set(children())
        await asyncio.sleep(0.005)
    with pytest.raises(DocumentError, match="needed more than the 500 MiB of memory allowed"):
        await reading
    assert len(seen) == 1
