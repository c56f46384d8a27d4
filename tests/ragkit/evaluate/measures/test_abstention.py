from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.metrics import precision_score, recall_score

from ragkit.evaluate.measures.abstention import (
    abstain_f1,
    abstain_precision,
    abstain_recall,
    accuracy_given_answered,
    answer_rate,
    aurc,
    coverage_at_risk,
    excess_aurc,
    risk_coverage,
)

_ONCE = np.ones((1, 4))
_ABSTAINED, _ANSWERABLE = [True, True, False, False], [False, True, True, False]
_ROWS = st.lists(st.tuples(st.sampled_from([0.1, 0.3, 0.5, 0.9]), st.floats(0, 1)), min_size=1, max_size=12)


def plain_aurc(losses: NDArray[np.float64]) -> float:
    """Mean of the running mean of losses in the order of answering."""
    return float((losses.cumsum() / np.arange(1, len(losses) + 1)).mean())


def test_abstention_by_hand() -> None:
    assert answer_rate(_ABSTAINED)(_ONCE).tolist() == [0.5]
    assert accuracy_given_answered([0.0, 0.0, 1.0, 0.0], _ABSTAINED)(_ONCE).tolist() == [0.5]
    assert abstain_precision(_ABSTAINED, _ANSWERABLE)(_ONCE).tolist() == [0.5]
    assert abstain_recall(_ABSTAINED, _ANSWERABLE)(_ONCE).tolist() == [0.5]
    assert abstain_f1(_ABSTAINED, _ANSWERABLE)(_ONCE).tolist() == [0.5]


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=10))
def test_abstain_precision_and_recall_equal_scikit_learn(rows: list[tuple[bool, bool]]) -> None:
    abstained, answerable = [one for one, _ in rows], [one for _, one in rows]
    ones, unanswerable = np.ones((1, len(rows))), [not one for one in answerable]
    for statistic, oracle in ((abstain_precision, precision_score), (abstain_recall, recall_score)):
        value = statistic(abstained, answerable)(ones)[0]
        expected = oracle(unanswerable, abstained, zero_division=np.nan)
        assert value == pytest.approx(expected, nan_ok=True)


def test_the_risk_coverage_curve_by_hand() -> None:
    curve = risk_coverage([0.2, 0.9, 0.8, 0.8], [1.0, 0.0, 1.0, 0.0])
    assert curve == [(0.25, 0.0), (0.75, pytest.approx(1 / 3)), (1.0, 0.5)]
    assert risk_coverage([], []) == []


def test_aurc_by_hand_without_ties() -> None:
    # Running risks: 0, 1/2, 1/3, 1/2.
    assert aurc([0.9, 0.8, 0.7, 0.6], [0, 1, 0, 1])(_ONCE)[0] == pytest.approx((0 + 1 / 2 + 1 / 3 + 1 / 2) / 4)


def test_aurc_of_ties_is_the_mean_over_their_orders() -> None:
    losses = np.array([1.0, 0.0, 0.0])
    orders = [losses[[0, 1, 2]], losses[[1, 0, 2]], losses[[1, 2, 0]]]
    assert aurc([0.5] * 3, losses.tolist())(np.ones((1, 3)))[0] == pytest.approx(np.mean([*map(plain_aurc, orders)]))


def test_excess_aurc_is_0_where_confidence_tells_right_from_wrong() -> None:
    assert excess_aurc([1, 1, 0, 0], [0, 0, 1, 1])(_ONCE)[0] == pytest.approx(0, abs=1e-12)
    assert excess_aurc([0, 0, 1, 1], [0, 0, 1, 1])(_ONCE)[0] > 0.4


@settings(max_examples=80, deadline=None)
@given(_ROWS, st.randoms())
def test_aurc_lies_between_the_oracle_and_1_and_knows_no_order_of_rows(
    rows: list[tuple[float, float]], random: object
) -> None:
    confidences, losses = [one for one, _ in rows], [one for _, one in rows]
    ones = np.ones((1, len(rows)))
    value = aurc(confidences, losses)(ones)[0]
    assert -1e-12 <= value <= 1 + 1e-12
    assert excess_aurc(confidences, losses)(ones)[0] >= -1e-9
    assert aurc(confidences[::-1], losses[::-1])(ones)[0] == pytest.approx(value)
    assert aurc([one**3 for one in confidences], losses)(ones)[0] == pytest.approx(value)


@settings(max_examples=60, deadline=None)
@given(_ROWS, st.data())
def test_a_weight_is_a_repeated_row(rows: list[tuple[float, float]], data: st.DataObject) -> None:
    counts = data.draw(st.lists(st.integers(0, 3), min_size=len(rows), max_size=len(rows)).filter(any))
    repeated = [row for row, count in zip(rows, counts, strict=True) for _ in range(count)]
    ones = np.ones((1, len(repeated)))
    for statistic in (aurc, excess_aurc, coverage_at_risk):
        weighted = statistic(*map(list, zip(*rows, strict=True)))(np.array([counts], dtype=float))  # type: ignore[operator]
        assert weighted == pytest.approx(statistic(*map(list, zip(*repeated, strict=True)))(ones))  # type: ignore[operator]


def test_coverage_at_risk_is_the_largest_share_a_threshold_can_answer() -> None:
    losses = [0.0] * 19 + [1.0, 1.0]
    confidences = list(range(21, 0, -1))
    assert coverage_at_risk(confidences, losses)(np.ones((1, 21)))[0] == pytest.approx(20 / 21)
    assert coverage_at_risk([0.5] * 4, [0, 0, 0, 1], most=0.2)(_ONCE).tolist() == [0.0]
    assert coverage_at_risk([0.5] * 4, [0, 0, 0, 1], most=0.25)(_ONCE).tolist() == [1.0]
