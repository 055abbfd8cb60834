"""Flightdeck's side of the ingestion benchmark is the product: what it counts must be what happens."""

from pathlib import Path

from benchmarks.ingest_flightdeck import Side
from benchmarks.ingesting import InstantVectors

PARAGRAPH = "The quick brown fox jumps over the lazy dog, and number {} sleeps on.\n\n"


async def test_a_second_run_embeds_nothing_and_an_edit_what_it_touches(tmp_path: Path) -> None:
    vectors = InstantVectors()
    side = Side(tmp_path / "store", vectors)
    document = tmp_path / "a.txt"
    document.write_text("".join(PARAGRAPH.format(number) for number in range(300)))
    chunks = await side.bring_up_to_date([document])
    assert vectors.asked == chunks > 5
    assert await side.bring_up_to_date([document]) == chunks
    assert vectors.asked == chunks
    document.write_text(document.read_text().replace("number 150", "number one hundred and fifty"))
    await side.bring_up_to_date([document])
    assert 1 <= vectors.asked - chunks <= 2
