"""Hostile files through the API: each ends in a state with a reason, and a good file among them is found."""

from typing import Any

from tests.hostile.outcomes import CASES
from tests.scenarios.deck import Deck, eventually

HOSTILE = ("flate-bomb.pdf", "tree-loop.pdf", "bomb.docx", "encrypted.pdf", "truncated.epub", "laughs.odt", "scan.pdf")
GOOD = "The harpoon is kept under the third bench of the whaleboat."


async def test_hostile_files_end_with_a_reason_and_a_good_one_among_them_is_found(deck: Deck) -> None:
    client = deck.client().with_options(max_retries=5)
    cases = [case for case in CASES if case.filename in HOSTILE]
    contents = [(case.filename, case.make()) for case in cases]
    contents.insert(len(contents) // 2, ("good.txt", GOOD.encode()))
    store = await client.vector_stores.create(name="hostile")
    names: dict[str, str] = {}
    for name, content in contents:
        uploaded = await client.files.create(file=(name, content), purpose="assistants")
        names[uploaded.id] = name
        await client.vector_stores.files.create(vector_store_id=store.id, file_id=uploaded.id)

    async def look() -> Any:
        return (await client.vector_stores.files.list(store.id)).data

    files = await eventually(look, lambda files: all(file.status != "in_progress" for file in files), timeout_s=180)
    ended = {names[file.id]: file for file in files}
    assert len(ended) == len(HOSTILE) + 1
    assert ended["good.txt"].status == "completed"
    for case in cases:
        file = ended[case.filename]
        assert (case.filename, file.status) == (case.filename, "failed")
        assert file.last_error is not None
        assert case.filename in file.last_error.message
    counts = (await client.vector_stores.retrieve(store.id)).file_counts
    assert (counts.completed, counts.failed, counts.in_progress) == (1, len(HOSTILE), 0)
    hits = (await client.vector_stores.search(store.id, query="Where is the harpoon kept?")).data
    assert [hit.filename for hit in hits] == ["good.txt"]
