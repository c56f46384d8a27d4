from __future__ import annotations

import pytest

from ragkit.evaluate.comparison.directions import higher_is_better


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
        "Judged@10",
        "coverage@risk=0.05",
        "coverage_at_risk",
        "noise_robustness",
        "error_detection",
        "error_correction",
        "accuracy_given_answered",
        "citation_recall",
        "answer_rate",
        "token_f1",
        "matthews",
        "auroc",
    ],
)
def test_more_is_better(measure: str) -> None:
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
    ],
)
def test_less_is_better(measure: str) -> None:
    assert not higher_is_better(measure)
