"""The report of a run of answers: risk over coverage, reliability, and the rows a person should look at."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate

from ragkit.evaluate.answers.totals import Sure, sure_rows
from ragkit.evaluate.measures.abstention import risk_coverage
from ragkit.evaluate.measures.calibration import reliability_bins
from ragkit.evaluate.outcome import Row
from ragkit.evaluate.reports.content import (
    Case,
    Cases,
    Curve,
    Histogram,
    Reliability,
    ReliabilityBin,
    Report,
    Section,
)

__all__ = ["answers_report"]

_CASES = 20
_PASSAGES = 3

_CORRECT = (
    "Correct: a gold answer is contained in the answer (normalised as in SQuAD); where there is no gold answer, the "
    "question was declined. exact_match and f1 compare the whole answer with the gold span, as the official SQuAD "
    "script: an answerer that quotes sentences scores low on them."
)
_ALCE = (
    "Citation recall and precision follow ALCE, with what a citation quotes as its passage and another entailment "
    "model than the paper's: they are not comparable with published numbers. An answer made of quotes is entailed by "
    "them and faithful by construction: 1 shows no skill there."
)
_UNCOMPARED = (
    "This judge was not compared with people: its means may compare systems, and are not what people would say."
)


def answers_report(
    rows: Sequence[Row], *, dataset: str, judge: str, calibrated: str = "", notes: Sequence[str] = ()
) -> Report:
    """Say everything but the table of measures.

    Args:
        rows: As scored.
        dataset: A sentence that says what was asked.
        judge: Who judged citations and passages, in words.
        calibrated: How far that judge agrees with people, in words; empty where nobody looked.
        notes: More sentences a reader must not miss, put first.
    """
    sure = sure_rows(rows)
    sections: list[Section] = _of_confidence(sure) if sure.rows else []
    wrong = [
        row for row in _by_confidence(sure) if not row.details["abstained"] and not row.details["right_if_answered"]
    ]
    missed = [row for row in _by_confidence(sure) if row.details["abstained"] and row.details["right_if_answered"]]
    unsure = [row for row in rows if row.details.get("score") is None and row.outcomes["correct"] == 0.0]
    for title, chosen in (
        ("Answered wrongly, most confident first", wrong),
        ("Declined although what was kept back is right", missed),
        ("Wrong, without a confidence", unsure),
    ):
        if chosen:
            note = f"{len(chosen)} rows; the first {_CASES} are shown." if len(chosen) > _CASES else ""
            sections.append(Cases(title, tuple(map(_case, chosen[:_CASES])), note=note))
    judged = f"Citations and retrieved passages were judged by {judge}. {calibrated or _UNCOMPARED}"
    return Report(title="Answers", dataset=dataset, notes=(*notes, judged, _CORRECT, _ALCE), sections=tuple(sections))


def _of_confidence(sure: Sure) -> list[Section]:
    losses = sure.losses
    bins = reliability_bins(sure.confidences, sure.correct)
    return [
        Curve(
            "Risk over coverage",
            "coverage (share of questions answered)",
            "risk (share of those that are wrong)",
            {
                "by confidence": tuple(risk_coverage(sure.confidences, losses)),
                "oracle": _oracle(losses),
            },
            note="Answering a question that has no answer is wrong; the oracle answers the right ones first.",
        ),
        Reliability(
            "Reliability",
            tuple(ReliabilityBin(one.confidence, one.accuracy, one.count) for one in bins),
            note="Confidence that an answer is right, in ten bins of equal width.",
        ),
        Histogram("Confidence", "confidence", sure.confidences),
    ]


def _oracle(losses: Sequence[float]) -> tuple[tuple[float, float], ...]:
    """Give risk over coverage, row by row: between its two levels of loss the curve is not straight."""
    running = accumulate(sorted(losses))
    return tuple((n / len(losses), lost / n) for n, lost in enumerate(running, start=1))


def _by_confidence(sure: Sure) -> list[Row]:
    return sorted(sure.rows, key=lambda row: (-row.details["score"], row.id))


def _case(row: Row) -> Case:
    details = row.details
    confidence = "" if details.get("score") is None else f"{details['score']:.3f}"
    facts = {
        "id": row.id,
        "gold": " | ".join(details["gold"]) or "none: not answerable",
        "said": details.get("answer", ""),
        "kept back": details.get("instead") or "",
        "confidence": confidence,
    }
    quotes = [f"{one['marker']} {one['doc_id']}: {one['quote']}" for one in details.get("citations") or ()]
    passages = [f"retrieved: {text}" for text in details.get("retrieved", ())[:_PASSAGES]]
    return Case(details["question"], {name: value for name, value in facts.items() if value}, (*quotes, *passages))
