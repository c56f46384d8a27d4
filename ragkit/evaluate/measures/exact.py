"""Exact match, token F1 and containment, after the official SQuAD scripts, with the rules for questions without answer.

Source: the official `evaluate-v2.0.py` (Rajpurkar, Jia and Liang, ACL 2018); containment as in BERGEN and RGB.
Scores are fractions from 0 to 1; the official script prints per cent.
"""

from __future__ import annotations

import re
import string
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from ragkit.evaluate.statistics.estimate import Statistic

__all__ = ["BestThreshold", "best_score", "best_threshold", "contains", "exact_match", "normalise", "token_f1"]

_ARTICLES = re.compile(r"\b(?:a|an|the)\b")
_NO_PUNCTUATION = str.maketrans("", "", string.punctuation)


def normalise(text: str) -> str:
    """Give `text` in lower case, without ASCII punctuation and English articles, white space squeezed.

    The steps and their order are those of the SQuAD scripts 1.1 and 2.0, which agree in this.

    Example:
        >>> normalise("The  U.S. Army's A-team")
        'us armys ateam'
    """
    return " ".join(_ARTICLES.sub(" ", text.lower().translate(_NO_PUNCTUATION)).split())


def exact_match(prediction: str, answers: Sequence[str]) -> float:
    """Give 1.0 if `prediction` equals one of `answers` after normalisation, else 0.0.

    Args:
        prediction: Empty for a refusal.
        answers: Gold answers; none, or none with a letter, means that there is no answer, which only a prediction
            that is empty after normalisation matches.

    Example:
        >>> exact_match("the Broncos!", ["Denver Broncos", "Broncos"])
        1.0
    """
    return _best(prediction, answers, lambda said, gold: float(said == gold))


def token_f1(prediction: str, answers: Sequence[str]) -> float:
    """Give the F1 of the words of `prediction` and of a gold answer as multisets; the best over `answers`.

    As script 2.0: where either side has no word, 1.0 if both have none, else 0.0 (script 1.1 gives 0.0 throughout).

    Args:
        prediction: Empty for a refusal.
        answers: As in `exact_match`.

    Returns:
        A fraction from 0 to 1, at least `exact_match`.

    Example:
        >>> round(token_f1("the Denver Broncos won", ["Broncos"]), 3)
        0.5
    """
    return _best(prediction, answers, _f1)


def contains(prediction: str, answers: Sequence[str]) -> float:
    """Give 1.0 if a normalised gold answer is a substring of the normalised `prediction`, else 0.0.

    As `match` of BERGEN and RGB: kind to long answers, and blind to a short gold answer inside a longer word. Without
    gold answers, 1.0 for an empty prediction only, as in `exact_match`.

    Example:
        >>> contains("It was won by the Denver Broncos.", ["Broncos"])
        1.0
    """
    return _best(prediction, answers, lambda said, gold: float(gold in said if gold else said == gold))


def _best(prediction: str, answers: Sequence[str], score: Callable[[str, str], float]) -> float:
    """Score against each gold answer that has a letter left, as the official script; without any, against nothing."""
    golds = [gold for gold in map(normalise, answers) if gold] or [""]
    said = normalise(prediction)
    return max(score(said, gold) for gold in golds)


def _f1(said: str, gold: str) -> float:
    words, wanted = said.split(), gold.split()
    if not words or not wanted:
        return float(words == wanted)
    same = sum((Counter(words) & Counter(wanted)).values())
    return 2 * same / (len(words) + len(wanted))


@dataclass(frozen=True, slots=True)
class BestThreshold:
    """The best that refusing above some threshold could give, with hindsight: an upper bound, not a result."""

    score: float
    """Mean exact match or F1 over all questions, a fraction from 0 to 1."""
    threshold: float
    """Refuse above this refusal score; 0.0 where refusing everything is best."""


def best_threshold(
    scores: Sequence[float], refusal: Sequence[float], *, answerable: Sequence[bool], answered: Sequence[bool]
) -> BestThreshold:
    """Find the threshold of refusal that gives the best mean, as `find_best_thresh` of the official script 2.0.

    Questions are answered in rising order of refusal score; ties stay in the order given.

    Args:
        scores: Exact match or F1 of each prediction, n fractions from 0 to 1.
        refusal: How sure the system is that there is no answer, higher is surer; often 1 - confidence.
        answerable: Whether there is a gold answer.
        answered: Whether the prediction is not empty.

    Returns:
        Score NaN for nothing.
    """
    if not len(scores):
        return BestThreshold(float("nan"), 0.0)
    order, gains = _gains(scores, refusal, answerable, answered)
    running = np.concatenate([[0.0], gains[order].cumsum()])
    best = int(running.argmax())
    total = float(running[best]) + sum(not one for one in answerable)
    return BestThreshold(total / len(scores), float(refusal[order[best - 1]]) if best else 0.0)


def best_score(
    scores: Sequence[float], refusal: Sequence[float], *, answerable: Sequence[bool], answered: Sequence[bool]
) -> Statistic:
    """Give `best_threshold(...).score` as a statistic of resampled rows: `best_exact` and `best_f1` of the script."""
    order, gains = _gains(scores, refusal, answerable, answered)
    without = np.asarray([not one for one in answerable], dtype=np.float64)

    def statistic(weights: NDArray[np.float64]) -> NDArray[np.float64]:
        running = (weights[:, order] * gains[order]).cumsum(axis=1)
        return np.asarray((np.maximum(running.max(axis=1), 0.0) + weights @ without) / weights.sum(axis=1))

    return statistic


def _gains(
    scores: Sequence[float], refusal: Sequence[float], answerable: Sequence[bool], answered: Sequence[bool]
) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Give the order of answering, and what answering each question adds over refusing it."""
    gains = [score if there else -float(said) for score, there, said in zip(scores, answerable, answered, strict=True)]
    return np.argsort(np.asarray(refusal, dtype=np.float64), kind="stable"), np.asarray(gains, dtype=np.float64)
