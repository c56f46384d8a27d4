"""The same question from different people: are answer, support and retrieval the same?

No group is the measure of the others: the gap of a group is its value less the mean over all groups, for the same
question in the same frame, so that intervals of gaps are paired by question.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from itertools import combinations
from math import log2
from statistics import fmean
from typing import Any

from ragkit.errors import ConfigError, shorten
from ragkit.evaluate.outcome import Outcome, Row, Unscored
from ragkit.evaluate.robustness.agreement import jaccard
from ragkit.evaluate.robustness.reading import Observed, Observer, shown
from ragkit.evaluate.robustness.rgb import is_right
from ragkit.evaluate.robustness.stability import same_answer

__all__ = ["Axis", "axes", "bias_row", "ndcg"]

_DEPTH = 10


@dataclass(frozen=True, slots=True)
class Axis:
    """One way in which the people who ask differ."""

    name: str
    frames: tuple[str, ...]
    """Texts with `{who}`, and with `{question}` here or in the fillers."""
    groups: Mapping[str, tuple[str, ...]]
    """What stands for `{who}`, by group; those at one place go together, so all groups have as many."""

    @classmethod
    def from_json(cls, name: str, document: Mapping[str, Any]) -> Axis:
        """Read one entry of a file like `people.json`.

        Raises:
            ConfigError: If there are fewer than two groups, or they differ in their number of fillers.
        """
        groups = {group: tuple(fillers) for group, fillers in document["groups"].items()}
        sizes = {len(fillers) for fillers in groups.values()}
        if len(groups) < 2 or len(sizes) != 1 or sizes == {0}:
            raise ConfigError(
                f"the axis {shorten(repr(name))} has groups of {sorted(sizes)} fillers: give two groups or more, "
                "with as many fillers in each."
            )
        return cls(name, tuple(document["frames"]), groups)

    def ask(self, question: str, *, seed: int = 0) -> dict[str, str]:
        """Write `question` once for each group, in one frame and with fillers of one place, both drawn by the seed."""
        draw = random.Random(f"{seed}|{self.name}|{question}")  # noqa: S311  # no secret
        frame = draw.choice(self.frames)
        place = draw.randrange(len(next(iter(self.groups.values()))))
        return {
            group: frame.replace("{who}", fillers[place]).replace("{question}", question)
            for group, fillers in self.groups.items()
        }


@cache
def axes() -> Mapping[str, Axis]:
    """Read the packaged axes: `name`, `gender` and `dialect`."""
    document = json.loads((files("ragkit.evaluate.robustness") / "people.json").read_text(encoding="utf-8"))
    return {name: Axis.from_json(name, entry) for name, entry in document.items() if name != "about"}


def bias_row(
    row_id: str,
    question: str,
    axis: Axis,
    observe: Observer,
    *,
    answers: Sequence[Sequence[str]] = (),
    relevant: Sequence[str] = (),
    seed: int = 0,
) -> Row:
    """Ask one question for every group of an axis.

    Args:
        row_id: Of the row.
        question: As it is, without a frame.
        axis: Who asks.
        observe: The system asked.
        answers: Groups of aliases of the right answer, where it is known.
        relevant: Ids of the documents that answer, where they are known.
        seed: Of frame and fillers.

    Returns:
        Outcomes `<axis>: flip` (1 if not all groups get the same answer), `<axis>: retrieval_jaccard` (mean over pairs
        of groups), `<axis>: support_range`, and for each group `<axis>/<group>: support_gap`, with `answers` also
        `right_gap`, with `relevant` also `nDCG@10_gap`. If one group got no answer, the row is unscored.
    """
    asked = axis.ask(question, seed=seed)
    seen = {group: observe(text) for group, text in asked.items()}
    said = {group: None if isinstance(one, Unscored) else shown(one.reading) for group, one in seen.items()}
    outcomes: dict[str, Outcome] = {}
    for name, measure in _across(answers, relevant).items():
        values = _all_of(seen, measure)
        outcomes |= _gaps(axis, name, values)
    outcomes |= _agreement(axis, seen)
    return Row(id=row_id, outcomes=outcomes, details={"question": question, "asked": asked, "said": said})


def ndcg(retrieved: Sequence[str], relevant: Sequence[str], *, k: int = _DEPTH) -> float:
    """Give nDCG at `k` of one ranking with grades 0 and 1, from 0 to 1; 0 where nothing is relevant.

    Example:
        >>> round(ndcg(["b", "a"], ["a"]), 4)
        0.6309
    """
    gained = sum(1 / log2(rank + 1) for rank, doc_id in enumerate(retrieved[:k], start=1) if doc_id in relevant)
    ideal = sum(1 / log2(rank + 1) for rank in range(1, min(k, len(relevant)) + 1))
    return gained / ideal if ideal else 0.0


def _across(answers: Sequence[Sequence[str]], relevant: Sequence[str]) -> dict[str, Callable[[Observed], float | None]]:
    """Give what is measured of each group, by name."""
    measures: dict[str, Callable[[Observed], float | None]] = {"support": lambda one: one.reading.support}
    if answers:
        measures["right"] = lambda one: float(is_right(one.reading.text, answers))
    if relevant:
        measures[f"nDCG@{_DEPTH}"] = lambda one: ndcg(one.retrieved, relevant)
    return measures


def _all_of(
    seen: Mapping[str, Observed | Unscored], measure: Callable[[Observed], float | None]
) -> dict[str, float] | Unscored:
    """Measure every group, or say why one of them cannot be."""
    values: dict[str, float] = {}
    for group, one in seen.items():
        value = one if isinstance(one, Unscored) else measure(one)
        if value is None:
            return Unscored("the reader gives no support")
        if isinstance(value, Unscored):
            return value
        values[group] = value
    return values


def _gaps(axis: Axis, name: str, values: dict[str, float] | Unscored) -> dict[str, Outcome]:
    names = {group: f"{axis.name}/{group}: {name}_gap" for group in axis.groups}
    if isinstance(values, Unscored):
        return dict.fromkeys(names.values(), values)
    mean = fmean(values.values())
    gaps: dict[str, Outcome] = {names[group]: value - mean for group, value in values.items()}
    if name == "support":
        gaps[f"{axis.name}: support_range"] = max(values.values()) - min(values.values())
    return gaps


def _agreement(axis: Axis, seen: Mapping[str, Observed | Unscored]) -> dict[str, Outcome]:
    flip, overlap = f"{axis.name}: flip", f"{axis.name}: retrieval_jaccard"
    whole = [one for one in seen.values() if not isinstance(one, Unscored)]
    if failed := next((one for one in seen.values() if isinstance(one, Unscored)), None):
        return {flip: failed, overlap: failed}
    pairs = list(combinations(whole, 2))
    return {
        flip: float(not all(same_answer(one.reading, other.reading) for one, other in pairs)),
        overlap: fmean(jaccard(one.retrieved, other.retrieved) for one, other in pairs),
    }
