from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ragkit.errors import InputError
from ragkit.evaluate.robustness.perturb import PERTURBATIONS, neighbours_of, perturb

QUESTION = "Which player scored the most points in the final game of the season?"
questions = st.text(alphabet="abcdeABZ üß19 .?'", max_size=60)


def differing(one: str, other: str) -> int:
    return sum(left != right for left, right in zip(one, other, strict=True))


def test_swapped_letters_are_the_same_letters() -> None:
    variant = perturb(QUESTION, "letters swapped")
    assert variant != QUESTION
    assert Counter(variant) == Counter(QUESTION)
    assert differing(variant, QUESTION) == 4  # 13 words: two typos


def test_a_slip_hits_the_key_beside() -> None:
    variant = perturb(QUESTION, "key beside")
    slips = [(right, hit) for right, hit in zip(QUESTION, variant, strict=True) if right != hit]
    assert len(slips) == 2
    assert all(hit in neighbours_of(right) for right, hit in slips)


def test_letters_go_missing() -> None:
    assert len(perturb(QUESTION, "letter missing")) == len(QUESTION) - 2


@pytest.mark.parametrize(
    ("kind", "variant"),
    [
        ("lower case", "who wrote faust?"),
        ("upper case", "WHO WROTE FAUST?"),
        ("no punctuation", "Who wrote Faust"),
        ("more punctuation", "Who wrote Faust???"),
    ],
)
def test_case_and_punctuation_change(kind: str, variant: str) -> None:
    assert perturb("Who wrote Faust?", kind) == variant


def test_a_frame_leaves_the_words_in_order() -> None:
    assert {QUESTION in perturb(QUESTION, "framed", seed=seed) for seed in range(5)} == {True}
    assert len({perturb(QUESTION, "framed", seed=seed) for seed in range(9)}) > 1


@given(questions, st.sampled_from(sorted(PERTURBATIONS)), st.integers(0, 3))
@settings(max_examples=100, deadline=None)
def test_any_text_is_written_otherwise_in_one_way(question: str, kind: str, seed: int) -> None:
    assert perturb(question, kind, seed=seed) == perturb(question, kind, seed=seed)


@pytest.mark.parametrize("kind", ["letters swapped", "key beside", "letter missing"])
def test_short_words_are_left_as_they_are(kind: str) -> None:
    assert perturb("Who is he?", kind) == "Who is he?"


def test_words_that_cannot_be_mistyped_stay() -> None:
    assert perturb("aaaa", "letters swapped") == "aaaa"
    assert perturb("üüüü", "key beside") == "üüüü"


def test_an_unknown_perturbation_is_named() -> None:
    with pytest.raises(InputError, match="no perturbation 'shouted': known are letters swapped"):
        perturb("Who?", "shouted")
