from __future__ import annotations

from pathlib import Path

import pytest

from evals.beir import compared, main, values
from ragkit.evaluate.outcome import Row, Unscored
from ragkit.evaluate.reports.content import Report
from ragkit.evaluate.retrieval.scored import Evaluation
from ragkit.evaluate.statistics.estimate import estimates


def evaluation(scores: list[float], dataset: str = "garden: closed corpus, 8 documents") -> Evaluation:
    rows = [Row(id=str(place), outcomes={"nDCG@10": score, "AP": 0.5}) for place, score in enumerate(scores)]
    report = Report(title="", dataset=dataset, notes=("A note.",))
    return Evaluation(rows=rows, estimates=estimates(rows), report=report, metrics={})


def test_the_table_says_the_corpus_and_compares_query_by_query() -> None:
    done = {"bm25": evaluation([0.1, 0.2, 0.3, 0.4, 0.5, 0.6]), "hybrid": evaluation([0.2, 0.3, 0.4, 0.5, 0.6, 0.7])}
    lines = compared(done).splitlines()
    assert lines[1:3] == ["garden: closed corpus, 8 documents", "  A note."]
    assert lines[4].startswith("  bm25          0.3500 [")
    assert "+0.1000 [+0.1000, +0.1000] p=0.0312" in lines[4]
    assert lines[4].endswith("        0.5000")
    assert "p=" not in lines[5]


def test_published_numbers_stand_beside_the_very_corpus_only() -> None:
    for corpus, beside in (("scifact/test: closed corpus, 5,183 documents", True), ("scifact/train: same", False)):
        done = {mode: evaluation([0.1, 0.2, 0.3, 0.4, 0.5, 0.6], corpus) for mode in ("dense", "hybrid")}
        assert ("0.6451 (MTEB)" in compared(done)) is beside
        assert ("published" in compared(done)) is beside


def test_values_leave_out_what_was_not_scored() -> None:
    done = evaluation([0.25])
    broken = Evaluation(
        rows=[*done.rows, Row(id="x", outcomes={"AP": Unscored("why")})],
        estimates=done.estimates,
        report=done.report,
        metrics={},
    )
    assert values(broken, "AP") == [0.5]


def test_a_missing_collection_is_an_error_by_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--data", str(tmp_path), "nowhere"]) == 1
    assert "nowhere" in capsys.readouterr().err
