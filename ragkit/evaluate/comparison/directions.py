"""Which way a measure is better: the one table that knows it."""

from __future__ import annotations

import re

__all__ = ["LOWER_IS_BETTER", "has_direction", "higher_is_better"]

LOWER_IS_BETTER = frozenset(
    {
        "aurc",
        "brier",
        "calibration",  # calibration_error
        "cost",
        "ece",
        "error",
        "flip",  # answers that change under a change which should not matter
        "flips",
        "hallucination",
        "hallucinated",
        "inflation",
        "latency",
        "loss",
        "misled",
        "ms",
        "noise",  # noise_sensitivity
        "perplexity",
        "range",  # support_range: over groups that should get the same
        "rank",  # of the right document, from 1
        "risk",
        "seconds",
        "ter",
        "tokens",
        "unsupported",
    }
)
"""Words of a measure's name that say lower is better."""

_HIGHER_ALL_THE_SAME = (
    "accuracy",
    "auroc",
    "correction",
    "coverage",
    "detection",
    "f1",
    "noise_robustness",
    "recall",
    "reciprocal",
)
_NEITHER = frozenset({"abstained", "answer_rate", "answered", "declined", "judged", "prevalence"})


def has_direction(measure: str) -> bool:
    """Tell whether more or less of a measure is better at all.

    It is not of what describes the data or a habit of the system (how often it declines), nor of a gap, which may lie
    on either side of 0.

    Example:
        >>> has_direction("f1"), has_direction("abstained"), has_direction("Judged@10")
        (True, False, False)
    """
    name = measure.lower()
    return name.partition("@")[0] not in _NEITHER and not name.endswith("_gap")


def higher_is_better(measure: str) -> bool:
    """Tell whether more of a measure is better, from the words of its name; so it is unless a word says otherwise.

    Example:
        >>> higher_is_better("nDCG@10"), higher_is_better("excess_aurc"), higher_is_better("coverage@risk=0.05")
        (True, False, True)
    """
    name = measure.lower()
    if any(word in name for word in _HIGHER_ALL_THE_SAME):
        return True
    return LOWER_IS_BETTER.isdisjoint(re.findall(r"[a-z]+", name))
