"""Which way a measure is better: the one table that knows it."""

from __future__ import annotations

import re

__all__ = ["LOWER_IS_BETTER", "higher_is_better"]

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
        "gap",
        "hallucination",
        "hallucinated",
        "inflation",
        "latency",
        "loss",
        "ms",
        "noise",  # noise_sensitivity
        "perplexity",
        "rank",  # of the right document, from 1
        "risk",
        "seconds",
        "ter",
        "tokens",
        "unsupported",
    }
)
"""Words of a measure's name that say lower is better."""

_HIGHER_ALL_THE_SAME = ("coverage", "detection", "noise_robustness", "correction", "accuracy", "f1", "auroc", "recall")


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
