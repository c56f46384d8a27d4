from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ragkit.errors import InputError
from ragkit.evaluate.optimise.split import Split, split_rows
from ragkit.prompts.examples import Example


def rows(count: int, labels: tuple[str, ...] = ("yes", "no")) -> list[Example]:
    return [Example(f"text {place}", labels[place % len(labels)], id=str(place)) for place in range(count)]


def test_each_label_is_dealt_out_in_the_same_shares() -> None:
    split = split_rows(rows(100), shares=(0.5, 0.3, 0.2))
    parts = (split.pool, split.search, split.held_out)
    assert [Counter(row.output for row in part) for part in parts] == [
        {"yes": 25, "no": 25},
        {"yes": 15, "no": 15},
        {"yes": 10, "no": 10},
    ]


def test_many_labels_with_one_row_each_still_fill_the_parts_in_their_shares() -> None:
    split = split_rows([Example(str(place), f"label {place}") for place in range(10)], shares=(0.4, 0.3, 0.3))
    assert [len(part) for part in (split.pool, split.search, split.held_out)] == [4, 3, 3]


def test_a_label_beside_the_output_is_what_rows_are_dealt_by() -> None:
    texts = [Example(f"text {place}", f"output {place}", label="ab"[place % 2]) for place in range(8)]
    split = split_rows(texts, shares=(0.0, 0.5, 0.5))
    assert Counter(row.label for row in split.search) == {"a": 2, "b": 2}


def test_the_same_seed_deals_the_same_and_another_one_otherwise() -> None:
    assert split_rows(rows(30), seed=1) == split_rows(rows(30), seed=1)
    assert split_rows(rows(30), seed=1) != split_rows(rows(30), seed=2)


@given(st.lists(st.sampled_from(["Ab", "ab", " a  b", "c", "d", "e", "f g", "F G"]), min_size=12, max_size=40))
@settings(max_examples=50, deadline=None)
def test_rows_with_the_same_text_never_stand_on_both_sides_and_none_is_lost(texts: list[str]) -> None:
    given_rows = [Example(text, "x", id=str(place)) for place, text in enumerate([*texts, *"hijklmn"])]
    split = split_rows(given_rows)  # Split itself refuses a text on two sides
    assert sorted((*split.pool, *split.search, *split.held_out), key=lambda row: int(row.id)) == given_rows


def test_a_text_in_two_parts_is_refused() -> None:
    twin = Example("The  Text", "a")
    with pytest.raises(InputError, match="the text of row #1 of the held-out part stands in the pool too"):
        Split((twin,), (Example("other", "a"),), (Example("the text", "b"),))


def test_an_empty_part_is_refused_but_for_the_pool() -> None:
    assert Split((), (Example("a", "x"),), (Example("b", "x"),)).pool == ()
    with pytest.raises(InputError, match="the held-out part has no rows"):
        split_rows(rows(1), shares=(0.0, 1.0, 1.0))


@pytest.mark.parametrize("shares", [(0.5, -0.1, 0.6), (0.0, 0.0, 0.0)])
def test_shares_that_are_none_are_refused(shares: tuple[float, float, float]) -> None:
    with pytest.raises(InputError, match="shares must be positive numbers"):
        split_rows(rows(9), shares=shares)
