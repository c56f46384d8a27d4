"""The measures of a groundedness run: how well the judge finds the responses that people say are not supported."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Sequence

from ragkit.evaluate.judges.responses import judged
from ragkit.evaluate.measures import detection
from ragkit.evaluate.outcome import Estimate, Row, Unscored
from ragkit.evaluate.statistics.estimate import estimate_statistic, estimates
from ragkit.evaluate.statistics.intervals import wilson_interval

__all__ = ["MEASURES", "detection_estimates"]

MEASURES = (
    "f1",
    "precision",
    "recall",
    "balanced_accuracy",
    "auroc",
    "average_precision",
    "span_f1",
    "prevalence",
    "accuracy",
    "support",
)
"""What `detection_estimates` gives, in this order; `span_f1` only where spans are known."""


def detection_estimates(rows: Sequence[Row], *, seed: int = 0, draws: int = 10_000) -> dict[str, Estimate]:
    """Give every measure of `MEASURES` with its interval, from rows that `judge_responses` made.

    Args:
        rows: All rows, with the unscored; `prevalence` is of all of them.
        seed: Of the bootstrap.
        draws: Bootstrap samples.
    """
    scored = judged(rows)
    reasons = Counter(out.reason for row in rows if isinstance(out := row.outcomes["support"], Unscored))
    found = {
        name: estimate_statistic(
            statistic, len(scored), rows=len(rows), reasons=dict(reasons.most_common()), seed=seed, draws=draws
        )
        for name, statistic in _statistics(scored).items()
    }
    for name, shares in _shares(scored).items():
        low, high = wilson_interval(found[name].value, len(shares))
        found[name] = dataclasses.replace(found[name], low=low, high=high)
    found |= estimates(rows, seed=seed, draws=draws)
    labels = [Row(id=row.id, outcomes={"prevalence": float(row.details["label"])}) for row in rows]
    found |= estimates(labels, seed=seed, draws=draws)
    return {name: found[name] for name in MEASURES if name in found}


def _shares(scored: Sequence[Row]) -> dict[str, list[Row]]:
    """Give the rows that a measure is a share of, where there are some.

    A bootstrap takes rows that all agree for certainty; the interval of a share does not.
    """
    parts = {"precision": "predicted", "recall": "label"}
    found = {name: [row for row in scored if row.details[chosen]] for name, chosen in parts.items()}
    return {name: rows for name, rows in found.items() if rows}


def _statistics(scored: Sequence[Row]) -> dict[str, detection.Statistic]:
    labels = [bool(row.details["label"]) for row in scored]
    calls = [bool(row.details["predicted"]) for row in scored]
    scores = [float(row.details["score"]) for row in scored]
    found = {
        "f1": detection.f1(labels, calls),
        "precision": detection.precision(labels, calls),
        "recall": detection.recall(labels, calls),
        "balanced_accuracy": detection.balanced_accuracy(labels, calls),
        "auroc": detection.auroc(labels, scores),
        "average_precision": detection.average_precision(labels, scores),
    }
    marked = [row.details.get("span_characters") for row in scored]
    if any(label and counts for label, counts in zip(labels, marked, strict=True)):
        overlaps = [detection.Overlap(*(counts or (0, 0, 0))) for counts in marked]
        found["span_f1"] = detection.overlap_f1(overlaps)
    return found
