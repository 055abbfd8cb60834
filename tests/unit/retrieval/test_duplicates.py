"""Passages that say nearly the same count once."""

import time

import pytest

from shared.retrieval.duplicates import first_of_each

POLICY = (
    "Employees of the Berlin office are entitled to twenty five days of paid vacation in each calendar year, to be "
    "taken before the end of March of the year that follows, unless their manager has agreed in writing to another. "
    "Whoever leaves within the year is paid for the days that are left over."
)


def kept(*texts: str) -> list[int]:
    return list(first_of_each((text, number) for number, text in enumerate(texts)))


@pytest.mark.parametrize(
    "copy",
    [
        POLICY,
        POLICY.upper(),
        POLICY.replace(" ", "\n  "),
        POLICY.replace(",", " --"),
        "Handbook: " + POLICY,
        POLICY + " See intranet.",
    ],
)
def test_of_a_text_and_its_copy_the_first_is_kept(copy: str) -> None:
    assert kept(POLICY, "something else", copy) == [0, 1]


@pytest.mark.parametrize(
    "other",
    [
        "Flights over six hours may be booked in business class.",
        POLICY.split(",", maxsplit=1)[0],
        POLICY + " Section 12 applies.",
        POLICY + " This is not so in Munich, where the works council has agreed on other rules with the board.",
    ],
)
def test_what_says_something_else_is_kept(other: str) -> None:
    assert kept(POLICY, other) == [0, 1]


def test_texts_that_differ_in_a_number_say_different_things() -> None:
    invoice = "Invoice for the delivery of toner and paper to the office in Berlin, total amount due in euro: {}"
    assert kept(invoice.format(100), invoice.format(250), invoice.format(100)) == [0, 1]


@pytest.mark.parametrize("text", ["", "?", "one", "one two", "好"])
def test_the_shortest_texts_equal_only_themselves(text: str) -> None:
    assert kept(text, f"{text} more", text) == [0, 1]


def test_a_full_pool_takes_no_time_to_speak_of() -> None:
    words = [f"w{number}" for number in range(4000)]
    texts = [" ".join(words[start : start + 300]) for start in range(0, 3600, 18)]
    started = time.process_time()
    assert len(kept(*texts)) == 200
    assert time.process_time() - started < 1
