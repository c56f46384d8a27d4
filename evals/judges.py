"""How far do the offline judges agree with people, and does a prediction-powered interval hold what people say?

    python -m evals.judges --data ../shared/data
    python -m evals.judges --write ragkit/evaluate/judges/agreement.json

On MTRAG's answers, each rated for faithfulness from 1 to 4 by two or three people. Agreement is of answers to the tasks
that no threshold was chosen on. Then the same few answers are "labelled" again and again: how often does the interval
hold the mean of all human labels, and how wide is it beside that of the labels alone? Any other `Judge`, a chat model
say, goes through `calibrated_mean` in the same way.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.console import Console

from evals.hallucination_fit import answers, as_row
from ragkit.embed.encoder import SentenceEncoder
from ragkit.evaluate.data.mtrag import RatedAnswer
from ragkit.evaluate.judges.calibration import Calibration, calibrate, calibrated_mean, calibration_table
from ragkit.evaluate.judges.detectors import DETECTORS, detector, detector_threshold
from ragkit.evaluate.judges.responses import judge_responses
from ragkit.evaluate.outcome import Outcome, Unscored
from ragkit.evaluate.reports.content import Report, Table
from ragkit.evaluate.reports.terminal import print_report
from ragkit.evaluate.statistics.agreement import krippendorff_alpha
from ragkit.evaluate.statistics.intervals import student_quantile
from ragkit.evaluate.statistics.prediction_powered import prediction_powered
from ragkit.settings import Settings

_ABOUT = (
    "How far each detector, at its threshold, agrees with people on answers of MTRAG that they rated for faithfulness "
    "and that no threshold was chosen on; written by `python -m evals.judges --write`."
)
_HUMAN_CUT = 0.5 + 1e-9  # above the middle of the scale is faithful, as in `as_row`


@dataclass(frozen=True, slots=True)
class Repeated:
    """What many draws of the labelled rows came to."""

    covered: float
    """Share of intervals that hold the mean of all labels."""
    width: float
    """Mean width of the prediction-powered interval."""
    width_alone: float
    """Mean width of the interval of the labels alone, by Student's t."""


def verdicts(name: str, rated: Sequence[RatedAnswer], encoder: SentenceEncoder) -> list[Outcome]:
    """Judge answers by one detector."""
    rows = judge_responses(
        [as_row(answer) for answer in rated], detector(name, encoder), threshold=detector_threshold(name)
    )
    return [row.outcomes["support"] for row in rows]


def repeat(judge: Sequence[float], human: Sequence[float], *, labels: int, times: int, seed: int = 0) -> Repeated:
    """Label `labels` rows at random, `times` over, and look at the intervals."""
    random, truth = np.random.default_rng(seed), float(np.mean(human))
    said, people = np.asarray(judge), np.asarray(human)
    covered, widths, alone = [], [], []
    for _ in range(times):
        order = random.permutation(len(people))
        few, rest = order[:labels], order[labels:]
        found = prediction_powered(said[few].tolist(), people[few].tolist(), said[rest].tolist())
        covered.append(found.low <= truth <= found.high)
        widths.append(found.high - found.low)
        alone.append(2 * student_quantile(0.975, labels - 1) * float(people[few].std(ddof=1)) / math.sqrt(labels))
    return Repeated(float(np.mean(covered)), float(np.mean(widths)), float(np.mean(alone)))


def people_alone(rated: Sequence[RatedAnswer]) -> float:
    """Give Krippendorff's alpha of the annotators among themselves, the most a judge can hope for."""
    names = sorted({name for answer in rated for name in answer.ratings["faithfulness"]})
    ratings = [[answer.ratings["faithfulness"].get(name) for answer in rated] for name in names]
    return krippendorff_alpha(ratings, level="ordinal")


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse the command line and print both tables."""
    parser = argparse.ArgumentParser(prog="python -m evals.judges", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--data", type=Path, default=Settings.from_environment().data)
    parser.add_argument("--judge", nargs="+", default=list(DETECTORS), choices=DETECTORS)
    parser.add_argument("--labels", type=int, default=60, help="how many answers people label")
    parser.add_argument("--times", type=int, default=500, help="how often other answers are chosen for it")
    parser.add_argument("--write", type=Path, metavar="FILE", help="keep the agreement with people, for the reports")
    options = parser.parse_args(arguments)
    if not (options.data / "mtrag").is_dir():
        sys.stderr.write(f"{options.data / 'mtrag'} is not there: set RAGKIT_DATA or pass --data.\n")
        return 1
    encoder = SentenceEncoder.load(None)
    fresh = answers(options.data, part=1)
    rated = [*fresh, *answers(options.data, part=0)]
    human = [answer.mean_rating("faithfulness") for answer in rated]
    said = {name: verdicts(name, rated, encoder) for name in options.judge}
    agreement = {name: _beside(name, verdict, human, len(fresh)) for name, verdict in said.items()}
    if options.write:
        document = {"about": _ABOUT, "judges": {name: found.as_dict() for name, found in agreement.items()}}
        options.write.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    sections = (
        _agreement(agreement),
        _means(said, human, options.labels),
        _repeated(said, human, options.labels, options.times),
    )
    note = f"People among themselves: Krippendorff's alpha {people_alone(rated):.3f} (ordinal)."
    title = f"MTRAG: {len(rated)} answers with passages, mean faithfulness {np.mean(human):.3f} (0 no, 1 yes)."
    print_report(Report("Judges and people", title, (note,), sections), {}, Console(width=150))
    return 0


def _beside(name: str, verdict: Sequence[Outcome], human: Sequence[float], fresh: int) -> Calibration:
    cut = detector_threshold(name)
    return calibrate(verdict[:fresh], human[:fresh], judge_cut=cut, human_cut=_HUMAN_CUT)


def _agreement(beside: Mapping[str, Calibration]) -> Table:
    lines = []
    for name, found in beside.items():
        unscored = sum(found.unscored.values())
        lines.append((name, found.n, unscored, found.kappa, found.balanced_accuracy, found.spearman, found.kendall))
    columns = ("judge", "answers", "unscored", "kappa", "balanced acc.", "Spearman", "Kendall")
    return Table("Agreement with people, on tasks that no threshold was chosen on", columns, tuple(lines))


def _means(said: Mapping[str, Sequence[Outcome]], human: Sequence[float], labels: int) -> Table:
    chosen = set(np.random.default_rng(0).choice(len(human), labels, replace=False).tolist())
    shown = [label if place in chosen else None for place, label in enumerate(human)]
    means = {
        name: calibrated_mean(verdict, shown, judge_cut=detector_threshold(name), human_cut=_HUMAN_CUT)
        for name, verdict in said.items()
    }
    return calibration_table(means, title=f"From {labels} human labels, drawn at random")


def _repeated(said: Mapping[str, Sequence[Outcome]], human: Sequence[float], labels: int, times: int) -> Table:
    lines = []
    for name, verdict in said.items():
        pairs = [(value, label) for value, label in zip(verdict, human, strict=True) if not isinstance(value, Unscored)]
        again = repeat([value for value, _ in pairs], [label for _, label in pairs], labels=labels, times=times)
        lines.append((name, again.covered, again.width, again.width_alone))
    columns = ("judge", "holds the mean", "width", "width of labels alone")
    note = "Of a finite set: 95 % or a little more is right. Scored answers only."
    return Table(f"{times} times {labels} other labels", columns, tuple(lines), note)


if __name__ == "__main__":
    raise SystemExit(main())
