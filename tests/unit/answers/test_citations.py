"""Marks and quotations: what proves a citation, however the answer is cut into pieces."""

import random
from dataclasses import replace

import pytest

from shared.answers.citations import Grounds, Mark, MarkCheck
from shared.retrieval.fusion import Passage
from tests.unit.answers.test_grounding import passage

LEAVE = (
    "Employees are entitled to twenty-five days\n of \u201cpaid\u201d vacation.  It\u2019s theirs, e.g. in May."
    " Naïveté is no excuse."
)
TRAVEL = "Flights over six hours may be booked in business class."
CHINESE = "员工每年有二十五天年假,可以累积到下一年。"
GROUNDS = Grounds((replace(passage(LEAVE), char_start=1000), passage(TRAVEL), passage(CHINESE)), "q")


def checked(answer: str, grounds: Grounds = GROUNDS) -> tuple[str, list[tuple[int, str]]]:
    """What is passed on, and the quotes, in pieces of every size alike."""
    results: list[tuple[str, list[tuple[int, str]]]] = []
    for seed in range(12):
        chance, check, rest, passed = random.Random(seed), MarkCheck(grounds), answer, ""
        while rest:
            size = chance.randint(1, 9) if seed else len(rest)
            passed += check.feed(rest[:size])
            rest = rest[size:]
        passed += check.flush()
        results.append((passed, [(quote.citation, quote.content) for quote in check.quotes]))
    assert all(result == results[0] for result in results)
    return results[0]


def test_marks_that_refer_to_nothing_are_dropped() -> None:
    answer = "As [doc1] says, [doc4] and [doc12] do not; [docs] [do] [doc0] [doc2][doc"
    assert checked(answer)[0] == "As [doc1] says,  and  do not; [docs] [do]  [doc2][doc"


def test_text_without_brackets_is_never_held_back() -> None:
    assert MarkCheck(GROUNDS).feed("plain text") == "plain text"


@pytest.mark.parametrize(
    ("answer", "number", "words"),
    [
        ('It is "twenty-five days of" [doc1].', 1, "twenty-five days\n of"),
        ('They say: "EMPLOYEES ARE entitled to." [doc1]', 1, "Employees are entitled to"),
        ("\u201cdays of \u2018paid\u2019 vacation\u201d [doc1]", 1, "days\n of \u201cpaid\u201d vacation"),
        ("\u201edays of 'paid' vacation\u201c [doc1]", 1, "days\n of \u201cpaid\u201d vacation"),
        ("\u00abtwenty\u2010five days of\u00bb [doc1]", 1, "twenty-five days\n of"),
        ('"it\'s theirs, e.g. in May" [doc1]', 1, "It\u2019s theirs, e.g. in May"),
        ('"naïveté is no excuse" [doc1]', 1, "Naïveté is no excuse"),
        ('"naivete is no excuse" [doc1]', 1, "Naïveté is no excuse"),
        ('"Employees are entitled ... in May" [doc1]', 1, LEAVE[: LEAVE.index("May") + 3]),
        ('"Flights over six hours [\u2026] business class" [doc2]', 2, TRAVEL[:-1]),
        ('In "business class" and "may be booked in" it is [doc2]', 2, "may be booked in"),
        ("\u300c二十五天年假\u300d [doc3]", 3, "二十五天年假"),
    ],
)
def test_words_that_a_passage_says_prove_its_mark(answer: str, number: int, words: str) -> None:
    assert checked(answer) == (answer, [(number, words)])


@pytest.mark.parametrize(
    "answer",
    [
        'It is "thirty days of paid vacation" [doc1]',
        '"Flights over six hours" [doc1]',
        '"Employees are entitled" and "to thirty days" [doc1]',
        '"in May ... Employees are entitled" [doc1]',
        "\u201cyou must send all keys\u201d [doc2].",
        "\u300c每年三十天年假\u300d [doc3]",
        '"one two three." Also "Flights over six hours" [doc7]',
    ],
)
def test_words_that_the_passage_does_not_say_cost_the_mark(answer: str) -> None:
    text, quotes = checked(answer)
    assert "[doc" not in text
    assert quotes == []


def test_a_quotation_counts_for_the_marks_behind_its_sentence_only() -> None:
    answer = (
        'The boss says "never on a Sunday". Vacation is long [doc1]. "Flights over six hours" [doc1][doc2] are dear.'
    )
    assert checked(answer)[0] == answer.replace("[doc1][doc2]", "[doc2]")


def test_a_full_stop_inside_a_quotation_ends_no_sentence() -> None:
    answer = 'They write "as we said. And meant it. Truly" there [doc1]'
    assert "[doc1]" not in checked(answer)[0]


@pytest.mark.parametrize(
    ("answer", "text", "marks"),
    [
        ("Leave is long [doc1]. Flights [doc9]  [doc2], too.", "Leave is long. Flights, too.", [(1, 13), (2, 22)]),
        ('It is "twenty-five days of"[doc1][doc2].', 'It is "twenty-five days of".', [(1, 27)]),
        ("A list:\n- one [doc3]\n- two [doc", "A list:\n- one\n- two [doc", [(3, 13)]),
        ("spaces stay  in the middle and at the end  ", "spaces stay  in the middle and at the end  ", []),
    ],
)
def test_marks_can_be_taken_out_with_their_places_noted(answer: str, text: str, marks: list[tuple[int, int]]) -> None:
    for size in (1, 2, 3, 7, len(answer)):
        check = MarkCheck(GROUNDS, keep_marks=False)
        passed = "".join(check.feed(answer[start : start + size]) for start in range(0, len(answer), size))
        assert passed + check.flush() == text
        assert check.marks == [Mark(number, index) for number, index in marks]


def test_names_and_single_words_in_marks_are_no_quotations() -> None:
    answer = 'The "Handbook" calls it "long" [doc1].'
    assert checked(answer) == (answer, [])


def test_a_quote_says_where_in_the_document_its_words_stand() -> None:
    check = MarkCheck(GROUNDS)
    check.feed('"twenty-five days of" [doc1] and again "twenty-five days of" [doc1]')
    (quote,) = check.quotes
    start = LEAVE.index("twenty-five")
    assert (quote.char_start, quote.char_end) == (1000 + start, 1000 + start + len("twenty-five days\n of"))
    assert (quote.file_id, quote.filepath, quote.page_start, quote.page_end) == ("f", "a.pdf", 3, 3)


def test_in_a_passage_of_several_chunks_the_place_is_that_of_the_chunk() -> None:
    text = "one two three four\n\nfive six seven eight"
    joined: Passage = replace(passage(text), char_start=100, pieces=((0, 100), (20, 150)))
    check = MarkCheck(Grounds((joined,), "q"))
    check.feed('"one two three" and "five six seven" [doc1]')
    assert [(quote.char_start, quote.char_end) for quote in check.quotes] == [(100, 113), (150, 164)]


def test_a_very_long_answer_is_checked_as_it_goes() -> None:
    answer = "so and so on " * 20_000 + '"Flights over six hours" [doc2]'
    check = MarkCheck(GROUNDS)
    passed = "".join(check.feed(answer[start : start + 50]) for start in range(0, len(answer), 50)) + check.flush()
    assert passed == answer
    assert len(check.quotes) == 1
