from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ragkit.errors import InputError
from ragkit.evaluate.robustness.agreement import jaccard, rank_biased_overlap

rankings = st.lists(st.sampled_from("abcdefgh"), max_size=8, unique=True)


def test_jaccard_counts_what_is_shared() -> None:
    assert jaccard(["a", "b", "c"], ["c", "b", "x", "y"]) == 2 / 5
    assert jaccard([], []) == 1.0
    assert jaccard(["a"], []) == 0.0


def test_overlap_of_even_lists_is_the_sum_of_the_definition() -> None:
    p = 0.9
    # agreements at depths 1, 2, 3: 0, 2/2, 2/3; equation 30 of the paper
    expected = (1 - p) / p * (0 * p + 1 * p**2 + 2 / 3 * p**3) + 2 / 3 * p**3
    assert rank_biased_overlap(["a", "b", "c"], ["b", "a", "d"]) == pytest.approx(expected)


def test_overlap_of_uneven_lists_equals_a_hand_calculation() -> None:
    p, one, other = 0.5, ["a", "b"], ["a", "c", "b", "d"]
    # overlaps at depths 1 to 4: 1, 1, 2, 2; s = 2, l = 4
    seen = 1 * p + 1 / 2 * p**2 + 2 / 3 * p**3 + 2 / 4 * p**4
    beyond = 1 * (3 - 2) / (2 * 3) * p**3 + 1 * (4 - 2) / (2 * 4) * p**4
    expected = (1 - p) / p * (seen + beyond) + ((2 - 1) / 4 + 1 / 2) * p**4
    assert rank_biased_overlap(one, other, persistence=p) == pytest.approx(expected)


@given(rankings, rankings)
@settings(max_examples=100, deadline=None)
def test_overlap_is_symmetric_and_in_range(one: list[str], other: list[str]) -> None:
    value = rank_biased_overlap(one, other)
    assert 0.0 <= value <= 1.0 + 1e-12
    assert value == pytest.approx(rank_biased_overlap(other, one))
    assert rank_biased_overlap(one, one) == pytest.approx(1.0)


def test_a_change_at_the_top_weighs_more_than_one_below() -> None:
    base = list("abcdef")
    assert rank_biased_overlap(base, list("bacdef")) < rank_biased_overlap(base, list("abcdfe"))


def test_nothing_agrees_with_nothing_alone() -> None:
    assert rank_biased_overlap([], []) == 1.0
    assert rank_biased_overlap([], ["a"]) == 0.0


def test_wrong_rankings_are_refused() -> None:
    with pytest.raises(InputError, match="holds an id twice"):
        rank_biased_overlap(["a", "a"], ["a"])
    with pytest.raises(InputError, match="persistence must lie between 0 and 1, got"):
        rank_biased_overlap(["a"], ["a"], persistence=1.0)
