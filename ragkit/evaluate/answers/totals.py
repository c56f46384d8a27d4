"""The measures of a whole run of answers: no-answer metrics, abstention, risk and coverage, calibration.

`HasAns_*` are over the questions with a gold answer, `NoAns_*` over those without, as the SQuAD script 2.0 names them.
Measures of confidence take every row whose `right_if_answered` is known: also a refusal, judged by the answer it kept
back. Answering a question that has no answer is a loss.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ragkit.evaluate.answers.scoring import bare_text
from ragkit.evaluate.measures.abstention import abstain_f1, aurc, coverage_at_risk, excess_aurc
from ragkit.evaluate.measures.calibration import brier, calibration_error, log_loss
from ragkit.evaluate.measures.detection import auroc
from ragkit.evaluate.measures.exact import best_score, exact_match, token_f1
from ragkit.evaluate.outcome import Estimate, Outcome, Row, Unscored
from ragkit.evaluate.statistics.estimate import Statistic, estimate, estimate_statistic

__all__ = ["Sure", "sure_rows", "totals"]


@dataclass(frozen=True, slots=True)
class Sure:
    """The rows that have a confidence and are known to be right or wrong if answered, most confident first."""

    rows: tuple[Row, ...]
    confidences: tuple[float, ...]
    """From 0 to 1."""
    correct: tuple[float, ...]
    """1.0 where the answer, given or kept back, is right."""
    reasons: Mapping[str, int]
    """Of the rows left out."""

    @property
    def losses(self) -> list[float]:
        """What answering each row costs: 0 or 1."""
        return [1.0 - one for one in self.correct]


def sure_rows(rows: Sequence[Row]) -> Sure:
    """Take the rows by whose confidence answering could be decided."""
    reasons = {row.id: reason for row in rows if (reason := _why_unsure(row.details))}
    kept = sorted((row for row in rows if row.id not in reasons), key=lambda row: -row.details["score"])
    return Sure(
        rows=tuple(kept),
        confidences=tuple(float(row.details["score"]) for row in kept),
        correct=tuple(float(row.details["right_if_answered"]) for row in kept),
        reasons=dict(Counter(reasons.values())),
    )


def _why_unsure(details: Mapping[str, Any]) -> str:
    if "abstained" not in details:
        return "no prediction"
    if details["score"] is None:
        return "no confidence"
    return "abstained, what it kept back is not known" if details["right_if_answered"] is None else ""


_DRAWS, _DRAWS_OF_MANY, _MANY = 10_000, 2_000, 2_000


def totals(rows: Sequence[Row], *, seed: int = 0, draws: int | None = None) -> dict[str, Estimate]:
    """Give every measure of the whole run that its rows allow, with intervals.

    Args:
        rows: As `score_answer` made them.
        seed: Of the bootstrap.
        draws: Bootstrap samples. None takes 10,000, and 2,000 for more than 2,000 rows: these measures run through
            all rows in every draw, and the end of a percentile interval is then known to a few hundredths of its width.
    """
    draws = draws or (_DRAWS_OF_MANY if len(rows) > _MANY else _DRAWS)
    said = [row for row in rows if "abstained" in row.details]
    sure = sure_rows(rows)
    shares = _parts(rows) | _of_abstention(said) | _scores_of_confidence(rows, sure)
    found = {name: estimate(column, seed=seed, draws=draws) for name, column in shares.items()}
    for name, statistic in _of_refusals(said).items():
        lost = {"no prediction": len(rows) - len(said)} if len(said) < len(rows) else {}
        found[name] = estimate_statistic(statistic, len(said), rows=len(rows), reasons=lost, seed=seed, draws=draws)
    for name, statistic in _of_confidence(sure).items():
        found[name] = estimate_statistic(
            statistic, len(sure.rows), rows=len(rows), reasons=sure.reasons, seed=seed, draws=draws
        )
    return found


def _parts(rows: Sequence[Row]) -> dict[str, list[Outcome]]:
    """Give the questions with, and those without, an answer; nothing where only one kind is there."""
    there = [row for row in rows if row.details["label"]]
    absent = [row for row in rows if not row.details["label"]]
    if not there or not absent:
        return {}
    return {
        "HasAns_exact": [row.outcomes["exact_match"] for row in there],
        "HasAns_f1": [row.outcomes["f1"] for row in there],
        "HasAns_correct": [row.outcomes["correct"] for row in there],
        "HasAns_answered": [_answered(row) for row in there],
        "NoAns_exact": [row.outcomes["exact_match"] for row in absent],
        "NoAns_f1": [row.outcomes["f1"] for row in absent],
        "HasAns_correct_given_answered": [row.outcomes["correct"] for row in there if _answered(row) == 1.0],
    }


def _answered(row: Row) -> Outcome:
    abstained = row.outcomes["abstained"]
    return abstained if isinstance(abstained, Unscored) else 1.0 - abstained


def _of_abstention(said: Sequence[Row]) -> dict[str, list[Outcome]]:
    """Give the rows that each measure is a share of; F1 is no such share.

    They are taken as given: the interval of a share is honest also where all or none of them count.
    """
    declined = [row for row in said if row.details["abstained"]]
    found = {"accuracy_given_answered": [row.outcomes["correct"] for row in said if not row.details["abstained"]]}
    absent = [row for row in said if not row.details["label"]]
    if absent:
        found["abstain_precision"] = [float(not row.details["label"]) for row in declined]
        found["abstain_recall"] = [row.outcomes["abstained"] for row in absent]
    return found


def _of_refusals(said: Sequence[Row]) -> dict[str, Statistic]:
    abstained = [bool(row.details["abstained"]) for row in said]
    answerable = [bool(row.details["label"]) for row in said]
    return {} if all(answerable) else {"abstain_f1": abstain_f1(abstained, answerable)}


def _of_confidence(sure: Sure) -> dict[str, Statistic]:
    confidences, losses = sure.confidences, sure.losses
    found = {
        "aurc": aurc(confidences, losses),
        "excess_aurc": excess_aurc(confidences, losses),
        "coverage@risk=0.05": coverage_at_risk(confidences, losses, most=0.05),
        "ece_10": calibration_error(confidences, sure.correct, bins=10),
        "ece_15_equal_mass": calibration_error(confidences, sure.correct, bins=15, equal_mass=True),
    }
    answerable = [bool(row.details["label"]) for row in sure.rows]
    if not all(answerable) and any(answerable):
        found["auroc"] = auroc(answerable, confidences)
        found |= {
            name: _best(sure, score, answerable) for name, score in (("best_exact", exact_match), ("best_f1", token_f1))
        }
    return found


def _best(sure: Sure, score: Callable[[str, Sequence[str]], float], answerable: Sequence[bool]) -> Statistic:
    texts = [_meant(row.details) for row in sure.rows]
    scores = [score(text, row.details["gold"]) for text, row in zip(texts, sure.rows, strict=True)]
    refusal = [1.0 - one for one in sure.confidences]
    return best_score(scores, refusal, answerable=answerable, answered=[bool(text) for text in texts])


def _meant(details: Mapping[str, Any]) -> str:
    return str(details["instead"]) if details["abstained"] else bare_text(details["answer"])


def _scores_of_confidence(rows: Sequence[Row], sure: Sure) -> dict[str, list[Outcome]]:
    pairs = {row.id: pair for row, *pair in zip(sure.rows, sure.confidences, sure.correct, strict=True)}
    reasons = {row.id: Unscored(_why_unsure(row.details)) for row in rows if row.id not in pairs}
    return {
        name: [measure(*pairs[row.id]) if row.id in pairs else reasons[row.id] for row in rows]
        for name, measure in (("brier", brier), ("log_loss", log_loss))
    }
