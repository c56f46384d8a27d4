from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from ragkit.errors import InputError
from ragkit.evaluate.measures.classification import ClassScores, Decisions

GOLD = ["cat", "cat", "dog", "dog", "dog", "emu"]
SAID = ["cat", "dog", "dog", "dog", "cat", "cat"]

labelled = st.lists(st.tuples(st.sampled_from("abcd"), st.sampled_from("abcd")), min_size=1, max_size=40)


def test_every_measure_equals_a_hand_calculation() -> None:
    counts = Decisions.of(GOLD, SAID).counts()
    assert counts.accuracy().tolist() == [0.5]
    assert counts.f1()[0].tolist() == pytest.approx([2 / 5, 4 / 6, 0.0])
    assert counts.macro_f1()[0] == pytest.approx((2 / 5 + 4 / 6) / 3)
    assert counts.balanced_accuracy()[0] == pytest.approx((1 / 2 + 2 / 3) / 3)
    assert counts.micro_f1([0, 1])[0] == pytest.approx(2 * 3 / (6 + 5))


def test_scores_by_class_say_what_is_not_known() -> None:
    scores = Decisions.of(GOLD, SAID).by_class()
    assert scores["cat"] == ClassScores(precision=1 / 3, recall=1 / 2, f1=2 / 5, gold=2, predicted=3)
    assert math.isnan(scores["emu"].precision)
    assert scores["emu"].recall == 0.0


def test_the_confusion_table_has_gold_in_its_lines() -> None:
    decisions = Decisions.of(GOLD, SAID)
    assert decisions.labels == ("cat", "dog", "emu")
    assert decisions.confusion().tolist() == [[1, 1, 0], [1, 2, 0], [1, 0, 0]]


@given(labelled)
@settings(max_examples=50, deadline=None)
def test_measures_equal_scikit_learn(pairs: list[tuple[str, str]]) -> None:
    gold, said = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    counts = Decisions.of(gold, said).counts()
    assert counts.accuracy()[0] == pytest.approx(sk.accuracy_score(gold, said))
    assert counts.macro_f1()[0] == pytest.approx(sk.f1_score(gold, said, average="macro", zero_division=0))
    if len({*gold, *said}) > 1:
        assert counts.matthews()[0] == pytest.approx(sk.matthews_corrcoef(gold, said), abs=1e-12)


@given(labelled, st.randoms(use_true_random=False))
@settings(max_examples=50, deadline=None)
def test_a_weight_counts_a_row_that_often(pairs: list[tuple[str, str]], random: object) -> None:
    gold, said = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    picks = np.random.default_rng(len(pairs)).integers(0, len(pairs), (3, len(pairs)))
    weights = np.stack([np.bincount(row, minlength=len(pairs)) for row in picks]).astype(float)
    counts = Decisions.of(gold, said).counts(weights)
    for draw, row in enumerate(picks):
        drawn = ([gold[place] for place in row], [said[place] for place in row])
        assert counts.macro_f1()[draw] == pytest.approx(sk.f1_score(*drawn, average="macro", zero_division=0))
        assert counts.accuracy()[draw] == pytest.approx(sk.accuracy_score(*drawn))


@given(labelled)
@settings(max_examples=50, deadline=None)
def test_renaming_classes_changes_nothing(pairs: list[tuple[str, str]]) -> None:
    names = {"a": "z", "b": "m", "c": "k", "d": "a"}
    before = Decisions.of([gold for gold, _ in pairs], [said for _, said in pairs]).counts()
    after = Decisions.of([names[gold] for gold, _ in pairs], [names[said] for _, said in pairs]).counts()
    assert after.macro_f1()[0] == pytest.approx(before.macro_f1()[0])
    assert after.matthews()[0] == pytest.approx(before.matthews()[0])


def test_saying_one_class_always_has_no_correlation() -> None:
    assert Decisions.of(["a", "b"], ["a", "a"]).counts().matthews().tolist() == [0.0]


def test_no_rows_have_no_measure() -> None:
    counts = Decisions.of([], []).counts()
    assert all(math.isnan(values[0]) for values in (counts.accuracy(), counts.macro_f1(), counts.matthews()))


def test_labels_must_come_in_pairs() -> None:
    with pytest.raises(InputError, match="got 1 gold labels and 2 predicted ones"):
        Decisions.of(["a"], ["a", "b"])


def test_an_unknown_label_is_named() -> None:
    decisions = Decisions.of(["a"], ["b"])
    assert decisions.column("b") == 1
    with pytest.raises(InputError, match="no label 'c': the labels are a, b"):
        decisions.column("c")
