"""The arithmetic behind every figure about search: a wrong one makes wrong claims."""

import math

import pytest

from benchmarks.quality import ndcg, recall
from benchmarks.report import percentile


def test_recall_is_the_share_of_the_relevant_among_the_first() -> None:
    assert recall(["a", "x", "b"], {"a", "b", "c", "d"}, 3) == 0.5
    assert recall(["x", "a"], {"a"}, 1) == 0


def test_recall_against_a_ranking_looks_at_as_many_of_both() -> None:
    assert recall([1, 3, 2], [1, 2, 3], 2) == 0.5
    assert recall([2, 1], [1, 2, 3], 2) == 1


def test_a_perfect_ranking_has_an_ndcg_of_one_and_a_useless_one_of_zero() -> None:
    grades = {"best": 3, "good": 1}
    assert ndcg(["best", "good", "x"], grades, 10) == 1
    assert ndcg(["x", "y"], grades, 10) == 0


def test_a_lone_relevant_document_at_rank_three_is_worth_half() -> None:
    assert ndcg(["x", "y", "it"], {"it": 1}, 10) == pytest.approx(1 / math.log2(4))


def test_what_comes_after_the_cut_does_not_count() -> None:
    assert ndcg(["x", "it"], {"it": 1}, 1) == 0


def test_a_higher_grade_gains_more_the_higher_it_stands() -> None:
    grades = {"best": 2, "good": 1}
    expected = (1 + 3 / math.log2(3)) / (3 + 1 / math.log2(3))
    assert ndcg(["good", "best"], grades, 10) == pytest.approx(expected)


def test_more_relevant_documents_than_the_cut_still_allow_a_perfect_score() -> None:
    assert ndcg([1, 2], {1: 1, 2: 1, 3: 1}, 2) == 1


def test_a_percentile_is_one_of_the_values() -> None:
    assert percentile([5, 1, 3, 2, 4], 0.5) == 3
    assert percentile(range(100), 0.99) == 99
    assert percentile([7], 0.99) == 7
