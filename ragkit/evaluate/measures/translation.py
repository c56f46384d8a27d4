"""BLEU and chrF through `sacrebleu`: of one row, and of a corpus as a statistic that a bootstrap can resample."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ragkit._optional import require
from ragkit.errors import InputError

with require(feature="BLEU and chrF", package="sacrebleu", extra="eval"):
    from sacrebleu.metrics.bleu import BLEU
    from sacrebleu.metrics.chrf import CHRF

if TYPE_CHECKING:
    from ragkit.evaluate.statistics.estimate import Statistic

__all__ = ["corpus_bleu", "corpus_chrf", "sentence_bleu", "sentence_chrf", "signatures"]

_ORDERS = 4  # BLEU's n-grams
_CHARACTERS = 6  # chrF's
_BETA = 2.0


def sentence_bleu(prediction: str, references: Sequence[str]) -> float:
    """Give BLEU of one row, effective order and exponential smoothing: a fraction from 0 to 1."""
    return float(BLEU(effective_order=True).sentence_score(prediction, list(references)).score) / 100


def sentence_chrf(prediction: str, references: Sequence[str]) -> float:
    """Give chrF2 of one row: a fraction from 0 to 1, the best over references."""
    return float(CHRF().sentence_score(prediction, list(references)).score) / 100


def corpus_bleu(predictions: Sequence[str], references: Sequence[Sequence[str]]) -> Statistic:
    """Give corpus BLEU (Papineni et al., 2002; tokeniser 13a, exponential smoothing), a fraction from 0 to 1.

    Args:
        predictions: n texts.
        references: For each of them one or more texts.

    Returns:
        A statistic over the n rows; with all weights 1 it is sacrebleu's score / 100.

    Raises:
        InputError: If a row has no reference, or the lengths differ.
    """
    # Lengths, then matching and all n-grams of each order.
    counts = _sufficient(BLEU(), predictions, references)

    def statistic(weights: NDArray[np.float64]) -> NDArray[np.float64]:
        sums = weights @ counts
        said, wanted = sums[:, 0], sums[:, 1]
        matches, totals = sums[:, 2 : 2 + _ORDERS], sums[:, 2 + _ORDERS :]
        short = np.divide(wanted, said, out=np.full(len(said), np.inf), where=said > 0)
        penalty = np.exp(np.minimum(0.0, 1 - short))
        return np.asarray(penalty * np.exp(_log_precisions(matches, totals).mean(axis=1)))

    return statistic


def _log_precisions(matches: NDArray[np.float64], totals: NDArray[np.float64]) -> NDArray[np.float64]:
    """Give log precisions `(draws, orders)`; the k-th order without a match counts 1 / 2^k matches."""
    empty = matches == 0
    smoothed = np.where(empty, 0.5 ** empty.cumsum(axis=1), matches)
    precisions = np.divide(smoothed, totals, out=np.zeros_like(totals), where=totals > 0)
    precisions[empty.all(axis=1)] = 0.0
    with np.errstate(divide="ignore"):
        return np.asarray(np.log(precisions))


def corpus_chrf(predictions: Sequence[str], references: Sequence[Sequence[str]]) -> Statistic:
    """Give corpus chrF2 (Popovic, 2015; 6-grams of characters, no words), a fraction from 0 to 1.

    Arguments, result and errors as of `corpus_bleu`.
    """
    # Triples of n-grams said, wanted and matching for each order.
    counts = _sufficient(CHRF(char_order=_CHARACTERS, beta=int(_BETA)), predictions, references)

    def statistic(weights: NDArray[np.float64]) -> NDArray[np.float64]:
        sums = (weights @ counts).reshape(len(weights), _CHARACTERS, 3)
        said, wanted, matches = sums[..., 0], sums[..., 1], sums[..., 2]
        used = (said > 0) & (wanted > 0)
        orders = used.sum(axis=1)
        precision = _mean(np.divide(matches, said, out=np.zeros_like(said), where=used), orders)
        recall = _mean(np.divide(matches, wanted, out=np.zeros_like(said), where=used), orders)
        under = _BETA**2 * precision + recall
        return np.divide((1 + _BETA**2) * precision * recall, under, out=np.zeros_like(under), where=under > 0)

    return statistic


def _mean(values: NDArray[np.float64], orders: NDArray[np.intp]) -> NDArray[np.float64]:
    return np.asarray(values.sum(axis=1) / np.maximum(orders, 1))


def signatures() -> dict[str, str]:
    """Give sacrebleu's signatures of the corpus measures, to be stated with the scores."""
    found = {}
    for name, metric in (("BLEU", BLEU()), ("chrF", CHRF())):
        metric.corpus_score(["a"], [["a"]])  # the number of references is known only then
        found[name] = str(metric.get_signature())
    return found


def _sufficient(
    metric: Any,  # Any: sacrebleu's metrics are untyped
    predictions: Sequence[str],
    references: Sequence[Sequence[str]],
) -> NDArray[np.float64]:
    """Give each row's counts `(n, counts)`, whose sums decide the score."""
    if len(predictions) != len(references):
        raise InputError(f"{len(predictions)} predictions for {len(references)} rows of references: give one per row.")
    if bare := [place for place, golds in enumerate(references) if not golds]:
        raise InputError(f"row {bare[0]} has no reference: leave such rows out.")
    if not predictions:
        return np.zeros((0, 2 + 2 * _ORDERS if isinstance(metric, BLEU) else 3 * _CHARACTERS))
    # sacrebleu wants one list per reference number; a missing reference is None there.
    most = max(map(len, references))
    streams = [[golds[place] if place < len(golds) else None for golds in references] for place in range(most)]
    # Private, but what its own bootstrap is made of; a test compares the result with the public score.
    return np.asarray(metric._extract_corpus_statistics(list(predictions), streams), dtype=np.float64)
