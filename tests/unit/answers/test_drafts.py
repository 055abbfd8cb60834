"""A response and its events out of its moves: the same however they are noted down and taken up again."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from shared.answers.responses.draft import Draft
from shared.answers.responses.moves import note
from shared.ports.codec import Codec
from shared.ports.responses import (
    Argued,
    Begun,
    Calling,
    Citation,
    Closed,
    Ended,
    Found,
    FoundText,
    Move,
    Queued,
    Refused,
    ResponseRecord,
    Said,
    Searching,
    Spent,
)

AT = datetime(2026, 1, 1, tzinfo=UTC)
ASKED: dict[str, Any] = {"model": "chat", "tools": [], "tool_choice": "auto", "text": {}, "metadata": {}}
RECORD = ResponseRecord("resp_1", "t", AT, ASKED, ())
MOVES: list[Move] = [
    Begun(),
    Searching(("q",)),
    Found((FoundText("f", "a.txt", 0.5, "text"),)),
    Said(("One ",)),
    Said(("two",)),
    Closed((Citation("f", "a.txt", 3),)),
    Refused(("no",)),
    Closed(),
    Calling("call_1", "function"),
    Argued(("{",)),
    Argued(("}",)),
    Closed(),
    Ended("completed", AT, Spent(1, 0, 2, 0)),
]


def told(record: ResponseRecord) -> list[bytes]:
    draft = Draft(record)
    return [event.data for move in record.moves for event in draft.apply(move)]


def noted(moves: list[Move]) -> ResponseRecord:
    """As a store gives it back."""
    kept: list[Move] = []
    for move in moves:
        note(kept, move)
    codec = Codec(ResponseRecord)
    return codec.decode(codec.encode(replace(RECORD, moves=tuple(kept))))


def test_what_was_noted_down_makes_the_same_events_as_it_went() -> None:
    record = noted(MOVES)
    assert len(record.moves) == len(MOVES) - 2
    assert told(record) == told(replace(RECORD, moves=tuple(MOVES)))


def test_the_events_of_part_of_the_moves_are_the_first_of_all_events() -> None:
    whole = told(noted(MOVES))
    for count in range(len(MOVES)):
        part = told(noted(MOVES[:count]))
        assert part == whole[: len(part)]


def test_a_response_shows_what_it_has_so_far() -> None:
    response = Draft.of(noted(MOVES[:5])).response()
    assert response.status == "in_progress"
    message = response.output[1].model_dump()
    assert (message["status"], message["content"][0]["text"]) == ("in_progress", "One two")


def test_an_attempt_that_was_given_up_is_told_and_not_kept() -> None:
    draft = Draft(RECORD)
    events = [event for move in [Queued(), *MOVES[:5], *MOVES] for event in draft.apply(move)]
    data = [json.loads(event.data.partition(b"data: ")[2]) for event in events]
    assert [event["sequence_number"] for event in data] == list(range(len(events)))
    added = [event["output_index"] for event in data if event["type"] == "response.output_item.added"]
    done = [(e["output_index"], e["item"]["status"]) for e in data if e["type"] == "response.output_item.done"]
    assert added == list(range(6))
    assert done == [(0, "completed"), (1, "incomplete"), *[(place, "completed") for place in range(2, 6)]]
    assert len({event["item"]["id"] for event in data if event["type"] == "response.output_item.added"}) == 6
    assert [item.type for item in draft.response().output] == [
        "file_search_call",
        "message",
        "message",
        "function_call",
    ]


def test_what_is_open_when_it_ends_is_incomplete() -> None:
    draft = Draft(replace(RECORD, moves=()))
    for move in (*MOVES[:5], Ended("cancelled", AT)):
        events = draft.apply(move)
    assert draft.response().output[1].status == "incomplete"  # type: ignore[union-attr]
    last = json.loads(events[-1].data.partition(b"data: ")[2])
    assert (last["type"], last["error"]["code"]) == ("error", "response_cancelled")
