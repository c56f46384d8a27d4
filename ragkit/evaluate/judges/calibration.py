"""How far a judge agrees with people. Its mean over a run is worth nothing without that, so the two come together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import fsum, nan
from typing import Any

from ragkit.errors import InputError
from ragkit.evaluate.outcome import Estimate, Outcome, Unscored
from ragkit.evaluate.reports.content import Cell, Interval, Table
from ragkit.evaluate.statistics.agreement import balanced_accuracy, kappa, kendall_tau, spearman
from ragkit.evaluate.statistics.estimate import estimate
from ragkit.evaluate.statistics.prediction_powered import prediction_powered

__all__ = ["CalibratedMean", "Calibration", "calibrate", "calibrated_mean", "calibration_table"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """A judge beside people, on the rows that both rated."""

    n: int
    """Rows that both rated."""
    kappa: float
    """Cohen's, of the two decisions `rating >= cut`, from -1 to 1; NaN where undefined, as all that follow."""
    balanced_accuracy: float
    """The decisions of people predicted by the judge's, from 0 to 1; 0.5 is chance."""
    spearman: float
    """Of the ratings as they are, from -1 to 1."""
    kendall: float
    """Tau-b of the ratings, from -1 to 1."""
    judge_mean: float
    human_mean: float
    unscored: Mapping[str, int] = field(default_factory=dict)
    """Rows that people rated and the judge did not, by reason."""

    @property
    def bias(self) -> float:
        """By how much the judge's mean lies above that of people."""
        return self.judge_mean - self.human_mean

    def as_dict(self) -> dict[str, Any]:
        """Give the calibration as JSON, NaN as null."""
        numbers = {name: getattr(self, name) for name in _NUMBERS}
        return {
            "n": self.n,
            **{name: None if x != x else x for name, x in numbers.items()},
            "unscored": dict(self.unscored),
        }


_NUMBERS = ("kappa", "balanced_accuracy", "spearman", "kendall", "judge_mean", "human_mean", "bias")


def calibrate(
    judge: Sequence[Outcome], human: Sequence[float], *, judge_cut: float = 0.5, human_cut: float = 0.5
) -> Calibration:
    """Compare verdicts with human labels of the same rows.

    Args:
        judge: The verdicts; unscored ones are counted and left out.
        human: Labels or mean ratings as fractions from 0 to 1, in the same order.
        judge_cut: A verdict of at least this is a yes.
        human_cut: A label of at least this is a yes.

    Raises:
        InputError: If the lengths differ.
    """
    if len(judge) != len(human):
        raise InputError(f"there are {len(judge)} verdicts for {len(human)} human labels: give one for each.")
    pairs = [(said, label) for said, label in zip(judge, human, strict=True) if not isinstance(said, Unscored)]
    said, label = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    ours, theirs = [value >= judge_cut for value in said], [value >= human_cut for value in label]
    return Calibration(
        n=len(pairs),
        kappa=kappa(ours, theirs),
        balanced_accuracy=balanced_accuracy(theirs, ours) if len(set(theirs)) > 1 else nan,
        spearman=spearman(said, label),
        kendall=kendall_tau(said, label),
        judge_mean=_mean(said),
        human_mean=_mean(label),
        unscored=dict(Counter(out.reason for out in judge if isinstance(out, Unscored)).most_common()),
    )


@dataclass(frozen=True, slots=True)
class CalibratedMean:
    """What people would say on average of all rows, from the labels of a few and a judge's verdicts on all."""

    calibration: Calibration
    """On the labelled rows; to be shown first."""
    powered: Estimate
    """The prediction-powered mean: as unbiased as the labels alone, sharper as far as the judge agrees with them."""
    labels_alone: Estimate
    """The mean of the labels, without the judge."""
    judge_alone: Estimate
    """The judge's mean over all rows, biased as it is: never to be shown by itself."""


def calibrated_mean(
    judge: Sequence[Outcome],
    human: Sequence[float | None],
    *,
    judge_cut: float = 0.5,
    human_cut: float = 0.5,
    seed: int = 0,
) -> CalibratedMean:
    """Join a small human-labelled part, drawn at random from the rows, and a judge on all of them.

    Args:
        judge: Verdicts on all rows.
        human: Labels as fractions from 0 to 1, None where there is none.
        judge_cut: As in `calibrate`.
        human_cut: As in `calibrate`.
        seed: Of the bootstrap of the two plain means.

    Raises:
        InputError: If the lengths differ or no row has both a label and a verdict.
    """
    if len(judge) != len(human):
        raise InputError(f"there are {len(judge)} verdicts for {len(human)} rows: give one for each.")
    labelled = [(said, label) for said, label in zip(judge, human, strict=True) if label is not None]
    both = [(said, label) for said, label in labelled if not isinstance(said, Unscored)]
    if not both:
        raise InputError("no row has both a human label and a verdict: label some of the rows that were judged.")
    further = [s for s, label in zip(judge, human, strict=True) if label is None and not isinstance(s, Unscored)]
    return CalibratedMean(
        calibrate([s for s, _ in labelled], [label for _, label in labelled], judge_cut=judge_cut, human_cut=human_cut),
        prediction_powered([said for said, _ in both], [label for _, label in both], further),
        estimate([label for _, label in labelled], seed=seed),
        estimate(judge, seed=seed),
    )


def calibration_table(found: Mapping[str, CalibratedMean], *, title: str = "Judges beside people") -> Table:
    """Show judges by name: agreement with people first, then the mean that it allows, never one without the other."""
    columns = (
        "judge",
        "labels",
        "unscored",
        "kappa",
        "balanced acc.",
        "Spearman",
        "Kendall",
        "bias",
        "human mean",
    )
    rows = tuple(_line(name, mean) for name, mean in found.items())
    note = (
        "The mean is prediction-powered: from the labels, sharpened by the judge as far as the two agree. It is of "
        "the rows that the judge scored; unscored are those, of all rows, that it did not."
    )
    return Table(title, columns, rows, note)


def _line(name: str, found: CalibratedMean) -> tuple[Cell, ...]:
    known = found.calibration
    mean = Interval(found.powered.value, found.powered.low, found.powered.high)
    agreement = (known.kappa, known.balanced_accuracy, known.spearman, known.kendall, known.bias)
    return (name, known.n, sum(found.judge_alone.reasons.values()), *agreement, mean)


def _mean(values: Sequence[float]) -> float:
    return fsum(values) / len(values) if values else nan
