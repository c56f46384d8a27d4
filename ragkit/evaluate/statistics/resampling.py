"""Draws with replacement and sign flips, in blocks that stay in the processor's cache whatever the number of rows."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

__all__ = ["mean_draws", "resamples", "sign_flips"]

_BLOCK = 1 << 19  # cells drawn at a time: 4 MiB of weights


def resamples(n: int, *, draws: int, seed: int) -> Iterator[NDArray[np.float64]]:
    """Draw `n` of `n` rows with replacement, `draws` times.

    Args:
        n: Rows, at least 1.
        draws: How many samples.
        seed: The same seed gives the same draws.

    Yields:
        (block, n) float64: how often each row was drawn; every line sums to n. The blocks together have `draws` lines.
    """
    random = np.random.default_rng(seed)
    for size in _blocks(draws, n):
        picked = random.integers(0, n, size=(size, n), dtype=np.int64)
        picked += np.arange(size, dtype=np.int64)[:, None] * n
        yield np.bincount(picked.ravel(), minlength=size * n).reshape(size, n).astype(np.float64)


def mean_draws(values: NDArray[np.float64], *, draws: int, seed: int) -> NDArray[np.float64]:
    """Give the mean of every line in every sample drawn.

    Args:
        values: (lines, n): the lines share their draws.
        draws: How many samples.
        seed: Of the draws.

    Returns:
        (draws, lines) float64; nothing is drawn where there is no line or no draw.
    """
    lines, n = values.shape
    if lines == 0 or draws == 0:
        return np.empty((draws, lines))
    sums = np.concatenate([weights @ values.T for weights in resamples(n, draws=draws, seed=seed)])
    return np.asarray(sums / n)


def sign_flips(n: int, *, draws: int, seed: int) -> Iterator[NDArray[np.float64]]:
    """Draw a sign for each of `n` rows, `draws` times.

    Yields:
        (block, n) float64 of +1 and -1. The blocks together have `draws` lines.
    """
    random = np.random.default_rng(seed)
    for size in _blocks(draws, n):
        bits = np.unpackbits(np.frombuffer(random.bytes(size * -(-n // 8)), dtype=np.uint8))
        yield bits.reshape(size, -1)[:, :n].astype(np.float64) * 2 - 1


def _blocks(draws: int, n: int) -> Iterator[int]:
    size = max(1, _BLOCK // n)
    for start in range(0, draws, size):
        yield min(size, draws - start)
