from __future__ import annotations

import pytest

from evals.batch_retrieval import table
from evals.benchmarks.measure import Outcome


def side(rate: float, found: list[list[str]]) -> list[Outcome]:
    numbers = {f"{mode}_{what}": rate for mode in ("bm25", "dense", "hybrid") for what in ("rate", "cpu")}
    numbers["encoding_rate"] = 2 * rate
    return [Outcome(numbers=numbers, found=found, versions={"rank-bm25": "1"})]


def test_ratios_are_of_the_median_rates_and_agreement_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    ratios = table({"ragkit": side(500, [["a", "b"]]), "LangChain": side(20, [["b", "c"]])})
    assert ratios == {"bm25": 25.0, "dense": 25.0, "hybrid": 25.0}
    said = capsys.readouterr().out
    assert "agreement of the ten nearest: 0.5000" in said
    assert "embedding the queries alone, no search: 1,000/s, 50.0 times LangChain's dense answers" in said
    assert "below the bar" not in said


def test_modes_below_the_bar_are_named(capsys: pytest.CaptureFixture[str]) -> None:
    slow = side(500, [["a"]])
    slow[0].numbers["dense_rate"] = 399
    assert table({"ragkit": slow, "LangChain": side(20, [["a"]])})["dense"] == 19.95
    assert [line for line in capsys.readouterr().out.splitlines() if "bar" in line] == [
        "dense is below the bar of 20 times"
    ]
