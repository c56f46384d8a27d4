"""Several ranked lists into one: by weighted score, or by reciprocal rank.

`reciprocal_rank_scores` and `convex_scores` do the arithmetic over keys of any kind; `reciprocal_rank_fusion` and
`convex_combination` do the same for lists of hits.

Two hits are the same when they have the same key: `chunk_id`, or `doc_id` where there is no chunk. Never the same text:
two documents may say the same. A fused hit is the copy of the first run of some weight that holds it, with the `arms`
of all.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from ragkit.errors import InputError, shorten
from ragkit.rank.topk import check_k, hit_key

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from ragkit.types import ArmScore, Hit

__all__ = ["convex_combination", "convex_scores", "reciprocal_rank_fusion", "reciprocal_rank_scores"]

_T = TypeVar("_T")
_Key = TypeVar("_Key")


def reciprocal_rank_fusion(
    runs: Sequence[Sequence[Hit]], *, k: int, constant: float = 60.0, weights: Sequence[float] | None = None
) -> list[Hit]:
    """Fuse ranked lists by summed reciprocal rank.

    A hit at place r (from 1) of a list adds weight / (constant + r); a list without it adds nothing. Scores in the
    lists are not read. Ties break by `doc_id`, then `chunk_id`. Source: Cormack, Clarke, Buettcher, SIGIR 2009.

    Args:
        runs: Best-first lists; may be empty, may disagree in length.
        k: Number of hits to return, at least 1; fewer when fewer exist.
        constant: Larger means that the first places count less, at least 0; 60 in the source.
        weights: One per list, at least 0; None for 1 each. A list of weight 0 adds no hits.

    Returns:
        Hits by falling fused score in (0, sum(weights) / (constant + 1)], ranks renumbered.

    Raises:
        InputError: If k < 1, a list repeats a hit, or the weights or the constant do not fit.

    Example:
        >>> from ragkit.types import Hit
        >>> [hit.doc_id for hit in reciprocal_rank_fusion([[Hit(doc_id="a", score=3.0, rank=1)]], k=1)]
        ['a']
    """
    keys = [list(_table(run, run)) for run in runs]
    scores = reciprocal_rank_scores(keys, constant=constant, weights=weights)
    return _best(runs, scores, _one_each("weights", weights, runs, 1.0), k)


def reciprocal_rank_scores(
    runs: Sequence[Sequence[_Key]], *, constant: float = 60.0, weights: Sequence[float] | None = None
) -> dict[_Key, float]:
    """Give the summed reciprocal rank of each key; see `reciprocal_rank_fusion`.

    Args:
        runs: Keys, best first, none twice in a list.
        constant: At least 0.
        weights: One per list, at least 0; None for 1 each. A list of weight 0 adds no keys.

    Raises:
        InputError: If the weights or the constant do not fit.
    """
    if not 0.0 <= constant < math.inf:
        raise InputError(f"constant must be at least 0 and finite, got {constant}: the source uses 60.")
    factors = _one_each("weights", weights, runs, 1.0)
    _check_weights(factors)
    tables = [{key: 1.0 / (constant + place) for place, key in enumerate(run, start=1)} for run in runs]
    return _weighted_sum(tables, factors, [0.0] * len(runs))


def convex_combination(
    runs: Sequence[Sequence[Hit]],
    *,
    k: int,
    weights: Sequence[float] | None = None,
    floors: Sequence[float | None] | None = None,
    absent: Sequence[float | None] | None = None,
) -> list[Hit]:
    """Fuse ranked lists by a weighted sum of their scores, each list scaled to [0, 1] first.

    A hit of score s adds weight * (s - floor) / (best - floor), where `best` is the highest score of its list and
    `floor` the lowest, or the one given: the least score that can be, such as 0 for BM25. A list without the hit adds
    0, or what its `absent` score would add. In a list of one hit, or of equal scores, with no lower floor, every hit
    adds its whole weight: being found is worth more than not. Ties break by `doc_id`, then `chunk_id`.

    Source: Bruch, Gai, Ingber, "An Analysis of Fusion Functions for Hybrid Retrieval", ACM TOIS 42(1), 2023: its
    min-max scaling without floors, its theoretical min-max scaling with them.

    Args:
        runs: Lists of scored hits; order within a list is not read; may be empty, may disagree in length.
        k: Number of hits to return, at least 1; fewer when fewer exist.
        weights: One per list, at least 0, divided by their sum; None for equal ones. A list of weight 0 adds no hits.
        floors: One per list, None where the lowest score of the list shall count 0; a floor above that is lowered.
        absent: One per list: the score, on the list's own scale, of hits it does not hold, kept between the floor and
            the best; None for the floor. A list that was cut knows that what it left out scores at most its last.

    Returns:
        Hits by falling fused score in [0, 1], ranks renumbered.

    Raises:
        InputError: If k < 1, a list repeats a hit, a score is not finite, or the weights, floors or absent scores do
            not fit.

    Example:
        >>> from ragkit.types import Hit
        >>> run = [Hit(doc_id="a", score=3.0, rank=1), Hit(doc_id="b", score=1.0, rank=2)]
        >>> [(hit.doc_id, hit.score) for hit in convex_combination([run], k=2)]
        [('a', 1.0), ('b', 0.0)]
    """
    tables = [_table(run, [hit.score for hit in run]) for run in runs]
    scores = convex_scores(tables, weights=weights, floors=floors, absent=absent)
    return _best(runs, scores, _one_each("weights", weights, runs, 1.0), k)


def convex_scores(
    runs: Sequence[Mapping[_Key, float]],
    *,
    weights: Sequence[float] | None = None,
    floors: Sequence[float | None] | None = None,
    absent: Sequence[float | None] | None = None,
) -> dict[_Key, float]:
    """Give the weighted sum of the scaled scores of each key; see `convex_combination`.

    Args:
        runs: Scores by key.
        weights: One per run, at least 0, divided by their sum; None for equal ones. A run of weight 0 adds no keys.
        floors: One per run, None where the lowest score of the run shall count 0.
        absent: One per run: the score of keys it does not hold; None for the floor.

    Raises:
        InputError: If a score is not finite, or the weights, floors or absent scores do not fit.
    """
    shares = _as_shares(_one_each("weights", weights, runs, 1.0))
    lows = _one_each("floors", floors, runs, None)
    missing = _one_each("absent scores", absent, runs, None)
    scales = [_Scale.of(run.values(), low) for run, low in zip(runs, lows, strict=True)]
    tables = [scale.table(run) for scale, run in zip(scales, runs, strict=True)]
    defaults = [0.0 if score is None else scale(score) for scale, score in zip(scales, missing, strict=True)]
    return _weighted_sum(tables, shares, defaults)


class _Scale(NamedTuple):
    """One list's way to [0, 1]."""

    low: float
    best: float
    empty: bool

    @classmethod
    def of(cls, given: Iterable[float], floor: float | None) -> _Scale:
        scores = list(given)
        if not all(map(math.isfinite, scores)) or (floor is not None and not math.isfinite(floor)):
            raise InputError("a run has a score or a floor that is not finite: expected numbers to scale.")
        if not scores:
            return cls(0.0, 0.0, empty=True)
        low, best = min([*scores, *([] if floor is None else [floor])]), max(scores)
        if best - low == math.inf:
            raise InputError(f"a run has scores from {low} to {best}: too far apart to scale.")
        return cls(low, best, empty=False)

    def table(self, run: Mapping[_Key, float]) -> dict[_Key, float]:
        """Give the scaled scores of the list itself, all of them between the floor and the best."""
        if self.best == self.low:
            return dict.fromkeys(run, 1.0)
        low, span = self.low, self.best - self.low
        return {key: (score - low) / span for key, score in run.items()}

    def __call__(self, score: float) -> float:
        if self.empty:
            return 0.0
        if self.best == self.low:
            return 1.0 if score >= self.best else 0.0
        return (min(max(score, self.low), self.best) - self.low) / (self.best - self.low)


