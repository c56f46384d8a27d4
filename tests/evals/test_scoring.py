from __future__ import annotations

from pathlib import Path

import pytest

from evals.scoring import largest_gap, made_up, main
from ragkit.evaluate.retrieval.scored import evaluate_run

QRELS = {str(query): {f"{query}000001": 1} for query in range(40)}


def test_the_made_up_run_is_always_the_same_and_finds_about_two_thirds() -> None:
    run = dict(made_up(QRELS, depth=20))
    assert run == dict(made_up(QRELS, depth=20))
    assert all(len(set(documents)) == len(documents) for documents in run.values())
    assert 15 < sum(next(iter(QRELS[query])) in documents for query, documents in run.items()) < 38


def test_values_are_compared_with_ir_measures(tmp_path: Path) -> None:
    qrels, run = tmp_path / "qrels.txt", tmp_path / "run.trec"
    qrels.write_text("q1 0 a 1\nq2 0 b 1\n")
    run.write_text("q1 Q0 b 1 2 t\nq1 Q0 a 2 1 t\n")
    evaluate_run(run, qrels, tmp_path / "out")
    rows = tmp_path / "out" / "per_query.jsonl"
    assert largest_gap(run, qrels, rows, queries=2) == 0.0
    rows.write_text(rows.read_text().replace('"RR@10":0.5', '"RR@10":0.25').replace('"RR@10": 0.5', '"RR@10": 0.25'))
    assert largest_gap(run, qrels, rows, queries=2) == 0.25


def test_a_small_run_is_measured(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--data", str(data), "--depth", "3", "--compared", "20"]) in {0, 1}  # a slow machine may miss the bar
    assert "largest difference to ir_measures over 20 queries: 0.00e+00" in capsys.readouterr().out
