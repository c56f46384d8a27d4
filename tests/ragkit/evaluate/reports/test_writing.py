from __future__ import annotations

import math
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ragkit.evaluate.reports.content import Cell, Interval
from ragkit.evaluate.reports.writing import count, is_numeric, number, share, signed, span, visible, written


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.64512, "0.6451"),
        (0.0, "0.0000"),
        (-0.0, "0.0000"),
        (0.00004, "< 0.0001"),
        (0.00005, "0.0001"),
        (-0.00004, "0.0000"),
        (-0.5, "−0.5000"),
        (1234567.0, "1,234,567.0000"),
        (math.nan, "–"),
        (math.inf, "∞"),
        (-math.inf, "−∞"),
    ],
)
def test_a_number_has_four_decimals(value: float, text: str) -> None:
    assert number(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.01234, "+0.0123"), (-0.01234, "−0.0123"), (0.00004, "0.0000"), (-0.00004, "0.0000"), (math.nan, "–")],
)
def test_a_difference_has_a_sign_unless_it_rounds_to_zero(value: float, text: str) -> None:
    assert signed(value) == text


@pytest.mark.parametrize(
    ("fraction", "text"),
    [
        (1.0, "100 %"),
        (0.0, "0 %"),
        (0.9994, "99.9 %"),
        (0.9999, "> 99.9 %"),
        (0.0004, "< 0.1 %"),
        (0.0006, "0.1 %"),
        (2 / 3, "66.7 %"),
        (math.nan, "–"),
    ],
)
def test_only_all_is_a_hundred_percent(fraction: float, text: str) -> None:
    assert share(fraction) == text


def test_counts_have_thousands_apart() -> None:
    assert (count(8841823), count(-1000), count(0)) == ("8,841,823", "−1,000", "0")


@pytest.mark.parametrize(
    ("cell", "text", "numeric"),
    [
        ("nDCG@10", "nDCG@10", False),
        ("66.7 %", "66.7 %", True),
        ("< 0.0001", "< 0.0001", True),
        ("−0.5", "−0.5", True),
        ("3 of 5", "3 of 5", False),
        ("", "", True),
        (300, "300", True),
        (True, "yes", False),
        (False, "no", False),
        (0.5, "0.5000", True),
        (None, "–", True),
        (Interval(0.5, 0.25, 0.75), "0.5000 [0.2500 to 0.7500]", True),
        (Interval(0.5, -0.25, 0.75, signed=True), "+0.5000 [−0.2500 to +0.7500]", True),
        (Interval(0.5, math.nan, math.nan), "0.5000", True),
    ],
)
def test_cells_are_written_in_one_piece(cell: Cell, text: str, numeric: bool) -> None:
    assert (written(cell), is_numeric(cell)) == (text, numeric)


def test_an_interval_with_one_end_has_no_ends() -> None:
    assert span(Interval(0.5, math.nan, 0.75)) == ""


def test_controls_are_shown_and_letters_of_all_scripts_are_kept() -> None:
    assert visible("a\x00\x1b\x7f\x85\u202e\ud800b") == "a␀␛␡���b"
    assert visible("tab\tline\nمرحبا 👩‍👩‍👧‍👦 é") == "tab\tline\nمرحبا 👩‍👩‍👧‍👦 é"


@given(st.text(st.characters()))
@settings(max_examples=50, deadline=None)
def test_what_is_visible_can_be_encoded_and_holds_no_control(text: str) -> None:
    shown = visible(text)
    assert len(shown) == len(text)
    shown.encode()
    assert all(unicodedata.category(letter) != "Cc" or letter in "\t\n" for letter in shown)
