from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn.metrics import balanced_accuracy_score, cohen_kappa_score

from ragkit.errors import InputError
from ragkit.evaluate.statistics.agreement import balanced_accuracy, kappa, kendall_tau, krippendorff_alpha, spearman

LABELS = st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("abc")), min_size=2, max_size=40)
NUMBERS = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=2, max_size=30)
_ = None
# Krippendorff 2011, section C: four observers, twelve units, five values, with gaps.
OBSERVERS = [
    [1, 2, 3, 3, 2, 1, 4, 1, 2, _, _, _],
    [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, _, 3],
    [_, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, _],
    [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, _],
]


@pytest.mark.parametrize(("level", "alpha"), [("nominal", 0.743), ("ordinal", 0.815), ("interval", 0.849)])
def test_krippendorffs_published_example(level: str, alpha: float) -> None:
    assert krippendorff_alpha(OBSERVERS, level=level) == pytest.approx(alpha, abs=5e-4)  # type: ignore[arg-type]


def test_two_observers_with_binary_data() -> None:
    # Krippendorff 2011, section A.
    first = [0, 1, 0, 0, 0, 0, 0, 0, 1, 0]
    second = [1, 1, 1, 0, 0, 1, 0, 0, 0, 0]
    assert krippendorff_alpha([first, second]) == pytest.approx(0.095, abs=5e-4)


def test_one_value_in_use_cannot_be_told_from_chance() -> None:
    assert math.isnan(krippendorff_alpha([[1, 1], [1, 1]]))
    assert math.isnan(krippendorff_alpha([]))


def test_raters_of_other_units_are_refused() -> None:
    with pytest.raises(InputError, match=r"Raters gave \[2, 1\] ratings"):
        krippendorff_alpha([[1, 2], [1]])


def test_cohens_kappa_by_hand() -> None:
    # 35 of 50 agree; chance (25 * 30 + 25 * 20) / 2500 = 0.5: (0.7 - 0.5) / 0.5.
    a = ["yes"] * 25 + ["no"] * 25
    b = ["yes"] * 20 + ["no"] * 5 + ["yes"] * 10 + ["no"] * 15
    assert kappa(a, b) == pytest.approx(0.4)


def test_raters_with_one_label_have_no_kappa() -> None:
    assert math.isnan(kappa([1, 1], [1, 1]))
    assert math.isnan(kappa([], []))


@settings(max_examples=50, deadline=None)
@given(LABELS)
def test_kappa_and_balanced_accuracy_equal_scikit_learn(pairs: list[tuple[str, str]]) -> None:
    a, b = ([pair[side] for pair in pairs] for side in (0, 1))
    if len(set(a) | set(b)) > 1:
        assert kappa(a, b) == pytest.approx(cohen_kappa_score(a, b))
    if set(b) <= set(a) and len(set(a)) > 1:  # scikit-learn warns of labels only predicted, and of a single one
        assert balanced_accuracy(a, b) == pytest.approx(balanced_accuracy_score(a, b))


def test_no_rows_have_no_balanced_accuracy() -> None:
    assert math.isnan(balanced_accuracy([], []))


@settings(max_examples=50, deadline=None)
@given(NUMBERS)
def test_rank_correlations_equal_scipy(pairs: list[tuple[int, int]]) -> None:
    a, b = ([pair[side] for pair in pairs] for side in (0, 1))
    if len(set(a)) > 1 and len(set(b)) > 1:
        assert spearman(a, b) == pytest.approx(stats.spearmanr(a, b).statistic, abs=1e-12)
        assert kendall_tau(a, b) == pytest.approx(stats.kendalltau(a, b).statistic, abs=1e-12)
    else:
        assert math.isnan(spearman(a, b))
        assert math.isnan(kendall_tau(a, b))


@pytest.mark.parametrize("measure", [kappa, balanced_accuracy, spearman, kendall_tau])
def test_other_lengths_are_refused(measure) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(InputError, match="One side has 1 values, the other 2"):
        measure([1], [1, 2])
