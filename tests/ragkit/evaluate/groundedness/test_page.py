from __future__ import annotations

import pytest

from ragkit.evaluate.groundedness.page import groundedness_report, shortcuts
from ragkit.evaluate.outcome import Row, Unscored
from ragkit.evaluate.reports.content import Cases, Histogram, Interval, Reliability, ReliabilityBin, Table


def _row(number: int, support: float, *, label: int, length: int, overlap: float | None = 0.5) -> Row:
    details = {
        "question": f"Question {number}?",
        "response": "It is so.",
        "label": label,
        "predicted": int(support < 0.5),
        "score": 1 - support,
        "claims": [{"start": 0, "end": 9, "support": support}],
        "shortcuts": {"length": length, "overlap": overlap},
    }
    return Row(id=str(number), outcomes={"support": support}, details=details)


_UNSCORED = Row(
    id="9",
    outcomes={"support": Unscored("down")},
    details={"question": "", "response": "", "label": 1, "claims": [], "shortcuts": {"length": 0, "overlap": None}},
)
_ROWS = [
    _row(0, 0.9, label=0, length=10),
    _row(1, 0.05, label=0, length=20),
    _row(2, 0.8, label=0, length=30),
    _row(3, 0.3, label=1, length=40, overlap=0.1),
    _UNSCORED,
]


def test_the_shortcuts_stand_beside_the_judge() -> None:
    table = shortcuts(_ROWS, draws=50)
    found = {str(row[0]).split(",")[0]: row[1:] for row in table.rows}
    judge, length = found["this judge"], found["length alone"]
    assert isinstance(judge[0], Interval)
    assert isinstance(judge[1], Interval)
    assert judge[0].value == pytest.approx(2 / 3)  # one hit of one, two called
    assert judge[1].value == pytest.approx(2 / 3)  # above two of three
    assert [cell.value for cell in length if isinstance(cell, Interval)] == [1.0, 1.0]
    assert found["always unsupported"] == (pytest.approx(0.4), 0.5)
    assert found["a coin at the prevalence"] == (0.25, 0.5)


def test_the_best_threshold_is_named_as_no_result() -> None:
    assert (
        "Best-threshold F1 of this judge (optimistic, chosen on this data, not a result): 0.667"
        in shortcuts(_ROWS).note
    )


def test_without_unsupported_responses_there_is_no_best_threshold() -> None:
    assert "Best-threshold" not in shortcuts(_ROWS[:3], draws=50).note


def test_responses_are_grouped_by_their_support() -> None:
    report = groundedness_report(_ROWS, dataset="d", judge="j", threshold=0.5, threshold_from="given", draws=50)
    assert next(one.bins for one in report.sections if isinstance(one, Reliability)) == (
        ReliabilityBin(pytest.approx(0.05), 1.0, 1),
        ReliabilityBin(pytest.approx(0.3), 0.0, 1),
        ReliabilityBin(pytest.approx(0.8), 1.0, 1),
        ReliabilityBin(pytest.approx(0.9), 1.0, 1),
    )


def test_a_report_states_prevalence_threshold_and_the_worst_calls() -> None:
    report = groundedness_report(
        _ROWS, dataset="Made up", judge="support", threshold=0.5, threshold_from="given", notes=("Published: 1.",)
    )
    assert report.dataset.startswith("Made up: 5 responses, 2 of them unsupported (40.0%, the natural prevalence")
    assert report.notes[0].endswith("A response with support below 0.5 is called unsupported; given.")
    assert report.notes[1] == "Published: 1."
    kinds = [type(section) for section in report.sections]
    assert kinds == [Table, Reliability, Histogram, Histogram, Cases]
    worst = report.sections[-1]
    assert isinstance(worst, Cases)
    assert [case.heading for case in worst.cases] == ["Question 1?"]
    assert worst.cases[0].items == ("[0.05] It is so.",)


def test_a_run_without_scores_still_has_a_report() -> None:
    report = groundedness_report([_UNSCORED], dataset="d", judge="j", threshold=0.5, threshold_from="given")
    assert not any(isinstance(section, Table) for section in report.sections)
