from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from ragkit.errors import InputError, ModelError
from ragkit.evaluate.data.groundedness import GroundednessRow
from ragkit.evaluate.groundedness.run import Evaluated, evaluate_groundedness, load_groundedness, notes_on
from ragkit.evaluate.groundedness.totals import detection_estimates
from ragkit.evaluate.judge import Claim, Judge
from ragkit.evaluate.judges.chat import ChatJudge
from ragkit.evaluate.judges.recorded import RecordedModel
from ragkit.evaluate.judges.responses import judge_responses
from ragkit.evaluate.judges.support import SupportJudge
from ragkit.evaluate.outcome import Outcome, Unscored
from ragkit.evaluate.runs import RunFolder
from ragkit.testing.scripts import MeteredModel, ScriptedModel


class Told:
    """A judge that reads its verdict off the claim, and fails on every claim of `failing`."""

    card: Mapping[str, Any] = {"judge": "told"}

    def __init__(self, failing: Sequence[str] = ()) -> None:
        self._failing = failing

    def judge(self, claims: Sequence[Claim]) -> list[Outcome]:
        return [
            Unscored("the judge gave no valid JSON") if claim.claim in self._failing else float(claim.claim.split()[1])
            for claim in claims
        ]


def _rows(supports: Sequence[tuple[float, bool]]) -> list[GroundednessRow]:
    return [
        GroundednessRow(str(number), "", "Context.", f"says {support} {number}", supported)
        for number, (support, supported) in enumerate(supports)
    ]


_LABELLED = _rows([(0.9, True), (0.8, True), (0.3, True), (0.7, False), (0.2, False), (0.1, False)] * 5)


def _evaluated(folder: Path, judge: Judge, rows: Sequence[GroundednessRow] = _LABELLED) -> Evaluated:
    with RunFolder.open(folder, command="eval groundedness", dataset="made up", config={}) as run:
        return evaluate_groundedness(run, rows, judge, threshold=0.5)


def test_a_judge_that_fails_on_a_third_shows_coverage_and_reasons_and_no_lower_mean(tmp_path: Path) -> None:
    # Rows 0, 6, 12, ... and their equals: the failing third is like the rest, so nothing else may change.
    twice = [row for row in _LABELLED for _ in range(3)]
    rows = [GroundednessRow(str(n), "", "C.", f"{row.response}-{n}", row.supported) for n, row in enumerate(twice)]
    failing = [row.response for row in rows[::3]]
    whole, part = _evaluated(tmp_path / "whole", Told(), rows), _evaluated(tmp_path / "part", Told(failing), rows)
    for name in ("f1", "precision", "recall", "auroc", "accuracy", "support"):
        assert part.estimates[name].value == pytest.approx(whole.estimates[name].value)
        assert (part.estimates[name].n, part.estimates[name].coverage) == (60, pytest.approx(2 / 3))
        assert part.estimates[name].reasons == {"the judge gave no valid JSON": 30}
    assert part.metrics["measures"]["f1"]["unscored"] == {"the judge gave no valid JSON": 30}
    assert "the judge gave no valid JSON" in (tmp_path / "part" / "report.html").read_text(encoding="utf-8")


def test_a_judge_that_always_fails_gives_no_number(tmp_path: Path) -> None:
    found = _evaluated(tmp_path, Told([row.response for row in _LABELLED]))
    assert found.metrics["measures"]["f1"]["value"] is None
    assert found.metrics["measures"]["f1"]["coverage"] == 0.0
    assert found.estimates["prevalence"].value == 0.5


def test_a_chat_judge_over_the_runs_journal_is_not_asked_twice(tmp_path: Path) -> None:
    meter = tmp_path / "meter"
    said = json.dumps({"reason": "r", "verdict": "supported"})

    def judge(run: RunFolder) -> ChatJudge:
        return ChatJudge(RecordedModel(run.journal, MeteredModel(ScriptedModel(lambda _: said), meter)))

    for folder in ("run", "run"):
        with RunFolder.open(tmp_path / folder, command="eval groundedness", dataset="d", config={}) as run:
            found = evaluate_groundedness(run, _LABELLED[:6], judge(run), threshold=0.5)
    assert len(meter.read_text(encoding="ascii").splitlines()) == 6
    assert found.estimates["support"].value == 1.0


