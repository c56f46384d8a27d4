from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.calibration import calibration_curve
from sklearn.metrics import brier_score_loss
from sklearn.metrics import log_loss as sklearn_log_loss

from ragkit.errors import InputError
from ragkit.evaluate.measures.calibration import brier, calibration_error, log_loss, reliability_bins

_ROWS = st.lists(st.tuples(st.integers(0, 100).map(lambda one: one / 100), st.booleans()), min_size=1, max_size=40)


def test_calibration_error_by_hand() -> None:
    # Bin (0.8, 0.9]: confidence 0.85, accuracy 0.5; bin (0, 0.1]: confidence 0.1, accuracy 0.
    confidences, correct = [0.9, 0.8000001, 0.1, 0.1], [1.0, 0.0, 0.0, 0.0]
    expected = 0.5 * abs(0.5 - 0.85) + 0.5 * 0.1
    assert calibration_error(confidences, correct)(np.ones((1, 4)))[0] == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("equal_mass", [False, True])
@pytest.mark.parametrize("bins", [1, 10, 15])
@settings(max_examples=40, deadline=None)
@given(rows=_ROWS)
def test_bins_equal_scikit_learn(rows: list[tuple[float, bool]], bins: int, equal_mass: bool) -> None:
    confidences, correct = np.array([one for one, _ in rows]), np.array([float(one) for _, one in rows])
    strategy = "quantile" if equal_mass else "uniform"
    accuracy, confidence = calibration_curve(correct, confidences, n_bins=bins, strategy=strategy, pos_label=1.0)
    found = reliability_bins(confidences.tolist(), correct.tolist(), bins=bins, equal_mass=equal_mass)
    assert [one.accuracy for one in found] == pytest.approx(accuracy.tolist())
    assert [one.confidence for one in found] == pytest.approx(confidence.tolist())
    error = sum(one.count * abs(one.accuracy - one.confidence) for one in found) / len(rows)
    statistic = calibration_error(confidences.tolist(), correct.tolist(), bins=bins, equal_mass=equal_mass)
    assert statistic(np.ones((1, len(rows))))[0] == pytest.approx(error)
    assert 0 <= error <= 1


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=20))
def test_brier_and_log_loss_equal_scikit_learn(rows: list[tuple[float, bool]]) -> None:
    confidences, correct = [one for one, _ in rows], [float(one) for _, one in rows]
    both = [0.0, 1.0]
    assert np.mean([brier(*row) for row in rows]) == pytest.approx(
        brier_score_loss(correct, confidences, pos_label=1.0), abs=1e-12
    )
    assert np.mean([log_loss(*row) for row in rows]) == pytest.approx(
        sklearn_log_loss(correct, confidences, labels=both), rel=1e-6, abs=1e-9
    )


def test_perfect_confidence_has_no_error() -> None:
    confidences, correct = [1.0, 0.0, 1.0], [1.0, 0.0, 1.0]
    assert calibration_error(confidences, correct)(np.ones((1, 3))).tolist() == [0.0]
    assert brier(1.0, 1.0) == 0.0
    assert log_loss(1.0, 1.0) == pytest.approx(0.0, abs=1e-15)


def test_a_sure_mistake_costs_a_finite_log_loss() -> None:
    assert log_loss(1.0, 0.0) == pytest.approx(-math.log(np.finfo(np.float64).eps))


def test_a_confidence_outside_0_to_1_is_named() -> None:
    with pytest.raises(InputError, match=r"a confidence must lie between 0 and 1, got 1.5: calibrate scores first"):
        brier(1.5, 1.0)
    with pytest.raises(InputError, match="got nan"):
        calibration_error([math.nan], [1.0])


def test_bins_below_one_are_refused() -> None:
    with pytest.raises(InputError, match="bins must be at least 1, got 0"):
        reliability_bins([0.5], [1.0], bins=0)


def test_no_rows_have_no_bins() -> None:
    assert reliability_bins([], [], equal_mass=True) == []
