from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from evals.statistics import Finding, gains, main, reciprocal_ranks, switched, tilted
from ragkit.evaluate.statistics.power import detectable_effect

GAP = np.array([0.0, 0.0, 0.0, 0.5, -0.2, 1.0, -1.0, 0.3])


def test_queries_are_weighted_to_the_mean_that_is_wanted() -> None:
    weights = tilted(GAP, lambda _: 0.0)
    assert weights is not None
    assert weights.sum() == pytest.approx(1)
    assert weights @ GAP == pytest.approx(0, abs=1e-9)
    assert weights[0] == weights[1] == weights[2]


def test_the_mean_wanted_may_follow_from_the_spread() -> None:
    weights = tilted(GAP, lambda spread: detectable_effect(spread, 100))
    assert weights is not None
    mean = weights @ GAP
    spread = float(np.sqrt(weights @ (GAP - mean) ** 2))
    assert mean == pytest.approx(detectable_effect(spread, 100), abs=1e-6)


def test_a_mean_beyond_every_query_is_not_reached() -> None:
    assert tilted(GAP, lambda _: 2.0) is None


def test_a_negative_coin_swaps_the_systems() -> None:
    samples = np.array([[[0.1, 0.2], [0.3, 0.4]]])
    assert switched(samples, np.array([[1.0, -1.0]])).tolist() == [[[0.1, 0.2], [0.4, 0.3]]]


def test_a_finding_says_whether_it_is_where_it_was_to_be() -> None:
    within = Finding("interval", "SciFact nDCG@10", 200, 0.96, 400, 0.95, (0.935, 0.965))
    assert str(within) == "interval             SciFact nDCG@10          200    96.00 ± 0.98    95 %   ok"
    assert not Finding("p", "x", 200, 0.061, 400, 0.05, (0.04, 0.06)).holds
    assert Finding("p", "x", 25, 0.5, 400, 0.05).holds


def test_grades_become_gains_and_reciprocal_ranks() -> None:
    grades = np.array([[[0.0, 3.0], [2.0, 0.0]]])
    assert gains(grades) == pytest.approx(np.array([[2 / np.log2(3), 3.0]]))
    assert reciprocal_ranks(grades).tolist() == [[0.5, 1.0]]


def test_without_data_the_made_up_scores_are_simulated(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["--data", str(tmp_path), "--repeats", "16", "--sizes", "25"]) == 0
    out, err = capsys.readouterr()
    assert "made up: times" in out
    assert "prediction-powered" in out
    assert "scifact is missing: its populations are left out" in err
