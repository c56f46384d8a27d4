"""Measures that a run states for a part of its rows, or of their confidence, read from what each row carries."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import nan
from typing import Any

from ragkit.evaluate.measures.calibration import brier, log_loss
from ragkit.evaluate.outcome import Row

__all__ = ["concerns", "value_of"]

_OF_A_PART: Mapping[str, tuple[str, bool]] = {
    "HasAns_answered": ("abstained", True),
    "HasAns_correct": ("correct", True),
    "HasAns_exact": ("exact_match", True),
    "HasAns_f1": ("f1", True),
    "NoAns_exact": ("exact_match", False),
    "NoAns_f1": ("f1", False),
    "abstain_recall": ("abstained", False),
}
"""The outcome that each is the mean of, and whether over the questions with an answer or over those without."""

_OF_CONFIDENCE: Mapping[str, Callable[[float, float], float]] = {"brier": brier, "log_loss": log_loss}


def concerns(measure: str, row: Row) -> bool:
    """Tell whether a row counts to a measure at all, scored or not."""
    if measure in row.outcomes or measure not in _OF_A_PART:
        return True
    return row.details.get("label") is not None and bool(row.details["label"]) is _OF_A_PART[measure][1]


def value_of(measure: str, row: Row) -> float:
    """Give what a row counts to a measure, which it need not carry under that name; NaN where that is nothing."""
    if measure in row.outcomes:
        return _number(row.outcomes[measure])
    if measure in _OF_A_PART and concerns(measure, row):
        value = _number(row.outcomes.get(_OF_A_PART[measure][0]))
        return 1 - value if measure == "HasAns_answered" else value
    if measure in _OF_CONFIDENCE:
        score, right = row.details.get("score"), row.details.get("right_if_answered")
        return nan if score is None or right is None else _OF_CONFIDENCE[measure](score, right)
    return nan


def _number(value: Any) -> float:
    return float(value) if isinstance(value, int | float) else nan
