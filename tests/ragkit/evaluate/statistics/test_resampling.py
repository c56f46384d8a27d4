from __future__ import annotations

import numpy as np
import pytest

from ragkit.evaluate.statistics.resampling import mean_draws, resamples, sign_flips


@pytest.mark.parametrize(("n", "draws"), [(1, 3), (7, 10), (600_000, 2), (1000, 1111)])
def test_every_sample_draws_as_many_rows_as_there_are(n: int, draws: int) -> None:
    blocks = list(resamples(n, draws=draws, seed=0))
    assert sum(len(block) for block in blocks) == draws
    assert all((block.sum(axis=1) == n).all() for block in blocks)
    assert {block.shape[1] for block in blocks} == {n}


def test_memory_is_bounded_by_the_block() -> None:
    assert max(block.nbytes for block in resamples(6980, draws=200, seed=0)) <= 4 << 20


def test_rows_are_drawn_evenly() -> None:
    counts = np.concatenate(list(resamples(10, draws=20_000, seed=1)))
    assert np.allclose(counts.mean(axis=0), 1.0, atol=0.03)
    assert np.allclose(counts.var(axis=0), 0.9, atol=0.05)  # binomial(10, 1/10)


def test_the_same_seed_draws_the_same() -> None:
    first, again, other = (np.concatenate(list(resamples(20, draws=50, seed=seed))) for seed in (3, 3, 4))
    assert (first == again).all()
    assert (first != other).any()


def test_the_mean_of_a_draw_is_that_of_its_rows() -> None:
    values = np.array([[1.0, 2.0, 6.0], [0.0, 0.0, 3.0]])
    (weights,) = resamples(3, draws=100, seed=5)
    by_hand = [[np.repeat(line, row.astype(int)).mean() for line in values] for row in weights]
    assert np.allclose(mean_draws(values, draws=100, seed=5), by_hand)


def test_no_lines_draw_nothing() -> None:
    assert mean_draws(np.empty((0, 4)), draws=10, seed=0).shape == (10, 0)


@pytest.mark.parametrize("n", [1, 8, 13])
def test_signs_are_plus_and_minus_one_and_even(n: int) -> None:
    signs = np.concatenate(list(sign_flips(n, draws=20_000, seed=0)))
    assert signs.shape == (20_000, n)
    assert set(np.unique(signs)) == {-1.0, 1.0}
    assert np.abs(signs.mean(axis=0)).max() < 0.03


def test_signs_of_different_rows_are_independent() -> None:
    signs = np.concatenate(list(sign_flips(9, draws=20_000, seed=0)))
    assert np.allclose(np.cov(signs.T), np.eye(9), atol=0.04)
