from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ragkit.evaluate.robustness.counterfactual import answer_form, false_answer, replaced

OTHERS = [
    ("Who taught?", "Ada King"),
    ("Who sang?", "Mary Clark"),
    ("Where is it?", "New York"),
    ("Who ran?", "two friends"),
]


@pytest.mark.parametrize(
    ("answer", "form"),
    [
        ("25 minutes", "number"),
        ("1,066", "number"),
        ("Denver Broncos", "name"),
        ("University of Chicago", "name"),
        ("by plane", "other"),
        ("The end of it", "other"),
        ("", "other"),
    ],
)
def test_the_form_of_an_answer_is_told(answer: str, form: str) -> None:
    assert answer_form(answer) == form


@given(st.integers(0, 10**6), st.integers(0, 5))
@settings(max_examples=50, deadline=None)
def test_another_number_is_as_long_and_never_the_same(number: int, seed: int) -> None:
    false = false_answer("How many?", f"about {number} men", [], seed=seed)
    assert false is not None
    found = re.fullmatch(r"about (\d+) men", false)
    assert found is not None
    assert found.group(1) != str(number)
    assert len(found.group(1)) == len(str(number))


def test_a_year_stays_in_its_century() -> None:
    false = false_answer("When?", "1969", [])
    assert false is not None
    assert false[:2] == "19"


def test_another_name_answers_a_question_of_the_same_kind() -> None:
    assert false_answer("Who wrote it?", "Ada Lovelace", OTHERS) == "Mary Clark"
    assert false_answer("Where was he?", "Paris", OTHERS) == "New York"


def test_what_is_neither_number_nor_name_has_no_counterpart() -> None:
    assert false_answer("How?", "by plane", OTHERS) is None
    assert false_answer("Why is it?", "Ada", OTHERS) is None


def test_aliases_are_replaced_as_whole_words_the_longest_first() -> None:
    assert replaced("Art in a party of ART.", ["art"], "music") == "music in a party of music."
    assert replaced("In July 1969, not 1969a.", ["1969", "July 1969"], "1972") == "In 1972, not 1969a."
    assert replaced("nothing", ["", " "], "x") == "nothing"
