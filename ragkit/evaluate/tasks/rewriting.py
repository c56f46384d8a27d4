"""Texts into texts over a run's folder: translations measured by BLEU and chrF, summaries by ROUGE."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ragkit.evaluate.measures.rouge import ROUGE_MEASURES, Rouge
from ragkit.evaluate.measures.translation import corpus_bleu, corpus_chrf, sentence_chrf
from ragkit.evaluate.outcome import Outcome, Row, Unscored
from ragkit.evaluate.statistics.estimate import estimates
from ragkit.evaluate.tasks.predictor import Item, Predictor
from ragkit.evaluate.tasks.working import BLOCK, Progress, TaskResult, details_of, predict_rows, whole_run

if TYPE_CHECKING:
    from ragkit.evaluate.runs import RunFolder

__all__ = ["summarise", "translate"]


def translate(
    run: RunFolder,
    items: Sequence[Item[str, str]],
    predictor: Predictor[str, str],
    *,
    block: int = BLOCK,
    workers: int = 1,
    seed: int = 0,
    progress: Progress | None = None,
) -> TaskResult:
    """Translate each text, against one reference; arguments as of `classify`.

    Returns:
        Estimates `chrF` (mean over rows), `corpus_BLEU` and `corpus_chrF`, fractions from 0 to 1.
    """
    rows = predict_rows(run, items, predictor, _translated, block=block, workers=workers, progress=progress)
    scored = [row.details for row in rows if not isinstance(row.outcomes["chrF"], Unscored)]
    said, gold = [row["said"] for row in scored], [[row["gold"]] for row in scored]
    bleu, chrf = corpus_bleu(said, gold), corpus_chrf(said, gold)

    def measured(weights: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.column_stack([bleu(weights), chrf(weights)])

    more = whole_run(rows, "chrF", seed)(["corpus_BLEU", "corpus_chrF"], measured)
    return TaskResult(rows, estimates(rows, seed=seed) | more)


def summarise(
    run: RunFolder,
    items: Sequence[Item[str, str]],
    predictor: Predictor[str, str],
    *,
    block: int = BLOCK,
    workers: int = 1,
    seed: int = 0,
    progress: Progress | None = None,
) -> TaskResult:
    """Sum each text up, against one reference; arguments as of `classify`.

    Returns:
        Estimates `rouge1`, `rouge2`, `rougeL` and `rougeLsum` (F1, means over rows), as `Rouge` gives them.
    """
    score = partial(_summed_up, Rouge())
    rows = predict_rows(run, items, predictor, score, block=block, workers=workers, progress=progress)
    return TaskResult(rows, estimates(rows, seed=seed))


def _summed_up(rouge: Rouge, item: Item[str, str], said: str | Unscored) -> Row:
    outcomes: dict[str, Outcome] = (
        {**rouge.score(said, [item.gold])} if isinstance(said, str) else dict.fromkeys(ROUGE_MEASURES, said)
    )
    return Row(id=item.id, outcomes=outcomes, details=details_of({"text": item.given}, item.gold, said))


def _translated(item: Item[str, str], said: str | Unscored) -> Row:
    outcome: Outcome = said if isinstance(said, Unscored) else sentence_chrf(said, [item.gold])
    return Row(id=item.id, outcomes={"chrF": outcome}, details=details_of({"text": item.given}, item.gold, said))
