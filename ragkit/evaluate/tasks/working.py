"""What every runner over a labelled set does: predict the rows that are missing, and estimate over the scored ones."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from ragkit.evaluate.outcome import Estimate, Row, Unscored
from ragkit.evaluate.statistics.estimate import Statistics, estimate_statistics
from ragkit.evaluate.tasks.predictor import Item, Predictor, Recordable

if TYPE_CHECKING:
    from ragkit.evaluate.runs import RunFolder

__all__ = ["BLOCK", "Progress", "TaskResult", "details_of", "predict_rows", "whole_run"]

Given = TypeVar("Given")
Said = TypeVar("Said")
Progress: TypeAlias = Callable[[int, int], None]
"""Told the rows done and all rows."""

BLOCK = 64
"""Items per call of a predictor, where nothing else is said."""


@dataclass(frozen=True, slots=True)
class TaskResult:
    """What a run over a labelled set came to."""

    rows: list[Row]
    """In the order of the items."""
    estimates: dict[str, Estimate]
    """By measure."""


def predict_rows(
    run: RunFolder,
    items: Sequence[Item[Given, Said]],
    predictor: Predictor[Given, Said],
    score: Callable[[Item[Given, Said], Said | Unscored], Row],
    *,
    block: int,
    workers: int,
    progress: Progress | None,
) -> list[Row]:
    """Give one row for each item, in order; rows that the run holds already are not predicted again.

    What a chat model says is recorded in the run, so that blocks that a kill cut short are not paid twice.
    """
    if isinstance(predictor, Recordable):
        predictor = predictor.recorded(run.journal)
    known: Mapping[str, Item[Given, Said]] = {item.id: item for item in items}

    def do(ids: Sequence[str]) -> list[Row]:
        part = [known[row_id] for row_id in ids]
        said = predictor.predict([item.given for item in part])
        return [score(item, answer) for item, answer in zip(part, said, strict=True)]

    return run.work([item.id for item in items], do, block=block, workers=workers, progress=progress)


def details_of(given: Mapping[str, Any], gold: Any, said: Any) -> dict[str, Any]:
    """Give what a person wants to see; entities become lists, as JSON holds them."""
    return {**given, "gold": gold, "said": None if isinstance(said, Unscored) else said}


def whole_run(
    rows: Sequence[Row], measure: str, seed: int
) -> Callable[[Sequence[str], Statistics], dict[str, Estimate]]:
    """Give a function that estimates statistics of the rows on which `measure` is scored."""
    outcomes = [row.outcomes[measure] for row in rows]
    reasons = Counter(outcome.reason for outcome in outcomes if isinstance(outcome, Unscored))
    scored = len(rows) - reasons.total()
    return lambda names, statistics: estimate_statistics(
        names, statistics, scored, rows=len(rows), reasons=reasons, seed=seed
    )
