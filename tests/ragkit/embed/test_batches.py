from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ragkit.embed.batches import make_batch, plan_batches

LENGTHS = st.lists(st.integers(0, 50), max_size=60)


def test_the_longest_come_first_and_fill_the_budget() -> None:
    assert plan_batches([3, 10, 4, 9], token_budget=20) == [[1, 3], [2, 0]]


def test_a_text_longer_than_the_budget_is_alone() -> None:
    assert plan_batches([5, 30, 5], token_budget=10) == [[1], [0, 2]]


def test_nothing_to_do_is_no_batch() -> None:
    assert plan_batches([], token_budget=10) == []


@given(lengths=LENGTHS, budget=st.integers(1, 200))
@settings(max_examples=50, deadline=None)
def test_every_row_is_in_one_batch(lengths: list[int], budget: int) -> None:
    groups = plan_batches(lengths, token_budget=budget)
    assert sorted(row for group in groups for row in group) == list(range(len(lengths)))


@given(lengths=LENGTHS, budget=st.integers(1, 200))
@settings(max_examples=50, deadline=None)
def test_no_batch_of_several_exceeds_the_budget(lengths: list[int], budget: int) -> None:
    for group in plan_batches(lengths, token_budget=budget):
        assert len(group) == 1 or len(group) * max(lengths[row] for row in group) <= budget


def test_a_batch_is_padded_on_the_right() -> None:
    batch = make_batch([2, 0], ["a", "b", "c"], [[7], [8], [5, 6]], prompt="p ", pad_id=1, max_tokens=3)
    assert batch.texts == ("c", "a")
    assert batch.prompt == "p "
    np.testing.assert_array_equal(batch.ids, [[5, 6, 1], [7, 1, 1]])
    np.testing.assert_array_equal(batch.mask, [[1, 1, 0], [1, 0, 0]])


@pytest.mark.parametrize(("longest", "max_tokens", "width"), [(1, 256, 8), (8, 256, 8), (9, 256, 16), (255, 255, 255)])
def test_few_widths_occur(longest: int, max_tokens: int, width: int) -> None:
    batch = make_batch([0], ["a"], [[5] * longest], prompt="", pad_id=0, max_tokens=max_tokens)
    assert batch.ids.shape == (1, width)


def test_a_batch_of_no_tokens_keeps_one_column() -> None:
    batch = make_batch([0], [""], [[]], prompt="", pad_id=0, max_tokens=1)
    np.testing.assert_array_equal(batch.ids, [[0]])
    np.testing.assert_array_equal(batch.mask, [[0]])