def _one_each(what: str, values: Sequence[_T] | None, runs: Sequence[object], default: _T) -> Sequence[_T]:
    if values is None:
        return [default] * len(runs)
    if len(values) != len(runs):
        raise InputError(f"got {len(values)} {what} for {len(runs)} runs: pass one per run.")
    return values


def _as_shares(weights: Sequence[float]) -> list[float]:
    _check_weights(weights)
    total = math.fsum(weights)
    return [weight / total for weight in weights]


def _weighted_sum(
    tables: Sequence[Mapping[_Key, float]], weights: Sequence[float], defaults: Sequence[float]
) -> dict[_Key, float]:
    keys = dict.fromkeys(key for table, weight in zip(tables, weights, strict=True) if weight > 0 for key in table)
    parts = list(zip(weights, tables, defaults, strict=True))
    if len(parts) == 2:  # one sum of two, rounded once as well
        (first, one, no_one), (second, other, no_other) = parts
        return {key: first * one.get(key, no_one) + second * other.get(key, no_other) for key in keys}
    # fsum rounds once, so the order of the runs cannot change a sum
    return {key: math.fsum([weight * table.get(key, default) for weight, table, default in parts]) for key in keys}


def _best(runs: Sequence[Sequence[Hit]], scores: Mapping[str, float], weights: Sequence[float], k: int) -> list[Hit]:
    """Give the k best hits with their fused scores."""
    check_k(k)
    copies: dict[str, Hit] = {}
    for run, weight in zip(runs, weights, strict=True):
        if weight > 0:
            for hit in run:
                copies.setdefault(hit_key(hit), hit)
    best = sorted(copies, key=lambda key: (-scores[key], copies[key].doc_id, copies[key].chunk_id))[:k]
    arms = _arms_of(best, runs)
    return [
        replace(copies[key], score=scores[key], rank=rank, arms=arms[key]) for rank, key in enumerate(best, start=1)
    ]


def _arms_of(keys: Sequence[str], runs: Sequence[Sequence[Hit]]) -> dict[str, dict[str, ArmScore]]:
    """Give what every list says of each key; where two speak of one arm, the earlier list is right."""
    arms: dict[str, dict[str, ArmScore]] = {key: {} for key in keys}
    for run in runs:
        for hit in run:
            if (known := arms.get(hit_key(hit))) is not None:
                known.update({name: arm for name, arm in hit.arms.items() if name not in known})
    return arms


def _check_weights(weights: Sequence[float]) -> None:
    for weight in weights:
        if not 0.0 <= weight < math.inf:
            raise InputError(f"weight must be at least 0 and finite, got {weight}.")
    if weights and not any(weights):
        raise InputError("all weights are 0: give at least one run a weight above 0.")


def _table(run: Sequence[Hit], values: Sequence[_T]) -> dict[str, _T]:
    table: dict[str, _T] = {}
    for hit, value in zip(run, values, strict=True):
        if hit_key(hit) in table:
            raise InputError(f"a run holds {shorten(hit_key(hit))} twice: pass each hit once per run.")
        table[hit_key(hit)] = value
    return table
