"""Marks in a streamed text."""

import random

import pytest

from shared.answers.citations import MarkCheck

TEXT = "As [doc1] says, [doc3] and [doc12] do not; [docs] [do] [doc2][doc"
CHECKED = "As [doc1] says,  and  do not; [docs] [do] [doc2][doc"


@pytest.mark.parametrize("seed", range(50))
def test_marks_that_refer_to_nothing_are_dropped_however_the_text_is_cut(seed: int) -> None:
    chance = random.Random(seed)
    check, rest, passed = MarkCheck(2), TEXT, ""
    while rest:
        size = chance.randint(1, 6)
        passed += check.feed(rest[:size])
        rest = rest[size:]
    assert passed + check.flush() == CHECKED


def test_text_without_brackets_is_never_held_back() -> None:
    assert MarkCheck(1).feed("plain text") == "plain text"


def test_there_is_no_passage_zero() -> None:
    assert MarkCheck(3).feed("[doc0]") == ""
