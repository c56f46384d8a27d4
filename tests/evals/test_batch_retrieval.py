from __future__ import annotations

import pytest

from evals.batch_retrieval import table
from evals.benchmarks.measure import Outcome


def side(rate: float, found: list[list[str]]) -> list[Outcome]:
    numbers = {f"{mode}_{what}": rate for mode in ("bm25", "dense", "hybrid") for what in ("rate", "cpu")}
    return [Outcome(numbers=numbers, found=found, versions={"rank-bm25": "1"})]


def test_ratios_are_of_the_median_rates_and_agreement_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    ratios = table({"ragkit": side(500, [["a", "b"]]), "LangChain": side(20, [["b", "c"]])})
    assert ratios == {"bm25": 25.0, "dense": 25.0, "hybrid": 25.0}
    assert "agreement of the ten nearest: 0.5000" in capsys.readouterr().out
