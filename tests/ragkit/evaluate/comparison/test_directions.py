from __future__ import annotations

import pytest

from ragkit.evaluate.comparison.directions import has_direction, higher_is_better


@pytest.mark.parametrize(
    "measure",
    [
        "nDCG@10",
        "RR(rel=2)@10",
        "R@1000",
        "f1:World",
        "macro_f1",
        "chrF",
        "chrF++",
        "BLEU",
        "exact",
        "faithfulness",
        "coverage@risk=0.05",
        "coverage_at_risk",
        "noise_robustness",
        "error_detection",
        "error_correction",
        "accuracy_given_answered",
        "citation_recall",
        "HasAns_answered",
        "reciprocal_rank",
        "right_change",
        "right@0.8-right@0",
        "token_f1",
        "matthews",
        "auroc",
    ],
)
def test_more_is_better(measure: str) -> None:
    assert has_direction(measure)
    assert higher_is_better(measure)


@pytest.mark.parametrize(
    "measure",
    [
        "aurc",
        "excess_aurc",
        "ece",
        "ece@15",
        "calibration_error",
        "brier",
        "log_loss",
        "perplexity",
        "latency_ms",
        "seconds",
        "TER",
        "noise_sensitivity",
        "hallucination_rate",
        "flip_rate",
        "risk@0.5",
        "misled",
        "name: support_range",
        "name: flip",
    ],
)
def test_less_is_better(measure: str) -> None:
    assert has_direction(measure)
    assert not higher_is_better(measure)


@pytest.mark.parametrize(
    "measure", ["abstained", "answered@0.2", "declined", "Judged@10", "prevalence", "name/first: support_gap"]
)
def test_neither_more_nor_less_is_better(measure: str) -> None:
    assert not has_direction(measure)
