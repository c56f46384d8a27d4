from __future__ import annotations

from typing import Any

from ragkit.evaluate.answers.page import answers_report
from ragkit.evaluate.outcome import Row
from ragkit.evaluate.reports.content import Cases, Curve, Reliability, ReliabilityBin


def row(name: str, *, abstained: bool, right: float, score: float | None, gold: tuple[str, ...] = ("yes",)) -> Row:
    details: dict[str, Any] = {
        "question": f"{name}?",
        "gold": list(gold),
        "label": bool(gold),
        "abstained": abstained,
        "answer": "An answer.",
        "instead": "Kept." if abstained else None,
        "score": score,
        "right_if_answered": right,
        "citations": [{"marker": "[1]", "doc_id": "moon", "quote": "A quote."}],
    }
    return Row(id=name, outcomes={"correct": float(right and not abstained)}, details=details)


ROWS = [
    row("right", abstained=False, right=1.0, score=0.9),
    row("wrong", abstained=False, right=0.0, score=0.7),
    row("surer", abstained=False, right=0.0, score=0.8, gold=()),
    row("missed", abstained=True, right=1.0, score=0.1),
    row("silent", abstained=False, right=0.0, score=None),
]


def test_the_report_shows_risk_reliability_and_the_worst_rows() -> None:
    report = answers_report(ROWS, dataset="Five questions.", judge="a judge", notes=["Closed."])
    assert [section.title for section in report.sections] == [
        "Risk over coverage",
        "Reliability",
        "Confidence",
        "Answered wrongly, most confident first",
        "Declined although what was kept back is right",
        "Wrong, without a confidence",
    ]
    curve, reliability = report.sections[0], report.sections[1]
    assert isinstance(curve, Curve)
    assert curve.lines["by confidence"] == ((0.25, 0.0), (0.5, 0.5), (0.75, 2 / 3), (1.0, 0.5))
    assert curve.lines["oracle"] == ((0.25, 0.0), (0.5, 0.0), (0.75, 1 / 3), (1.0, 0.5))
    assert isinstance(reliability, Reliability)
    assert reliability.bins[0] == ReliabilityBin(0.1, 1.0, 1)
    assert report.notes[0] == "Closed."
    assert "a judge" in report.notes[1]


def test_cases_tell_what_was_asked_said_and_quoted() -> None:
    report = answers_report(ROWS, dataset="", judge="")
    wrong = report.sections[3]
    assert isinstance(wrong, Cases)
    assert [case.heading for case in wrong.cases] == ["surer?", "wrong?"]
    assert wrong.cases[0].facts == {
        "id": "surer",
        "gold": "none: not answerable",
        "said": "An answer.",
        "confidence": "0.800",
    }
    assert wrong.cases[0].items == ("[1] moon: A quote.",)


def test_a_long_list_of_cases_is_cut_and_says_so() -> None:
    rows = [row(f"{number}", abstained=False, right=0.0, score=0.5) for number in range(30)]
    wrong = answers_report(rows, dataset="", judge="").sections[3]
    assert isinstance(wrong, Cases)
    assert len(wrong.cases) == 20
    assert wrong.note == "30 rows; the first 20 are shown."


def test_without_confidences_there_is_no_curve() -> None:
    report = answers_report(ROWS[4:], dataset="", judge="")
    assert [section.title for section in report.sections] == ["Wrong, without a confidence"]


def test_the_judge_is_introduced_before_its_means() -> None:
    told = answers_report(ROWS, dataset="", judge="support", calibrated="Kappa 0.17.").notes
    assert told[0] == "Citations and retrieved passages were judged by support. Kappa 0.17."
    assert "was not compared with people" in answers_report(ROWS, dataset="", judge="support").notes[0]
