from __future__ import annotations

import collections
import math
import re
import string
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ragkit.evaluate.measures.exact import (
    BestThreshold,
    best_score,
    best_threshold,
    contains,
    exact_match,
    normalise,
    token_f1,
)

_TEXT = st.text(alphabet="aAtThHeE nN.,'-0é\t", max_size=20)
_ANSWERS = st.lists(_TEXT, max_size=3)


def official_words(text: str) -> list[str]:
    """Normalise step by step, written after the description of the official scripts and apart from the product."""
    kept = "".join(letter for letter in text.lower() if letter not in set(string.punctuation))
    return re.sub(r"\b(a|an|the)\b", " ", kept).split()


def official_f1(said: str, gold: str, *, version: str) -> float:
    """F1 of script 1.1 or 2.0 for one pair."""
    left, right = official_words(said), official_words(gold)
    if version == "2.0" and (not left or not right):
        return float(left == right)
    left_counts, right_counts = collections.Counter(left), collections.Counter(right)
    same = sum(min(count, right_counts[word]) for word, count in left_counts.items())
    if same == 0:
        return 0.0
    precision, recall = same / len(left), same / len(right)
    return 2 * precision * recall / (precision + recall)


def official_best(
    scores: Sequence[float], refusal: Sequence[float], there: Sequence[bool], said: Sequence[bool]
) -> tuple[float, float]:
    """Walk the questions one by one, as `find_best_thresh` describes it."""
    current = best = float(sum(not one for one in there))
    threshold = 0.0
    for place in sorted(range(len(scores)), key=lambda place: refusal[place]):
        current += scores[place] if there[place] else (-1 if said[place] else 0)
        if current > best:
            best, threshold = current, refusal[place]
    return best / len(scores), threshold


@pytest.mark.parametrize(
    ("said", "golds", "exact", "f1"),
    [
        ("The Denver Broncos.", ["Denver Broncos", "Broncos"], 1.0, 1.0),
        ("Santa Clara, California", ["Levi's Stadium in Santa Clara, California"], 0.0, 2 * (1.0 * 0.5) / 1.5),
        ("in the 10th century", ["10th century", "the first half of the 10th century"], 0.0, 0.8),
        ("gold", ["golden anniversary"], 0.0, 0.0),
        ("1976", ["1976"], 1.0, 1.0),
        ("", [], 1.0, 1.0),
        ("something", [], 0.0, 0.0),
        ("", ["something"], 0.0, 0.0),
        ("the", ["..."], 1.0, 1.0),  # nothing is left of either: script 2.0 takes it for a question without answer
        ("yes yes no", ["yes no"], 0.0, 0.8),
    ],
)  # fmt: skip
def test_exact_match_and_f1_by_hand(said: str, golds: list[str], exact: float, f1: float) -> None:
    assert exact_match(said, golds) == exact
    assert token_f1(said, golds) == pytest.approx(f1)


def test_normalising_drops_case_punctuation_articles_and_white_space() -> None:
    assert normalise(" The  cat's\n hat, an U.S. theme ") == "cats hat us theme"


@settings(max_examples=300, deadline=None)
@given(_TEXT, _ANSWERS)
def test_both_equal_a_second_implementation_of_script_2(said: str, golds: list[str]) -> None:
    kept = [gold for gold in golds if official_words(gold)] or [""]
    assert exact_match(said, golds) == max(float(official_words(said) == official_words(gold)) for gold in kept)
    assert token_f1(said, golds) == pytest.approx(max(official_f1(said, gold, version="2.0") for gold in kept))


@settings(max_examples=100, deadline=None)
@given(_TEXT, st.lists(_TEXT.filter(official_words), min_size=1, max_size=3))
def test_script_1_agrees_wherever_the_gold_answer_has_a_word(said: str, golds: list[str]) -> None:
    assert token_f1(said, golds) == pytest.approx(max(official_f1(said, gold, version="1.1") for gold in golds))


@settings(max_examples=100, deadline=None)
@given(_TEXT, _ANSWERS)
def test_scores_lie_between_0_and_1_and_more_references_never_hurt(said: str, golds: list[str]) -> None:
    assert 0 <= exact_match(said, golds) <= token_f1(said, golds) <= 1
    if any(map(official_words, golds)):
        assert token_f1(said, [*golds, "another hat"]) >= token_f1(said, golds)
    assert exact_match(said, golds) <= contains(said, golds)


def test_containment_is_a_substring_after_normalising() -> None:
    assert contains("It was the Denver, Broncos who won.", ["The Denver Broncos"]) == 1.0
    assert contains("A party.", ["art"]) == 1.0
    assert contains("A party.", ["arts"]) == 0.0
    assert contains("It is unknown.", []) == 0.0
    assert contains("", []) == 1.0


def test_the_best_threshold_by_hand() -> None:
    # Answerable right, answerable wrong, unanswerable answered, unanswerable refused.
    scores, refusal = [1.0, 0.0, 0.0, 1.0], [0.1, 0.2, 0.3, 0.9]
    there, said = [True, True, False, False], [True, True, True, False]
    # Refusing all gives 2 of 4; answering the first only gives 3 of 4.
    assert best_threshold(scores, refusal, answerable=there, answered=said) == BestThreshold(0.75, 0.1)


def test_refusing_everything_can_be_best() -> None:
    assert best_threshold([0.0], [0.4], answerable=[True], answered=[True]) == BestThreshold(0.0, 0.0)
    assert math.isnan(best_threshold([], [], answerable=[], answered=[]).score)


_QUESTIONS = st.lists(
    st.tuples(st.sampled_from([0.0, 0.25, 1.0]), st.sampled_from([0.1, 0.2, 0.5, 0.9]), st.booleans(), st.booleans()),
    min_size=1,
    max_size=12,
)


@settings(max_examples=100, deadline=None)
@given(_QUESTIONS)
def test_the_best_threshold_equals_a_walk_over_the_questions(rows: list[tuple[float, float, bool, bool]]) -> None:
    scores, refusal, there, said = map(list, zip(*rows, strict=True))
    found = best_threshold(scores, refusal, answerable=there, answered=said)
    assert (found.score, found.threshold) == pytest.approx(official_best(scores, refusal, there, said))  # type: ignore[arg-type]
    statistic = best_score(scores, refusal, answerable=there, answered=said)
    assert statistic(np.ones((2, len(rows)))) == pytest.approx([found.score] * 2)


def test_a_weight_of_two_is_the_row_twice() -> None:
    statistic = best_score(
        [1.0, 0.0, 0.0], [0.1, 0.2, 0.3], answerable=[True, False, True], answered=[True, True, True]
    )
    twice = best_score(
        [1.0, 0.0, 0.0, 0.0], [0.1, 0.2, 0.2, 0.3], answerable=[True, False, False, True], answered=[True] * 4
    )
    assert statistic(np.array([[1.0, 2.0, 1.0]])) == pytest.approx(twice(np.ones((1, 4))))