def test_the_same_inputs_give_the_same_bytes(tmp_path: Path) -> None:
    for folder in ("one", "two"):
        _evaluated(tmp_path / folder, Told())
    for name in ("per_query.jsonl", "metrics.json"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_no_rows_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no response to judge"):
        _evaluated(tmp_path, Told(), [])


def test_own_rows_and_labelled_rows_are_recognised(tmp_path: Path) -> None:
    own = {"id": 1, "context": "c", "response": "r", "supported": True}
    labelled = {"id": "1", "dataset": "halueval_qa", "context": "c", "response": "r", "label": 0, "meta": {}}
    for name, row in (("own.jsonl", own), ("data.jsonl", labelled)):
        (tmp_path / name).write_text(json.dumps(row), encoding="utf-8")
    assert load_groundedness(tmp_path / "own.jsonl") == [GroundednessRow("1", "", "c", "r", True)]
    assert load_groundedness(tmp_path / "data.jsonl")[0].supported is False


def test_other_data_is_refused_by_its_kind(tmp_path: Path) -> None:
    path = tmp_path / "answers.jsonl"
    path.write_text(json.dumps({"question": "q", "answers": ["a"]}), encoding="utf-8")
    with pytest.raises(InputError, match="holds answers, not labelled responses: give one of groundedness, ragtruth"):
        load_groundedness(path)


def test_an_official_ragtruth_folder_is_recognised(tmp_path: Path) -> None:
    source = {"source_id": "s", "task_type": "QA", "source_info": {"question": "q", "passages": "p"}}
    response = {
        "id": "1",
        "source_id": "s",
        "split": "test",
        "response": "r",
        "labels": [],
        "model": "m",
        "quality": "g",
    }
    (tmp_path / "source_info.jsonl").write_text(json.dumps(source), encoding="utf-8")
    (tmp_path / "response.jsonl").write_text(json.dumps(response), encoding="utf-8")
    assert [row.context for row in load_groundedness(tmp_path)] == ["p"]


@pytest.mark.parametrize(("name", "count"), [("ragtruth_qa_test", 425), ("wice", 358)])
def test_known_folders_are_read(data: Path, name: str, count: int) -> None:
    assert len(load_groundedness(data / name)) == count


def test_support_beats_a_coin_and_length_on_ragtruth(data: Path) -> None:
    labelled = load_groundedness(data / "ragtruth_qa_test")[:150]
    rows = judge_responses(labelled, SupportJudge(), threshold=0.5)
    assert detection_estimates(rows, draws=100)["auroc"].value > 0.75


def test_a_resume_asks_again_only_what_a_model_failed_on(tmp_path: Path) -> None:
    said = json.dumps({"reason": "r", "verdict": "supported"})
    down = {"says 0.3": ModelError("RateLimitError (429)")}
    asked = []
    for failures in (down, {}):
        broken = ScriptedModel(lambda ask, by=failures: next((e for t, e in by.items() if t in str(ask)), said))
        with RunFolder.open(tmp_path, command="eval groundedness", dataset="d", config={}) as run:
            found = evaluate_groundedness(
                run, _LABELLED[:6], ChatJudge(RecordedModel(run.journal, broken)), threshold=0.5, block=2
            )
        asked.append((len(broken.asks), found.estimates["f1"].coverage))
    assert asked == [(6, pytest.approx(5 / 6)), (1, 1.0)]


def test_data_that_a_detector_was_fitted_on_is_named_so(data: Path) -> None:
    assert "fitted on the facts of every other person" in notes_on(data / "factscore")[0]
    assert notes_on(data / "ragtruth_qa_test") == ()


def test_a_file_of_nothing_known_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "empty.jsonl"
    path.touch()
    with pytest.raises(InputError, match="holds nothing known, not labelled responses: give one of groundedness"):
        load_groundedness(path)
