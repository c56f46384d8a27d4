from __future__ import annotations

import math

import numpy as np
import pytest

from evals.extractive import Asked, Question, auroc, definitions, fit, holds_gold, interval, spread
from ragkit.answer.evidence import FEATURES


def test_auroc_is_the_share_of_pairs_in_order() -> None:
    assert auroc([0.9, 0.8], [0.1, 0.2]) == 1.0
    assert auroc([0.5], [0.5]) == 0.5
    assert auroc([0.9, 0.1], [0.5]) == 0.5


def test_an_interval_holds_its_mean_and_nothing_has_none() -> None:
    mean, low, high = interval([1.0, 0.0, 1.0, 1.0])
    assert mean == 0.75
    assert 0.0 <= low <= mean <= high <= 1.0
    assert all(math.isnan(value) for value in interval([]))


def test_gold_is_found_across_markers_and_line_wraps() -> None:
    assert holds_gold("The core turns\nhydrogen [1] into helium. [2]", ["turns hydrogen into helium"])
    assert not holds_gold("The core is hot. [1]", ["helium"])


def test_titles_become_definition_questions_where_the_first_sentence_defines() -> None:
    made = definitions({"Moon": "The Moon is a satellite. It is far.", "Notes": "Nothing here defines it."})
    assert made == [Question("What is Moon?", ("The Moon is a satellite.",), "Moon")]


def test_spread_takes_evenly() -> None:
    questions = [Question(str(number), (), "") for number in range(10)]
    assert [question.text for question in spread(questions, 3)] == ["0", "4", "9"]
    assert spread(questions, 99) == questions


def test_a_fit_finds_the_feature_that_tells() -> None:
    rng = np.random.default_rng(0)
    sample = []
    for _ in range(60):
        rows = rng.random((5, len(FEATURES)))
        gold = rows[:, 3] == rows[:, 3].max()
        sample.append(Asked(rows, gold & (rows[:, 3] > 0.6)))
    weights, _ = fit([sample])
    assert int(np.argmax(weights)) == 3
    assert weights[3] == pytest.approx(max(weights))
