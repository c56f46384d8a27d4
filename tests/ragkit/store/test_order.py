"""The one order of hits."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from ragkit.store.order import Scored, best, best_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def _names(rows: Sequence[int]) -> Mapping[int, tuple[str, str]]:
    return {row: (f"d{9 - row}", f"d{9 - row}#0") for row in rows}


def test_ties_at_the_cut_go_to_the_smaller_name() -> None:
    assert best([Scored(1, 0.5), Scored(2, 0.5), Scored(3, 0.5), Scored(4, 0.9)], 2, _names) == [(4, 0.9), (3, 0.5)]


def test_names_are_asked_for_ties_only() -> None:
    asked: list[int] = []

    def names(rows: Sequence[int]) -> Mapping[int, tuple[str, str]]:
        asked.extend(rows)
        return _names(rows)

    best([Scored(1, 0.5), Scored(2, 0.4), Scored(3, 0.4), Scored(4, 0.1), Scored(5, 0.1)], 3, names)
    assert sorted(asked) == [2, 3]


def test_no_candidates_give_nothing() -> None:
    assert best([], 3, _names) == []


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from([0.0, 0.5, 1.0]), max_size=10), st.integers(1, 12))
def test_best_is_the_head_of_the_full_order(scores: list[float], k: int) -> None:
    candidates = [Scored(row, score) for row, score in enumerate(scores)]
    assert (
        best(candidates, k, _names)
        == sorted(candidates, key=lambda item: (-item.score, _names([item.row])[item.row]))[:k]
    )
    rows, values = np.arange(len(scores)), np.array(scores, dtype=np.float32)
    assert best_of(rows, values, k, _names) == best(candidates, k, _names)
