from __future__ import annotations

import numpy as np
import pytest

from evals.extractive import Asked, Question, definitions, fit, holds_gold, spread
from ragkit.answer.evidence import FEATURES


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
