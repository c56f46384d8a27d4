"""Knowing when to keep quiet: abstention against answerability, risk and coverage, AURC.

Risk at a coverage is the mean loss of the share of rows answered with most confidence (El-Yaniv and Wiener, JMLR 2010;
AURC and its excess: Geifman, Uziel and El-Yaniv, ICLR 2019). Rows of equal confidence cannot be told apart by any
threshold: within them the loss is spread evenly, which is the expectation over their random order.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ragkit.evaluate.measures.detection import f1
from ragkit.evaluate.measures.weighted import mean_where

if TYPE_CHECKING:
    from ragkit.evaluate.statistics.estimate import Statistic

__all__ = [
    "abstain_f1",
    "abstain_precision",
    "abstain_recall",
    "accuracy_given_answered",
    "answer_rate",
    "aurc",
    "coverage_at_risk",
    "excess_aurc",
    "risk_coverage",
]


def answer_rate(abstained: Sequence[bool]) -> Statistic:
    """Give the share of rows that were answered."""
    return mean_where([float(not one) for one in abstained], [True] * len(abstained))


def accuracy_given_answered(correct: Sequence[float], abstained: Sequence[bool]) -> Statistic:
    """Give the mean of `correct` (from 0 to 1) over the rows that were answered; NaN where none was."""
    return mean_where(correct, [not one for one in abstained])


def abstain_precision(abstained: Sequence[bool], answerable: Sequence[bool]) -> Statistic:
    """Give the share of abstentions for which there was no answer; NaN without any abstention."""
    return mean_where([float(not one) for one in answerable], abstained)


def abstain_recall(abstained: Sequence[bool], answerable: Sequence[bool]) -> Statistic:
    """Give the share of questions without answer for which it abstained; NaN without such questions."""
    return mean_where([float(one) for one in abstained], [not one for one in answerable])


def abstain_f1(abstained: Sequence[bool], answerable: Sequence[bool]) -> Statistic:
    """Give the harmonic mean of `abstain_precision` and `abstain_recall`."""
    return f1([not one for one in answerable], abstained)


def risk_coverage(confidences: Sequence[float], losses: Sequence[float]) -> list[tuple[float, float]]:
    """Give the curve of risk over coverage, one point per distinct confidence, most confident first.

    Args:
        confidences: n numbers, higher is surer; only their order counts.
        losses: n losses from 0 (right) to 1 (wrong) of answering each row.

    Returns:
        Pairs (coverage in (0, 1], risk in [0, 1]); the last is (1, mean loss). Empty for nothing.

    Example:
        >>> risk_coverage([0.9, 0.8, 0.1], [0.0, 1.0, 0.0])
        [(0.3333333333333333, 0.0), (0.6666666666666666, 0.5), (1.0, 0.3333333333333333)]
    """
    if not len(confidences):
        return []
    curve = _Levels(confidences, losses)
    counts, lost = curve.running(np.ones((1, len(losses))))
    return [(float(n / counts[0, -1]), float(loss / n)) for n, loss in zip(counts[0], lost[0], strict=True)]


def aurc(confidences: Sequence[float], losses: Sequence[float]) -> Statistic:
    """Give the mean risk over the coverages 1/n, 2/n, ..., 1: from 0 (best) to 1.

    The statistic takes whole-number weights, as a bootstrap and leaving one out give.

    Args:
        confidences: n numbers, higher is surer.
        losses: n losses from 0 to 1.
    """
    curve = _Levels(confidences, losses)

    def statistic(weights: NDArray[np.float64]) -> NDArray[np.float64]:
        counts, lost = curve.running(weights)
        before, lost_before = _shifted(counts), _shifted(lost)
        size, loss = counts - before, lost - lost_before
        mean = np.divide(loss, size, out=np.zeros_like(loss), where=size > 0)
        # The sum over j = 1..size of (lost_before + j mean) / (before + j), in closed form.
        harmonic = _harmonic(counts)
        sums = loss + (lost_before - before * mean) * (harmonic - _shifted(harmonic))
        return np.asarray(sums.sum(axis=1) / counts[:, -1])

    return statistic


def excess_aurc(confidences: Sequence[float], losses: Sequence[float]) -> Statistic:
    """Give `aurc` less that of an oracle which puts every loss last: 0 where confidence tells right from wrong."""
    real, oracle = aurc(confidences, losses), aurc([-loss for loss in losses], losses)
    return lambda weights: real(weights) - oracle(weights)


def coverage_at_risk(confidences: Sequence[float], losses: Sequence[float], *, most: float = 0.05) -> Statistic:
    """Give the largest share of rows that a threshold can answer with a risk of `most` or less; 0 where none can.

    Args:
        confidences: n numbers, higher is surer.
        losses: n losses from 0 to 1.
        most: The risk accepted, a fraction.
    """
    curve = _Levels(confidences, losses)

    def statistic(weights: NDArray[np.float64]) -> NDArray[np.float64]:
        counts, lost = curve.running(weights)
        # Tolerance: 0.05 * 20 is not exactly 1 in binary.
        fine = np.where(lost <= most * counts + 1e-9, counts, 0.0)
        return np.asarray(fine.max(axis=1) / counts[:, -1])

    return statistic


class _Levels:
    """Rows grouped by confidence, most confident first."""

    def __init__(self, confidences: Sequence[float], losses: Sequence[float]) -> None:
        sure = -np.asarray(confidences, dtype=np.float64)
        order = np.argsort(sure, kind="stable")
        # Rows that come in order need no copy of the weights, which is half of the work.
        self._order = None if np.array_equal(order, np.arange(len(order))) else order
        self._starts = np.flatnonzero(np.diff(sure[order], prepend=np.nan) != 0)
        self._losses = np.asarray(losses, dtype=np.float64)[order]

    def running(self, weights: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Give rows and loss down to the end of each level, both `(draws, levels)`."""
        ordered = weights if self._order is None else weights[:, self._order]
        counts = np.add.reduceat(ordered, self._starts, axis=1)
        lost = np.add.reduceat(ordered * self._losses, self._starts, axis=1)
        return counts.cumsum(axis=1), lost.cumsum(axis=1)


def _shifted(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.concatenate([np.zeros((len(sums), 1)), sums[:, :-1]], axis=1)


def _harmonic(counts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Give 1 + 1/2 + ... + 1/n for every count n."""
    whole = counts.astype(np.intp)
    table = np.concatenate([[0.0], (1.0 / np.arange(1, whole.max(initial=0) + 1)).cumsum()])
    return np.asarray(table[whole])
