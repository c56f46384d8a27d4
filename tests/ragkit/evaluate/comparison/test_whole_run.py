from __future__ import annotations

from dataclasses import replace

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

from ragkit.evaluate.comparison.whole_run import made_of, may_swap, pooled_statistics_of, statistics_of
from ragkit.evaluate.measures.abstention import abstain_f1, aurc, coverage_at_risk, excess_aurc
from ragkit.evaluate.measures.calibration import calibration_error
from ragkit.evaluate.outcome import Row
from ragkit.evaluate.statistics.estimate import Statistic
from ragkit.evaluate.statistics.paired import compare_statistics

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
    return float(statistics_of([measure], made, rows)(np.ones((1, len(rows))))[0, 0])


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
    assert statistics_of(["f1"], made, DETECTED)(weights)[0, 0] == pytest.approx(f1_score(LABELS[:20], PREDICTED[:20]))


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


ENTITIES = [
    Row(id="1", outcomes={}, details={"gold": [[0, 2, "person"]], "said": [[0, 2, "person"], [3, 4, "group"]]}),
    Row(id="2", outcomes={}, details={"gold": [[1, 2, "group"]], "said": [[1, 2, "person"]]}),
]
MARKED = [Row(id=str(n), outcomes={}, details={"span_characters": n}) for n in ([2, 4, 6], [0, 0, 0], [3, 3, 5])]


@pytest.mark.parametrize(
    ("measures", "rows"),
    [
        (["f1", "precision", "recall"], DETECTED),
        (["auroc", "average_precision"], DETECTED),
        (["f1:World", "matthews", "f1:Sport", "macro_f1", "balanced_accuracy"], SORTED),
        (["corpus_BLEU", "corpus_chrF"], TEXTS),
        (["recall", "precision", "f1"], ENTITIES),
        (["span_f1"], MARKED),
        (["aurc", "excess_aurc", "coverage@risk=0.05"], ANSWERED),
    ],
)
def test_what_is_swapped_is_either_run_while_nothing_is(measures: list[str], rows: list[Row]) -> None:
    made, n = made_of(measures[0], rows), len(rows)
    assert made is not None
    other = [*rows[1:], rows[1]]
    pooled = pooled_statistics_of(measures, made, rows, other)
    kept = np.repeat([[1.0, 0.0]], n).reshape(1, 2 * n)
    assert pooled(kept)[0] == pytest.approx([value(measure, rows) for measure in measures])
    assert pooled(1 - kept)[0] == pytest.approx([value(measure, other) for measure in measures])


def test_scores_are_swapped_as_ranks_so_that_their_scale_is_nothing() -> None:
    other = [replace(row, details=row.details | {"score": row.details["score"] ** 3 * 100}) for row in DETECTED]
    weights = np.random.default_rng(4).integers(0, 2, (5, 60)).astype(float)
    both = np.hstack([weights, 1 - weights])
    same, scaled = (pooled_statistics_of(["auroc"], ("label", "score"), DETECTED, rows) for rows in (DETECTED, other))
    assert scaled(both) == pytest.approx(same(both))
    assert scaled(both) == pytest.approx(np.full((5, 1), value("auroc", DETECTED)))


def test_only_calibration_cannot_be_swapped() -> None:
    names = ["ece_10", "ece_15_equal_mass", "auroc", "aurc", "macro_f1", "f1:ece_10", "corpus_BLEU"]
    assert [name for name in names if not may_swap(name)] == ["ece_10", "ece_15_equal_mass"]


def test_a_label_that_no_row_has_is_nothing() -> None:
    found = statistics_of(["f1:Sport", "f1:Weather", "macro_f1"], ("gold", "said"), SORTED)(np.ones((2, 60)))
    assert found.shape == (2, 3)
    assert np.isnan(found).tolist() == [[False, True, False]] * 2


def classified(random: np.random.Generator, gold: np.ndarray, classes: int) -> list[Row]:
    said = np.where(random.random(len(gold)) < 0.7, gold, random.integers(0, classes, len(gold)))
    sides = zip(gold.tolist(), said.tolist(), strict=True)
    return [Row(id=str(i), outcomes={}, details={"gold": str(a), "said": str(b)}) for i, (a, b) in enumerate(sides)]


def test_two_systems_that_are_the_same_are_called_different_in_no_more_than_1_of_20() -> None:
    made, names, claims, repeats = ("gold", "said"), ["macro_f1"], 0, 200
    for seed in range(repeats):
        random = np.random.default_rng([3, seed])
        gold = random.integers(0, 77, 60)
        sides = [classified(random, gold, 77) for _ in range(2)]
        ours, theirs = (statistics_of(names, made, rows) for rows in sides)
        pooled = pooled_statistics_of(names, made, *sides)
        (found,) = compare_statistics(ours, theirs, 60, pooled=pooled, draws=99, seed=seed)
        claims += found.p <= 0.05
    assert claims / repeats <= 0.05 + 2 * (0.05 * 0.95 / repeats) ** 0.5  # the shifted bootstrap: 0.13
