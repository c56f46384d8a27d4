from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics

from ragkit.errors import InputError
from ragkit.evaluate.measures.detection import (
    Overlap,
    Statistic,
    accuracy,
    auroc,
    average_precision,
    balanced_accuracy,
    best_cut,
    f1,
    overlap_f1,
    precision,
    recall,
    span_overlap,
    value,
)

_LABELS = [True, True, False, False, True]
_CALLS = [True, False, True, False, True]

_rows = st.lists(
    st.tuples(st.booleans(), st.integers(0, 6).map(lambda tenth: tenth / 7), st.integers(0, 3)), min_size=2, max_size=30
)


@pytest.mark.parametrize(
    ("measure", "expected"),
    [(precision, 2 / 3), (recall, 2 / 3), (f1, 2 / 3), (accuracy, 3 / 5), (balanced_accuracy, (2 / 3 + 1 / 2) / 2)],
)
def test_counts_by_hand(measure: Callable[[Sequence[bool], Sequence[bool]], Statistic], expected: float) -> None:
    assert value(measure(_LABELS, _CALLS), 5) == pytest.approx(expected)


@given(_rows)
@settings(max_examples=50, deadline=None)
def test_weighted_measures_equal_scikit_learn(rows: list[tuple[bool, float, int]]) -> None:
    labels, scores, weights = ([row[column] for row in rows] for column in range(3))
    counted = np.asarray(weights, dtype=np.float64)
    truth = np.asarray(labels)
    if not (counted[truth].sum() and counted[~truth].sum()):
        return
    calls = [score >= 0.5 for score in scores]
    expected = {
        auroc(labels, scores): metrics.roc_auc_score(labels, scores, sample_weight=weights),
        average_precision(labels, scores): metrics.average_precision_score(labels, scores, sample_weight=weights),
        balanced_accuracy(labels, calls): metrics.balanced_accuracy_score(labels, calls, sample_weight=weights),
        f1(labels, calls): metrics.f1_score(labels, calls, sample_weight=weights),
        recall(labels, calls): metrics.recall_score(labels, calls, sample_weight=weights),
        accuracy(labels, calls): metrics.accuracy_score(labels, calls, sample_weight=weights),
    }
    for statistic, value_there in expected.items():
        assert statistic(counted[None, :])[0] == pytest.approx(value_there)


@given(_rows)
@settings(max_examples=50, deadline=None)
def test_a_weight_counts_a_row_as_often_as_repeating_it(rows: list[tuple[bool, float, int]]) -> None:
    weights = np.asarray([[row[2] for row in rows]], dtype=np.float64)
    repeated = [row for row in rows for _ in range(row[2])]
    for measure in (auroc, average_precision):
        weighed = measure([row[0] for row in rows], [row[1] for row in rows])(weights)[0]
        plain = value(measure([row[0] for row in repeated], [row[1] for row in repeated]), len(repeated))
        assert weighed == pytest.approx(plain, nan_ok=True)


@given(_rows)
@settings(max_examples=50, deadline=None)
def test_auroc_knows_only_the_order_and_swaps_with_the_classes(rows: list[tuple[bool, float, int]]) -> None:
    labels, scores = [row[0] for row in rows], [row[1] for row in rows]
    found = value(auroc(labels, scores), len(rows))
    assert value(auroc(labels, [math.exp(score) for score in scores]), len(rows)) == pytest.approx(found, nan_ok=True)
    swapped = value(auroc([not label for label in labels], scores), len(rows))
    assert swapped == pytest.approx(1 - found, nan_ok=True)


@pytest.mark.parametrize(
    "statistic",
    [
        precision([True], [False]),
        recall([False], [True]),
        f1([False], [False]),
        balanced_accuracy([True], [True]),
        auroc([True], [1.0]),
        auroc([], []),
        average_precision([False], [1.0]),
        overlap_f1([Overlap(0, 0, 0)]),
    ],
)
def test_what_is_not_defined_is_nan(statistic: Statistic) -> None:
    assert math.isnan(statistic(np.ones((1, 1)))[0]) or math.isnan(statistic(np.ones((1, 0)))[0])


def test_draws_are_weighed_each_for_itself() -> None:
    statistic = f1([True, False], [True, True])
    assert statistic(np.asarray([[1.0, 1.0], [2.0, 0.0], [0.0, 2.0]])).tolist() == [2 / 3, 1.0, 0.0]


def test_characters_are_counted_once_however_often_they_are_marked() -> None:
    assert span_overlap([(0, 4), (2, 5)], [(3, 8)]) == Overlap(both=2, predicted=5, gold=5)
    assert span_overlap([], [(3, 8)]) == Overlap(both=0, predicted=0, gold=5)


def test_span_f1_adds_characters_over_rows() -> None:
    assert value(overlap_f1([Overlap(2, 5, 5), Overlap(0, 0, 10)]), 2) == pytest.approx(4 / 20)


@given(_rows)
@settings(max_examples=50, deadline=None)
def test_no_threshold_beats_the_best(rows: list[tuple[bool, float, int]]) -> None:
    labels, scores = [row[0] for row in rows], [row[1] for row in rows]
    if not any(labels):
        return
    cut = best_cut(labels, scores)
    reached = {t: metrics.f1_score(labels, [score >= t for score in scores]) for t in set(scores)}
    assert cut.f1 == pytest.approx(max(reached.values()))
    assert reached[cut.threshold] == pytest.approx(cut.f1)


def test_a_threshold_needs_a_positive_row() -> None:
    with pytest.raises(InputError, match="no row is positive"):
        best_cut([False], [0.5])


def test_rows_that_do_not_fit_are_refused() -> None:
    with pytest.raises(InputError, match="2 labels for 1 rows"):
        auroc([True, False], [0.5])
    with pytest.raises(InputError, match="a score is not finite"):
        auroc([True, False], [0.5, math.nan])
