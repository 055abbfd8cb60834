"""What becomes of a hostile file in the real extractor."""

import asyncio
import time
from dataclasses import dataclass
from pathlib import Path

from shared.errors import DocumentError
from shared.retrieval.extraction import Extractor
from tests.hostile import archives, markup, pdfs, texts
from tests.hostile.case import Case

CASES = (*pdfs.CASES, *archives.CASES, *markup.CASES, *texts.CASES)


@dataclass(frozen=True, slots=True)
class Outcome:
    """`reason` is what the uploader is told; empty for a file that is indexed, whose `text` is what can be found."""

    state: str
    code: str
    reason: str
    text: str
    seconds: float


async def outcome(extractor: Extractor, case: Case, folder: Path) -> Outcome:
    """Extract it as the indexer does: what is too large at once, part by part."""
    content = await asyncio.to_thread(case.make)
    path = folder / "content"
    began = time.perf_counter()
    try:
        text = await _text(extractor, case.filename, content, path)
    except DocumentError as error:
        state = error.code if error.code in {"empty", "needs_ocr"} else "failed"
        return Outcome(state, error.code, str(error), "", time.perf_counter() - began)
    return Outcome("ready", "", "", text, time.perf_counter() - began)


async def _text(extractor: Extractor, filename: str, content: bytes, path: Path) -> str:
    whole = await extractor.extract(_written(path, content), filename)
    found = [whole]
    for part in whole.parts:
        span = slice(*part.byte_range) if part.byte_range else slice(None)
        found.append(await extractor.extract(_written(path, content[span]), filename, part))
    return "\n".join(passage.text for extracted in found for passage in extracted.passages)


def _written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path
