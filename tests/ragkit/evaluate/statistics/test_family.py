from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ragkit.evaluate.statistics.family import holm

P_VALUES = st.lists(st.floats(0, 1), min_size=1, max_size=8)


def test_the_worked_example() -> None:
    # 0.005 * 4, 0.01 * 3, 0.03 * 2 and 0.04 * 1, which may not fall below 0.06.
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])


def test_what_was_not_tested_counts_for_nothing() -> None:
    adjusted = holm([0.01, math.nan, 0.02])
    assert (adjusted[0], adjusted[2]) == pytest.approx((0.02, 0.02))
    assert math.isnan(adjusted[1])


def test_one_comparison_needs_no_adjustment() -> None:
    assert holm([0.04]) == [0.04]
    assert holm([]) == []


@settings(max_examples=50, deadline=None)
@given(P_VALUES)
def test_adjusting_never_lowers_never_passes_one_and_keeps_the_order(p_values: list[float]) -> None:
    adjusted = holm(p_values)
    assert all(p <= q <= 1 for p, q in zip(p_values, adjusted, strict=True))
    pairs = sorted(zip(p_values, adjusted, strict=True))
    assert [q for _, q in pairs] == sorted(q for _, q in pairs)


@settings(max_examples=50, deadline=None)
@given(P_VALUES)
def test_it_claims_at_least_what_bonferroni_claims(p_values: list[float]) -> None:
    bonferroni = [min(1.0, p * len(p_values)) for p in p_values]
    assert all(q <= b for q, b in zip(holm(p_values), bonferroni, strict=True))
