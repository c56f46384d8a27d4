from __future__ import annotations

import math

import numpy as np

from ragkit.evaluate.measures.weighted import mean_where


def test_a_mean_over_a_part_weighs_that_part_only() -> None:
    statistic = mean_where([1.0, 0.0, math.nan], [True, True, False])
    assert statistic(np.array([[1, 1, 5], [3, 1, 0]], dtype=float)).tolist() == [0.5, 0.75]


def test_a_draw_without_the_part_is_nan() -> None:
    assert np.isnan(mean_where([1.0, 1.0], [True, False])(np.array([[0.0, 2.0]]))).all()
