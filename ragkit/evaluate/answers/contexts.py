"""What the retrieved passages are worth: faithfulness to them, their precision and their recall of the gold answer."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from ragkit.evaluate.answers.scoring import bare_text
from ragkit.evaluate.judge import Judge
from ragkit.evaluate.judges.overlap import NO_WORDS
from ragkit.evaluate.judges.units import statements
from ragkit.evaluate.measures.grounded import (
    context_precision,
    context_recall,
    faithfulness,
    judge_relevance,
    judge_support,
)
from ragkit.evaluate.outcome import Outcome, Row, Unscored

__all__ = ["score_contexts"]


def score_contexts(rows: Sequence[Row], judge: Judge, *, supported_from: float = 0.5) -> list[Row]:
    """Add `faithfulness`, `context_precision` and `context_recall` to rows that say what was retrieved.

    The statements of an answer are its sentences; of the gold answers the first is asked for, as one statement.

    Args:
        rows: As `score_answer` made them; where none holds `retrieved`, they come back as they are.
        judge: Is asked in three calls, each over all rows.
        supported_from: Smallest verdict of `judge` that counts as supported.
    """
    if not any("retrieved" in row.details for row in rows):
        return list(rows)
    chunks = [[str(text) for text in row.details.get("retrieved") or ()] for row in rows]
    joined = ["\n\n".join(texts) for texts in chunks]
    said = [_statements(row.details) if texts else [] for row, texts in zip(rows, chunks, strict=True)]
    golds = [row.details["gold"][:1] if texts else [] for row, texts in zip(rows, chunks, strict=True)]
    faithful = judge_support(judge, said, joined)
    recalled = judge_support(judge, golds, joined)
    wanted = [row.details["question"] for row in rows], ["".join(gold) for gold in golds]
    relevant = judge_relevance(
        judge, *wanted, [texts if gold else [] for texts, gold in zip(chunks, golds, strict=True)]
    )
    found = [
        {
            "faithfulness": _why_not(row, "answer") or faithfulness(_weighed(one), supported_from=supported_from),
            "context_precision": _why_not(row, "gold") or context_precision(ranks, relevant_from=supported_from),
            "context_recall": _why_not(row, "gold") or context_recall(gold, supported_from=supported_from),
        }
        for row, one, ranks, gold in zip(rows, faithful, relevant, recalled, strict=True)
    ]
    return [
        dataclasses.replace(row, outcomes={**row.outcomes, **_nothing_retrieved(row, more)})
        for row, more in zip(rows, found, strict=True)
    ]


def _statements(details: Mapping[str, Any]) -> list[str]:
    if details["abstained"]:
        return []
    text = bare_text(details["answer"])
    return [text[start:end] for start, end in statements(text)]


def _weighed(verdicts: Sequence[Outcome]) -> list[Outcome]:
    """Leave out statements such as `It is so.`, which hold nothing that a passage could support."""
    return [verdict for verdict in verdicts if verdict != Unscored(NO_WORDS)]


def _why_not(row: Row, needed: str) -> Unscored | None:
    if "retrieved" not in row.details:
        return Unscored("what was retrieved is not known" if "abstained" in row.details else "no prediction")
    if needed == "gold":
        return None if row.details["gold"] else Unscored("no gold answer")
    return Unscored("abstained") if row.details["abstained"] else None


def _nothing_retrieved(row: Row, outcomes: Mapping[str, Outcome]) -> Mapping[str, Outcome]:
    """Give 0 where nothing was retrieved, and so nothing supported: no judge had to be asked."""
    if row.details.get("retrieved") != []:
        return outcomes
    unsupported = {} if row.details["abstained"] else {"faithfulness": 0.0}
    missed = {"context_precision": 0.0, "context_recall": 0.0} if row.details["gold"] else {}
    return {**outcomes, **unsupported, **missed}
