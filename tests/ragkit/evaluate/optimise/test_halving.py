from __future__ import annotations

from collections.abc import Sequence
from math import nan

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ragkit.errors import InputError
from ragkit.evaluate.optimise.halving import Rung, halve, rungs


def cost(plan: Sequence[Rung]) -> int:
    """Count the calls by hand: each round asks its candidates and the reference about the rows it adds."""
    before = [0, *(rung.rows for rung in plan)]
    return sum((rung.candidates + 1) * (rung.rows - seen) for rung, seen in zip(plan, before, strict=False))


def test_the_calls_left_are_shared_out_over_the_rounds_left() -> None:
    # Rounds of 101, 103 and 106 calls, of which 9, 5 and 3 are measured at a time, the reference among them.
    assert rungs(8, 1000, 305) == [Rung(8, 11), Rung(4, 31), Rung(2, 66)]


def test_where_all_can_be_measured_on_all_rows_there_is_one_round() -> None:
    assert rungs(3, 10, 40) == [Rung(3, 10)]


def test_a_single_candidate_meets_the_reference_on_as_many_rows_as_can_be_paid() -> None:
    assert rungs(1, 10, 9) == [Rung(1, 4)]


def test_a_race_ends_where_all_rows_are_seen() -> None:
    assert rungs(4, 10, 45) == [Rung(4, 4), Rung(2, 10)]
    assert rungs(16, 2, 33) == [Rung(16, 1), Rung(8, 2)]


def test_too_few_calls_are_refused_with_the_number_needed() -> None:
    with pytest.raises(InputError, match=r"the 4 calls left for a race cannot measure 4 candidates .* at least 5"):
        rungs(4, 10, 4)


@pytest.mark.parametrize(("candidates", "rows"), [(0, 5), (5, 0)])
def test_a_race_without_candidates_or_rows_is_refused(candidates: int, rows: int) -> None:
    with pytest.raises(InputError, match=f"needs candidates and rows, got {candidates} and {rows}"):
        rungs(candidates, rows, 100)


@given(st.integers(1, 60), st.integers(1, 300), st.integers(0, 3_000))
@settings(max_examples=200, deadline=None)
def test_a_plan_never_costs_more_than_the_calls(candidates: int, rows: int, more: int) -> None:
    calls = candidates + 1 + more
    plan = rungs(candidates, rows, calls)
    assert cost(plan) <= calls
    assert plan[0].candidates == candidates
    assert [rung.rows for rung in plan] == sorted({rung.rows for rung in plan})
    assert plan[-1].rows <= rows


def test_the_best_of_candidates_without_noise_wins_and_the_worse_half_leaves_each_round() -> None:
    measured: list[tuple[str, int]] = []

    def values(names: Sequence[str], rows: int) -> list[float]:
        measured.append(("".join(names), rows))
        return [float(ord(name)) for name in names]

    assert halve("abcdefgh", rungs(8, 1000, 305), values) == ["h", "g"]
    assert measured == [("abcdefgh", 11), ("hgfe", 31), ("hg", 66)]


def test_of_equal_candidates_the_earlier_stays_and_one_without_a_value_is_worst() -> None:
    assert halve(
        "abcd", [Rung(4, 1), Rung(2, 2)], lambda names, _: [{"a": nan, "d": 0.0}.get(n, 1.0) for n in names]
    ) == [
        "b",
        "c",
    ]
