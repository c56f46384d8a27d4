from __future__ import annotations

import numpy as np
import pytest

from ragkit.retrieve.spread import cosines, spread_rows
from ragkit.store.hits import Retrieved

QUERY = np.array([1.0, 0.0, 0.0], dtype=np.float32)
# cosines with the query .8, .8, .6; the first two are the same vector
ROWS = np.array([[0.8, 0.6, 0.0], [0.8, 0.6, 0.0], [0.6, 0.0, 0.8]], dtype=np.float32)


def found(*scores: float) -> list[Retrieved]:
    return [Retrieved(row, score, {}) for row, score in enumerate(scores)]


def test_a_repetition_waits_behind_something_new() -> None:
    spread = spread_rows(found(0.8, 0.8, 0.6), ROWS, QUERY, k=3, lambda_mult=0.5)
    assert [item.row for item in spread] == [0, 2, 1]


def test_the_score_is_the_marginal_relevance() -> None:
    # a .5 * .8; c .5 * .6 - .5 * (.8 * .6); b .5 * .8 - .5 * 1
    spread = spread_rows(found(0.8, 0.8, 0.6), ROWS, QUERY, k=3, lambda_mult=0.5)
    assert [item.score for item in spread] == pytest.approx([0.4, 0.06, -0.1], abs=1e-6)


def test_scores_of_another_scale_are_moved_to_that_of_the_cosines() -> None:
    cosine = spread_rows(found(0.8, 0.8, 0.6), ROWS, QUERY, k=3, lambda_mult=0.5)
    bm25 = spread_rows(found(31.0, 31.0, 7.0), ROWS, QUERY, k=3, lambda_mult=0.5)
    assert [(item.row, pytest.approx(item.score)) for item in bm25] == [(item.row, item.score) for item in cosine]


def test_equal_scores_count_as_the_highest_cosine() -> None:
    assert spread_rows(found(1.0, 1.0, 1.0), ROWS, QUERY, k=1, lambda_mult=1.0)[0].score == pytest.approx(0.8)


def test_lambda_1_keeps_the_order() -> None:
    assert [item.row for item in spread_rows(found(0.9, 0.5, 0.1), ROWS, QUERY, k=2, lambda_mult=1.0)] == [0, 1]


def test_nothing_to_spread_is_nothing() -> None:
    assert spread_rows([], ROWS[:0], QUERY, k=2, lambda_mult=0.5) == []


def test_cosines_do_not_depend_on_length_and_are_0_for_a_vector_of_zeros() -> None:
    rows = np.array([[3.0, 0.0], [0.0, 2.0], [-1.0, 0.0], [0.0, 0.0]], dtype=np.float32)
    assert cosines(rows, np.array([5.0, 0.0], dtype=np.float32)).tolist() == [1.0, 0.0, -1.0, 0.0]
