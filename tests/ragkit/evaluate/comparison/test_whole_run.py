from __future__ import annotations

import numpy as np
import pytest
import sacrebleu
from sklearn.metrics import (
    average_precision_score,
    balanced_accuracy_score,
    f1_score,
    matthews_corrcoef,
    precision_score,
    recall_score,
    roc_auc_score,
)

from ragkit.evaluate.comparison.whole_run import made_of, statistic_of
from ragkit.evaluate.measures.abstention import abstain_f1, aurc, coverage_at_risk, excess_aurc
from ragkit.evaluate.measures.calibration import calibration_error
from ragkit.evaluate.outcome import Row
from ragkit.evaluate.statistics.estimate import Statistic

RANDOM = np.random.default_rng(3)
LABELS = RANDOM.random(60) < 0.4
SCORES = np.round(0.3 * LABELS + RANDOM.random(60), 1)
PREDICTED = SCORES > 0.7
DETECTED = [
    Row(id=str(place), outcomes={}, details={"label": bool(label), "score": float(score), "predicted": bool(said)})
    for place, (label, score, said) in enumerate(zip(LABELS, SCORES, PREDICTED, strict=True))
]
GOLD = RANDOM.choice(["Business", "Sport", "World"], 60)
SAID = np.where(RANDOM.random(60) < 0.6, GOLD, "World")
SORTED = [
    Row(id=str(place), outcomes={}, details={"gold": str(gold), "said": str(said)})
    for place, (gold, said) in enumerate(zip(GOLD, SAID, strict=True))
]


def value(measure: str, rows: list[Row]) -> float:
    made = made_of(measure, rows)
    assert made is not None
    return float(statistic_of(measure, made, rows)(np.ones((1, len(rows))))[0])


@pytest.mark.parametrize(
    ("measure", "oracle"),
    [
        ("f1", f1_score(LABELS, PREDICTED)),
        ("precision", precision_score(LABELS, PREDICTED)),
        ("recall", recall_score(LABELS, PREDICTED)),
        ("balanced_accuracy", balanced_accuracy_score(LABELS, PREDICTED)),
        ("auroc", roc_auc_score(LABELS, SCORES)),
        ("average_precision", average_precision_score(LABELS, SCORES)),
    ],
)
def test_detection_equals_scikit_learn(measure: str, oracle: float) -> None:
    assert value(measure, DETECTED) == pytest.approx(oracle)


@pytest.mark.parametrize(
    ("measure", "oracle"),
    [
        ("macro_f1", f1_score(GOLD, SAID, average="macro")),
        ("balanced_accuracy", balanced_accuracy_score(GOLD, SAID)),
        ("matthews", matthews_corrcoef(GOLD, SAID)),
        ("f1:Sport", f1_score(GOLD, SAID, average=None)[1]),
    ],
)
def test_classification_equals_scikit_learn(measure: str, oracle: float) -> None:
    assert value(measure, SORTED) == pytest.approx(oracle)


def test_a_draw_is_a_sample_of_rows() -> None:
    weights = np.zeros((1, 60))
    weights[0, :20] = 3.0
    made = made_of("f1", DETECTED)
    assert made is not None
    assert statistic_of("f1", made, DETECTED)(weights)[0] == pytest.approx(f1_score(LABELS[:20], PREDICTED[:20]))


@pytest.mark.parametrize("measure", ["BLEU", "f1_surface", "nDCG@10"])
def test_other_measures_are_not_known(measure: str) -> None:
    assert made_of(measure, DETECTED) is None


def test_rows_that_hold_nothing_give_no_measure() -> None:
    assert made_of("f1", [Row(id="1", outcomes={}, details={"label": True, "predicted": None})]) is None


RIGHT = RANDOM.random(60) < SCORES.clip(0, 1)
ANSWERED = [
    Row(
        id=str(place),
        outcomes={},
        details={
            "label": bool(label),
            "score": min(float(score), 1.0),
            "right_if_answered": float(right),
            "abstained": bool(no),
        },
    )
    for place, (label, score, right, no) in enumerate(zip(LABELS, SCORES, RIGHT, ~PREDICTED, strict=True))
]
SURE = SCORES.clip(0, 1).tolist()


@pytest.mark.parametrize(
    ("measure", "oracle"),
    [
        ("aurc", aurc(SURE, (~RIGHT).astype(float).tolist())),
        ("excess_aurc", excess_aurc(SURE, (~RIGHT).astype(float).tolist())),
        ("coverage@risk=0.05", coverage_at_risk(SURE, (~RIGHT).astype(float).tolist(), most=0.05)),
        ("ece_10", calibration_error(SURE, RIGHT.astype(float).tolist(), bins=10)),
        ("ece_15_equal_mass", calibration_error(SURE, RIGHT.astype(float).tolist(), bins=15, equal_mass=True)),
        ("abstain_f1", abstain_f1((~PREDICTED).tolist(), LABELS.tolist())),
    ],
)
def test_answers_are_as_their_own_evaluation_computes_them(measure: str, oracle: Statistic) -> None:
    assert value(measure, ANSWERED) == float(oracle(np.ones((1, 60)))[0])


TEXTS = [
    Row(id="1", outcomes={}, details={"gold": "the cat sat on the mat", "said": "the cat sat on a mat"}),
    Row(id="2", outcomes={}, details={"gold": "a dog barks at night", "said": "dogs bark at night"}),
]


def test_translation_equals_sacrebleu() -> None:
    said, gold = [row.details["said"] for row in TEXTS], [[row.details["gold"] for row in TEXTS]]
    assert value("corpus_BLEU", TEXTS) == pytest.approx(sacrebleu.corpus_bleu(said, gold).score / 100)
    assert value("corpus_chrF", TEXTS) == pytest.approx(sacrebleu.corpus_chrf(said, gold).score / 100)


def test_entities_are_counted_as_wholes() -> None:
    rows = [
        Row(id="1", outcomes={}, details={"gold": [[0, 2, "person"]], "said": [[0, 2, "person"], [3, 4, "group"]]}),
        Row(id="2", outcomes={}, details={"gold": [[1, 2, "group"]], "said": [[1, 2, "person"]]}),
    ]
    assert [value(measure, rows) for measure in ("precision", "recall", "f1")] == pytest.approx([1 / 3, 1 / 2, 2 / 5])


def test_marked_characters_are_counted_over_all_rows() -> None:
    rows = [Row(id=str(n), outcomes={}, details={"span_characters": n}) for n in ([2, 4, 6], [0, 0, 0], [3, 3, 5])]
    assert value("span_f1", rows) == pytest.approx(2 * 5 / (7 + 11))


def test_a_refusal_that_kept_nothing_back_counts_to_what_was_answered_by_the_other() -> None:
    details = {"label": True, "abstained": True, "right_if_answered": None}
    rows = [
        Row(id="1", outcomes={"correct": 1.0}, details={**details, "abstained": False}),
        Row(id="2", outcomes={"correct": 0.0}, details=details),
        Row(id="3", outcomes={"correct": 0.0}, details={**details, "abstained": False, "label": False}),
    ]
    assert value("accuracy_given_answered", rows) == 0.5
    assert value("HasAns_correct_given_answered", rows) == 1.0
    assert value("abstain_precision", rows) == 0.0
