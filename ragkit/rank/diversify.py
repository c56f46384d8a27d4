"""Maximal marginal relevance: relevant hits that do not repeat each other."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ragkit.errors import InputError
from ragkit.rank.topk import check_k

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["MarginalPick", "marginal_picks", "maximal_marginal_relevance"]


class MarginalPick(NamedTuple):
    """One choice and what it was worth when it was made."""

    place: int
    """Place of the candidate in the input, from 0."""
    value: float
    """Its marginal relevance; never rises from one pick to the next."""


def maximal_marginal_relevance(
    relevance: ArrayLike, vectors: NDArray[np.floating], *, k: int, lambda_mult: float
) -> list[int]:
    """Pick k candidates, each as relevant and as unlike the ones before as possible.

    The next pick is the candidate with the largest lambda_mult * relevance - (1 - lambda_mult) * s, where s is its
    largest cosine similarity to a picked one, 0 while none is picked and never below 0. The first pick is the most
    relevant one whatever `lambda_mult` is; ties go to the earlier candidate. Costs k * n * dim. Source: Carbonell and
    Goldstein, SIGIR 1998, section 2.

    Args:
        relevance: Shape `(n,)`, higher is better, on the scale of a cosine for `lambda_mult` to weigh like with like.
        vectors: Shape `(n, dim)`; of any length, a row of zeros is unlike everything.
        k: Number of picks, at least 1; fewer when fewer candidates exist.
        lambda_mult: From 0 (unlike only) to 1 (relevant only).

    Returns:
        Indices into the input, in the order of picking.

    Raises:
        InputError: If k < 1, `lambda_mult` is outside [0, 1], a relevance is not finite, or the shapes disagree.

    Example:
        >>> vectors = np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
        >>> maximal_marginal_relevance([0.9, 0.9, 0.5], vectors, k=2, lambda_mult=0.5)
        [0, 2]
    """
    return [pick.place for pick in marginal_picks(relevance, vectors, k=k, lambda_mult=lambda_mult)]


def marginal_picks(
    relevance: ArrayLike, vectors: NDArray[np.floating], *, k: int, lambda_mult: float
) -> list[MarginalPick]:
    """Pick as `maximal_marginal_relevance` does, and say what each pick was worth."""
    check_k(k)
    values = np.asarray(relevance, dtype=np.float64)
    if values.ndim != 1 or np.ndim(vectors) != 2 or len(vectors) != len(values):
        raise InputError(
            f"relevance has shape {values.shape} and vectors {np.shape(vectors)}: expected (n,) and (n, dim)."
        )
    if not np.isfinite(values).all():
        raise InputError("relevance holds a value that is not finite: expected numbers to compare.")
    if not 0.0 <= lambda_mult <= 1.0:
        raise InputError(f"lambda_mult must be from 0 to 1, got {lambda_mult}.")
    return _greedy(values, _unit_rows(vectors), min(k, len(values)), lambda_mult)


def _greedy(values: NDArray[np.float64], rows: NDArray[np.float64], k: int, lambda_mult: float) -> list[MarginalPick]:
    picks: list[MarginalPick] = []
    likeness = np.zeros(len(values))  # stays 0 or above: marginal values then fall from pick to pick
    free = np.ones(len(values), dtype=bool)
    for _ in range(k):
        marginal = lambda_mult * values - (1.0 - lambda_mult) * likeness
        order = marginal if picks else values
        index = int(np.argmax(np.where(free, order, -np.inf)))
        picks.append(MarginalPick(index, float(marginal[index])))
        free[index] = False
        likeness = np.maximum(likeness, rows @ rows[index])
    return picks


def _unit_rows(vectors: NDArray[np.floating]) -> NDArray[np.float64]:
    rows = np.asarray(vectors, dtype=np.float64)
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    unit: NDArray[np.float64] = np.divide(rows, norms, out=np.zeros_like(rows), where=norms > 0)
    return unit
