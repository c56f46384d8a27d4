"""Classification and entities over a run's folder: predict what is missing, keep rows, estimate.

Each runner returns the rows in order and the estimates of the whole run. What was said stands in the rows' details, and
every estimate is made from rows, so that a resumed run gives what an uninterrupted one gives.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import nan
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from ragkit.evaluate.measures.classification import Decisions, Numbers
from ragkit.evaluate.measures.entities import Entity, EntityCounts, TaggedSentence, surface_f1
from ragkit.evaluate.outcome import Outcome, Row, Unscored
from ragkit.evaluate.statistics.estimate import estimates
from ragkit.evaluate.tasks.predictor import Item, Predictor
from ragkit.evaluate.tasks.working import BLOCK, Progress, TaskResult, details_of, predict_rows, whole_run

if TYPE_CHECKING:
    from ragkit.evaluate.runs import RunFolder

__all__ = ["Tokens", "classify", "mark_entities", "tagged_sentences"]

Tokens: TypeAlias = tuple[str, ...]


def classify(
    run: RunFolder,
    items: Sequence[Item[str, str]],
    predictor: Predictor[str, str],
    *,
    block: int = BLOCK,
    workers: int = 1,
    seed: int = 0,
    progress: Progress | None = None,
) -> TaskResult:
    """Predict one label of each text.

    Args:
        run: Rows it holds already are not predicted again.
        items: Texts with their labels.
        predictor: Who says them.
        block: Texts per call of the predictor; each finished block is durable.
        workers: Blocks predicted at the same time.
        seed: Of the bootstrap.
        progress: Told the rows done and all rows.

    Returns:
        Estimates `accuracy`, `balanced_accuracy`, `macro_f1`, `matthews` and `f1:<label>` of each label, over the rows
        with a label; a reply that is none lowers the coverage.
    """
    rows = predict_rows(run, items, predictor, _classified, block=block, workers=workers, progress=progress)
    scored = [row for row in rows if not isinstance(row.outcomes["accuracy"], Unscored)]
    decisions = Decisions.of([row.details["gold"] for row in scored], [row.details["said"] for row in scored])
    names = ["balanced_accuracy", "macro_f1", "matthews", *(f"f1:{label}" for label in decisions.labels)]

    def measured(weights: Numbers) -> Numbers:
        counts = decisions.counts(weights)
        return np.column_stack([counts.balanced_accuracy(), counts.macro_f1(), counts.matthews(), counts.f1()])

    return TaskResult(rows, estimates(rows, seed=seed) | whole_run(rows, "accuracy", seed)(names, measured))


def mark_entities(
    run: RunFolder,
    items: Sequence[Item[Tokens, tuple[Entity, ...]]],
    predictor: Predictor[Tokens, tuple[Entity, ...]],
    *,
    block: int = BLOCK,
    workers: int = 1,
    seed: int = 0,
    progress: Progress | None = None,
) -> TaskResult:
    """Predict the entities of each sentence of tokens; arguments as of `classify`.

    Returns:
        Estimates `exact` (sentences right as a whole), `precision`, `recall`, `f1` (entities, all types together) and
        `f1_surface`, which has no interval.
    """
    rows = predict_rows(run, items, predictor, _marked, block=block, workers=workers, progress=progress)
    sentences = tagged_sentences(rows)
    counts = EntityCounts.of(sentences)

    def measured(weights: Numbers) -> Numbers:
        return np.column_stack([counts.precision(weights), counts.recall(weights), counts.f1(weights)])

    found = estimates(rows, seed=seed) | whole_run(rows, "exact", seed)(["precision", "recall", "f1"], measured)
    if "exact" in found:
        exact = found["exact"]
        surface = surface_f1(sentences)
        found["f1_surface"] = replace(exact, value=surface, low=nan, high=nan)
    return TaskResult(rows, found)


def tagged_sentences(rows: Sequence[Row]) -> list[TaggedSentence]:
    """Read the scored sentences of `mark_entities` back from its rows."""
    return [
        TaggedSentence(tuple(row.details["tokens"]), _entities(row.details["gold"]), _entities(row.details["said"]))
        for row in rows
        if not isinstance(row.outcomes["exact"], Unscored)
    ]


def _entities(listed: Sequence[Sequence[Any]]) -> frozenset[Entity]:
    return frozenset(Entity(*entity) for entity in listed)


def _classified(item: Item[str, str], said: str | Unscored) -> Row:
    outcome: Outcome = said if isinstance(said, Unscored) else float(said == item.gold)
    return Row(id=item.id, outcomes={"accuracy": outcome}, details=details_of({"text": item.given}, item.gold, said))


def _marked(item: Item[Tokens, tuple[Entity, ...]], said: tuple[Entity, ...] | Unscored) -> Row:
    outcome: Outcome = said if isinstance(said, Unscored) else float(set(said) == set(item.gold))
    given = {"tokens": list(item.given)}
    return Row(id=item.id, outcomes={"exact": outcome}, details=details_of(given, item.gold, said))
