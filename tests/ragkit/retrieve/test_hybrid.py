from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from ragkit.retrieve.hybrid import fuse_arms
from ragkit.retrieve.options import SearchOptions
from ragkit.store.order import Scored
from ragkit.types import ArmScore

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

QUERY = np.array([1.0, 0.0], dtype=np.float32)
ROWS = {"a": (0.8, 0.6), "b": (0.6, 0.8), "c": (0.0, 1.0), "d": (0.28, 0.96)}


class Candidates:
    """Rows 0 to 3 are a to d."""

    def cosines(self, query: NDArray[np.float32], rows: Sequence[int]) -> NDArray[np.float32]:
        return np.array([ROWS["abcd"[row]] for row in rows], dtype=np.float32) @ query

    def names(self, rows: Sequence[int]) -> Mapping[int, tuple[str, str]]:
        return {row: ("abcd"[row], "abcd"[row]) for row in rows}


def arm(*scored: tuple[str, float]) -> list[Scored]:
    return [Scored("abcd".index(name), score) for name, score in scored]


def fused(dense: list[Scored], bm25: list[Scored], pool: int, options: SearchOptions | None = None) -> dict[str, float]:
    found = fuse_arms(dense, bm25, QUERY, Candidates(), k=9, pool=pool, options=options or SearchOptions())
    return {"abcd"[item.row]: item.score for item in found}


def test_a_candidate_of_bm25_alone_scores_its_own_cosine() -> None:
    # dense from lowest .28 (d) to highest .8 (a): b (.6 - .28) / .52; bm25: d 4 / 4, a 2 / 4
    scores = fused(arm(("a", 0.8), ("b", 0.6)), arm(("d", 4.0), ("a", 2.0)), pool=3)
    assert scores == {
        "a": pytest.approx(0.75),
        "d": pytest.approx(0.5, abs=1e-6),
        "b": pytest.approx(0.32 / 0.52 / 2, abs=1e-6),
    }


def test_a_candidate_of_dense_alone_scores_0_in_a_bm25_list_that_is_complete() -> None:
    scores = fused(arm(("a", 0.8), ("b", 0.6)), arm(("a", 2.0)), pool=2)
    assert scores == {"a": 1.0, "b": 0.0}


def test_a_candidate_of_dense_alone_scores_the_last_of_a_bm25_list_that_was_cut() -> None:
    scores = fused(arm(("a", 0.8), ("b", 0.6)), arm(("a", 4.0), ("c", 1.0)), pool=2)
    # dense: a 1, b .6 / .8, c 0; bm25: a 1, c .25, b at most .25
    assert scores == {"a": 1.0, "b": pytest.approx(0.5), "c": pytest.approx(0.125)}


def test_the_arms_of_a_fused_hit_are_those_that_listed_it() -> None:
    found = fuse_arms(
        arm(("a", 0.8)), arm(("d", 4.0), ("a", 2.0)), QUERY, Candidates(), k=9, pool=2, options=SearchOptions()
    )
    assert {"abcd"[item.row]: dict(item.arms) for item in found} == {
        "a": {"dense": ArmScore(0.8, 1), "bm25": ArmScore(2.0, 2)},
        "d": {"bm25": ArmScore(4.0, 1)},
    }


def test_equal_scores_are_ordered_by_name_at_the_cut_too() -> None:
    dense, bm25 = arm(("b", 0.6), ("a", 0.6)), arm(("d", 1.0))
    found = fuse_arms(dense, bm25, QUERY, Candidates(), k=1, pool=2, options=SearchOptions(weight=1.0))
    assert [item.row for item in found] == [0]


def test_no_bm25_hits_leave_the_dense_order() -> None:
    assert fused(arm(("a", 0.8), ("c", 0.0)), [], pool=5) == {"a": 0.5, "c": 0.0}


def test_no_dense_hits_leave_the_bm25_order() -> None:
    assert list(fused([], arm(("c", 3.0), ("a", 1.0)), pool=5, options=SearchOptions(weight=0.0))) == ["c", "a"]


def test_weight_1_never_lifts_what_the_dense_arm_left_out_above_what_it_kept() -> None:
    # the index says .7 for b where the stored vector says .6: d's exact cosine must stay below b all the same
    dense = arm(("a", 0.8), ("c", 0.1))
    scores = fused(dense, arm(("b", 9.0)), pool=2, options=SearchOptions(weight=1.0))
    assert scores["b"] == scores["c"] == 0.0


def test_rrf_reads_ranks_only() -> None:
    options = SearchOptions(fusion="rrf")
    scores = fused(arm(("a", 0.8), ("b", 0.6)), arm(("d", 4.0), ("a", 2.0)), pool=2, options=options)
    assert scores == {
        "a": pytest.approx(0.5 / 61 + 0.5 / 62),
        "d": pytest.approx(0.5 / 61),
        "b": pytest.approx(0.5 / 62),
    }
