from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from sklearn import metrics

from ragkit.evaluate.data.groundedness import GroundednessRow
from ragkit.evaluate.groundedness.totals import MEASURES, detection_estimates
from ragkit.evaluate.judge import Claim
from ragkit.evaluate.judges.responses import judge_responses
from ragkit.evaluate.outcome import Outcome


class Told:
    """A judge that reads its verdict off the claim."""

    card: Mapping[str, Any] = {"judge": "told"}

    def judge(self, claims: Sequence[Claim]) -> list[Outcome]:
        return [float(claim.claim.split()[1]) for claim in claims]


def _rows(supports: Sequence[tuple[float, bool]]) -> list[GroundednessRow]:
    return [
        GroundednessRow(str(number), "", "Context.", f"says {support} {number}", supported)
        for number, (support, supported) in enumerate(supports)
    ]


_LABELLED = _rows([(0.9, True), (0.8, True), (0.3, True), (0.7, False), (0.2, False), (0.1, False)] * 5)


def test_measures_equal_scikit_learn() -> None:
    rows = judge_responses(_LABELLED, Told(), threshold=0.5)
    found = detection_estimates(rows, draws=200)
    truth = [row.details["label"] for row in rows]
    calls = [row.details["predicted"] for row in rows]
    scores = [row.details["score"] for row in rows]
    assert {name: found[name].value for name in list(found)[:6]} == pytest.approx(
        {
            "f1": metrics.f1_score(truth, calls),
            "precision": metrics.precision_score(truth, calls),
            "recall": metrics.recall_score(truth, calls),
            "balanced_accuracy": metrics.balanced_accuracy_score(truth, calls),
            "auroc": metrics.roc_auc_score(truth, scores),
            "average_precision": metrics.average_precision_score(truth, scores),
        }
    )
    assert found["prevalence"].value == 0.5
    assert found["support"].value == pytest.approx(0.5)


def test_every_measure_has_an_interval_around_it() -> None:
    found = detection_estimates(judge_responses(_LABELLED, Told(), threshold=0.5), draws=500)
    assert all(estimate.low <= estimate.value <= estimate.high for estimate in found.values())
    assert "span_f1" not in found


def test_span_f1_stands_where_people_marked_characters() -> None:
    marked = GroundednessRow("a", "", "Context.", "says 0.1 so", False, ((0, 4),))
    found = detection_estimates(judge_responses([marked, *_LABELLED], Told(), threshold=0.5), draws=200)
    both, predicted = 4, 11 + sum(len(row.response) for row in _LABELLED if row.supported and "0.3" in row.response)
    assert found["span_f1"].value == pytest.approx(2 * both / (predicted + 4))


def test_a_recall_of_one_is_not_taken_for_certain() -> None:
    found = detection_estimates(judge_responses(_rows([(0.1, False)] * 10 + [(0.9, True)] * 10), Told(), threshold=0.5))
    assert found["recall"].value == found["precision"].value == 1.0
    assert found["recall"].low == found["precision"].low == pytest.approx(10 / (10 + 1.959964**2), abs=1e-6)  # Wilson
    assert found["recall"].high == 1.0
    assert tuple(found) == tuple(name for name in MEASURES if name != "span_f1")
