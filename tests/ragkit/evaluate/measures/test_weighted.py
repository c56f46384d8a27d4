from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import f1_score

from ragkit.evaluate.measures.weighted import f1, mean_where

_ROWS = st.lists(st.tuples(st.booleans(), st.booleans(), st.integers(0, 3)), min_size=2, max_size=15).filter(
    lambda rows: {there for there, _, weight in rows if weight} == {True, False}
)


def test_a_mean_over_a_part_weighs_that_part_only() -> None:
    statistic = mean_where([1.0, 0.0, math.nan], [True, True, False])
    assert statistic(np.array([[1, 1, 5], [3, 1, 0]], dtype=float)).tolist() == [0.5, 0.75]


def test_a_draw_without_the_part_is_nan() -> None:
    assert np.isnan(mean_where([1.0, 1.0], [True, False])(np.array([[0.0, 2.0]]))).all()
    assert np.isnan(f1([False], [False])(np.ones((1, 1)))).all()


@settings(max_examples=80, deadline=None)
@given(_ROWS)
def test_f1_equals_scikit_learn_on_resampled_rows(rows: list[tuple[bool, bool, int]]) -> None:
    true, said, counts = map(list, zip(*rows, strict=True))
    weights = np.array([counts], dtype=float)
    repeated = np.repeat(np.arange(len(rows)), counts)
    gold = np.array(true)[repeated]
    assert f1(said, true)(weights)[0] == pytest.approx(f1_score(gold, np.array(said)[repeated]))  # type: ignore[arg-type]
