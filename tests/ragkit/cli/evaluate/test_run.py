from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ragkit.cli.evaluate.shown import names_in


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    (tmp_path / "qrels.txt").write_text("q1 0 a 1\nq2 0 b 1\n")
    (tmp_path / "run.trec").write_text("q1 Q0 b 1 2 t\nq1 Q0 a 2 1 t\n")
    return tmp_path / "run.trec", tmp_path / "qrels.txt"


def test_a_run_is_scored(ragkit: Callable[..., Any], files: tuple[Path, Path], tmp_path: Path) -> None:
    run, qrels = files
    ran = ragkit("eval", "run", "--run", run, "--qrels", qrels, "--out", tmp_path / "out", "--measures", "RR@10,AP")
    assert ran.code == 0, ran.err
    assert "RR@10" in ran.out
    assert "1 judged queries have no results in the run and count 0." in ran.out
    assert ran.err.strip() == f"Written: {tmp_path / 'out' / 'report.html'}"


def test_json_is_what_metrics_json_holds(ragkit: Callable[..., Any], files: tuple[Path, Path], tmp_path: Path) -> None:
    run, qrels = files
    ran = ragkit("eval", "run", "--run", run, "--qrels", qrels, "--out", tmp_path / "out", "--json")
    assert ran.json == json.loads((tmp_path / "out" / "metrics.json").read_text())
    assert ran.json["measures"]["RR@10"]["value"] == 0.25
    assert ran.err == ""


def test_a_wrong_file_is_work_that_failed_and_a_wrong_measure_wrong_use(
    ragkit: Callable[..., Any], files: tuple[Path, Path], tmp_path: Path
) -> None:
    run, qrels = files
    ran = ragkit("eval", "run", "--run", run, "--qrels", tmp_path / "none", "--out", tmp_path / "out")
    assert (ran.code, ran.err.startswith("ragkit: ")) == (1, True)
    ran = ragkit("eval", "run", "--run", run, "--qrels", qrels, "--out", tmp_path / "out", "--measures", "best")
    assert ran.code == 2
    assert "'best' is no measure" in ran.err


def test_help_has_an_example(ragkit: Callable[..., Any]) -> None:
    for name in ("run", "retrieval", "rerank"):
        ran = ragkit("eval", name, "--help")
        assert f"Example: ragkit eval {name}" in ran.out


def test_commas_inside_brackets_belong_to_a_name() -> None:
    assert names_in("nDCG@10, P(rel=2,judged_only=True)@5,") == ["nDCG@10", "P(rel=2,judged_only=True)@5"]
    assert names_in(None) == []
