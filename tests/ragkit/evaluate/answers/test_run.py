from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from ragkit.errors import InputError
from ragkit.evaluate.answers.run import Questions, answers_config, evaluate_answers, read_questions
from ragkit.evaluate.answers.said import Said
from ragkit.evaluate.data.answers import AnswerRow
from ragkit.evaluate.judge import Claim
from ragkit.evaluate.judges.overlap import OverlapJudge
from ragkit.evaluate.outcome import Outcome, Unscored
from ragkit.evaluate.runs import RunFolder
from ragkit.types import Answer, Citation

QUESTIONS = Questions(
    [AnswerRow(f"q{number}", f"What is {number}?", (f"number {number}",) if number % 3 else ()) for number in range(9)],
    "Nine questions.",
)


class Counting:
    """Answers what it is asked, keeps count, and stops at a question it was told to."""

    card: Mapping[str, Any] = {"answerer": "counting"}

    def __init__(self, *, stop_at: str = "") -> None:
        self.asked: list[str] = []
        self._stop_at = stop_at

    def to(self, row: AnswerRow) -> Said | None:
        if row.id == self._stop_at:
            raise KeyboardInterrupt
        self.asked.append(row.id)
        if row.id == "q7":
            return None
        text = f"It is number {row.id[1:]}."
        abstained = row.id in {"q0", "q4"}
        answer = Answer(
            question=row.question, text="" if abstained else text, abstained=abstained, timings={"total_s": 0.25}
        )
        return Said(answer=answer, confidence=int(row.id[1:]) / 10, instead=text if abstained else None)


def run(folder: Path, answers: Counting) -> Mapping[str, Any]:
    judge = OverlapJudge()
    config = answers_config(answers, judge, entailed_from=0.5)
    with RunFolder.open(folder, command="eval answers", dataset="nine", config=config) as opened:
        return evaluate_answers(opened, QUESTIONS, answers, judge).metrics


def test_a_run_writes_metrics_rows_and_report(tmp_path: Path) -> None:
    metrics = run(tmp_path, Counting())
    assert metrics["n"] == 9
    assert metrics == json.loads((tmp_path / "metrics.json").read_text(encoding="utf-8"))
    correct = metrics["measures"]["correct"]
    assert (correct["value"], correct["n"]) == (pytest.approx(5 / 8), 8)  # q0 declined; q1, q2, q5, q8 right
    assert correct["unscored"] == {"no prediction": 1}
    assert metrics["measures"]["abstain_recall"]["value"] == pytest.approx(1 / 3)
    lines = (tmp_path / "per_query.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["id"] for line in lines] == [row.id for row in QUESTIONS.rows]
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "Risk over coverage" in page
    assert "Reliability" in page


def test_a_run_that_was_stopped_asks_nothing_twice_and_ends_the_same(tmp_path: Path) -> None:
    whole, first, second = Counting(), Counting(stop_at="q5"), Counting()
    run(tmp_path / "whole", whole)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "stopped", first)
    run(tmp_path / "stopped", second)
    assert first.asked + second.asked == whole.asked
    for name in ("metrics.json", "per_query.jsonl"):
        assert (tmp_path / "stopped" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


def test_the_times_of_answers_are_told_apart_from_those_of_the_evaluation(tmp_path: Path) -> None:
    run(tmp_path, Counting())
    latencies = json.loads((tmp_path / "usage.json").read_text(encoding="utf-8"))["latency_s"]
    assert (latencies["answer"]["n"], latencies["answer"]["p50"]) == (8, 0.25)
    assert latencies["row"]["n"] == 9


class Quoting:
    """Quotes what it says."""

    card: Mapping[str, Any] = {"answerer": "quoting"}

    def to(self, row: AnswerRow) -> Said:
        text = f"It is number {row.id[1:]}."
        cited = Citation(
            marker="[1]", doc_id="d", source="", page=None, start=0, end=len(text), quote=text, support=1.0
        )
        return Said(answer=Answer(question="", text=f"{text[:-1]} [1].", abstained=False, citations=(cited,)))


class Failing:
    """Finds everything supported, and cannot judge every third claim."""

    card: Mapping[str, Any] = {"judge": "failing", "of": {"model": "none"}, "weights": [1, 2]}

    def judge(self, claims: Sequence[Claim]) -> list[Outcome]:
        return [1.0 if number % 3 else Unscored("the judge gave no JSON") for number in range(len(claims))]


def test_a_judge_that_fails_on_a_third_lowers_the_coverage_and_not_the_mean(tmp_path: Path) -> None:
    config = answers_config(Quoting(), Failing(), entailed_from=0.5)
    with RunFolder.open(tmp_path, command="eval answers", dataset="nine", config=config) as opened:
        found = evaluate_answers(opened, QUESTIONS, Quoting(), Failing())
    for name in ("citation_recall", "citation_precision"):
        estimate = found.estimates[name]
        assert (estimate.value, estimate.n, estimate.coverage) == (1.0, 6, 6 / 9)
        assert estimate.reasons == {"the judge gave no JSON": 3}
    assert "judged by failing (of none)." in found.report.notes[0]


def test_questions_are_read_in_either_form(tmp_path: Path) -> None:
    own = tmp_path / "mine.jsonl"
    own.write_text(
        '{"id": 1, "question": "Who?", "answers": ["Me"]}\n{"id": 2, "question": "Why?", "answers": []}\n',
        encoding="utf-8",
    )
    read = read_questions(own)
    assert [row.answers for row in read.rows] == [("Me",), ()]
    assert read.dataset == "mine: 2 questions, 1 of them without an answer."
    paragraph = {
        "context": "Me.",
        "qas": [{"id": "a", "question": "Who?", "answers": [{"text": "Me", "answer_start": 0}]}],
    }
    squad = tmp_path / "dev-v2.0.json"
    squad.write_text(json.dumps({"data": [{"title": "T", "paragraphs": [paragraph]}]}), encoding="utf-8")
    assert [row.answers for row in read_questions(squad).rows] == [("Me",)]


def test_a_file_without_questions_is_refused(tmp_path: Path) -> None:
    (tmp_path / "none.jsonl").write_text("", encoding="utf-8")
    with pytest.raises(InputError, match=r"none\.jsonl holds no question: give a file with at least one row"):
        read_questions(tmp_path / "none.jsonl")
