from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from langchain_core.vectorstores.utils import maximal_marginal_relevance as langchain_mmr

from ragkit.errors import InputError
from ragkit.rank.diversify import marginal_picks, maximal_marginal_relevance

if TYPE_CHECKING:
    from numpy.typing import NDArray

bounded = settings(max_examples=60, deadline=None)
TWINS_AND_OTHER = np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])


def random_rows(seed: int, count: int) -> NDArray[np.float64]:
    rows = np.random.default_rng(seed).random((count, 5))
    unit: NDArray[np.float64] = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return unit


def test_a_repeated_vector_waits_behind_an_unlike_one() -> None:
    assert maximal_marginal_relevance([0.9, 0.9, 0.5], TWINS_AND_OTHER, k=3, lambda_mult=0.5) == [0, 2, 1]


def test_lambda_1_keeps_the_order_of_relevance() -> None:
    assert maximal_marginal_relevance([0.2, 0.9, 0.5], TWINS_AND_OTHER, k=3, lambda_mult=1.0) == [1, 2, 0]


def test_lambda_0_starts_with_the_most_relevant_and_then_only_avoids_likeness() -> None:
    assert maximal_marginal_relevance([0.8, 0.9, 0.1], TWINS_AND_OTHER, k=3, lambda_mult=0.0) == [1, 2, 0]


def test_a_pick_is_worth_its_marginal_relevance() -> None:
    # second pick: .5 * .5 - .5 * 0; third: .5 * .9 - .5 * 1
    values = [pick.value for pick in marginal_picks([0.9, 0.9, 0.5], TWINS_AND_OTHER, k=3, lambda_mult=0.5)]
    assert values == pytest.approx([0.45, 0.25, -0.05])


def test_equal_candidates_are_picked_in_their_order() -> None:
    assert maximal_marginal_relevance([0.5, 0.5], np.ones((2, 3)), k=2, lambda_mult=0.5) == [0, 1]


def test_the_length_of_a_vector_does_not_matter() -> None:
    scaled = TWINS_AND_OTHER * np.array([[1.0], [7.0], [0.1]])
    assert maximal_marginal_relevance([0.9, 0.9, 0.5], scaled, k=3, lambda_mult=0.5) == [0, 2, 1]


def test_a_row_of_zeros_is_unlike_everything() -> None:
    rows = np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 0.0]])
    assert maximal_marginal_relevance([0.9, 0.8, 0.7], rows, k=2, lambda_mult=0.5) == [0, 2]


def test_no_candidates_give_no_picks() -> None:
    assert maximal_marginal_relevance([], np.zeros((0, 4)), k=2, lambda_mult=0.5) == []


def test_fewer_candidates_than_k_are_all_picked() -> None:
    assert maximal_marginal_relevance([1.0], np.ones((1, 2)), k=5, lambda_mult=0.5) == [0]


def test_k_below_1_is_refused() -> None:
    with pytest.raises(InputError, match=r"k must be at least 1, got -1\."):
        maximal_marginal_relevance([1.0], np.ones((1, 2)), k=-1, lambda_mult=0.5)


@pytest.mark.parametrize("lambda_mult", [-0.1, 1.1, float("nan")])
def test_lambda_outside_0_to_1_is_refused(lambda_mult: float) -> None:
    with pytest.raises(InputError, match="lambda_mult must be from 0 to 1, got"):
        maximal_marginal_relevance([1.0], np.ones((1, 2)), k=1, lambda_mult=lambda_mult)


@pytest.mark.parametrize("shape", [(3, 2), (2,), (2, 2, 2)])
def test_vectors_that_do_not_fit_the_relevance_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match=r"relevance has shape \(2,\) and vectors .*: expected \(n,\) and \(n, dim\)"):
        maximal_marginal_relevance([1.0, 0.5], np.ones(shape), k=1, lambda_mult=0.5)


def test_a_relevance_that_is_not_finite_is_refused() -> None:
    with pytest.raises(InputError, match="relevance holds a value that is not finite"):
        maximal_marginal_relevance([float("nan")], np.ones((1, 2)), k=1, lambda_mult=0.5)


@bounded
@given(st.integers(0, 10_000), st.integers(1, 12), st.sampled_from([0.1, 0.3, 0.5, 0.7, 0.9]))
def test_picks_equal_those_of_langchain_core(seed: int, count: int, lambda_mult: float) -> None:
    rows = random_rows(seed, count + 1)
    query, vectors = rows[0], rows[1:]
    ours = maximal_marginal_relevance(vectors @ query, vectors, k=count, lambda_mult=lambda_mult)
    assert ours == langchain_mmr(query, list(vectors), lambda_mult=lambda_mult, k=count)


@bounded
@given(st.integers(0, 10_000), st.integers(1, 12), st.floats(0.0, 1.0))
def test_values_never_rise_and_every_candidate_is_picked_once(seed: int, count: int, lambda_mult: float) -> None:
    rng = np.random.default_rng(seed)
    picks = marginal_picks(rng.normal(size=count), rng.normal(size=(count, 4)), k=count, lambda_mult=lambda_mult)
    assert sorted(pick.place for pick in picks) == list(range(count))
    values = [pick.value for pick in picks]
    assert all(later <= earlier + 1e-12 for earlier, later in itertools.pairwise(values))
