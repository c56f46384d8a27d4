from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from ragkit.errors import DocumentNotFoundError
from ragkit.retrieve.hybrid import cosines, fuse_arms
from ragkit.retrieve.options import SearchOptions
from ragkit.types import ArmScore, Hit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ragkit.encoder import Vectors

QUERY = np.array([1.0, 0.0], dtype=np.float32)
ROWS = {"a": (0.8, 0.6), "b": (0.6, 0.8), "c": (0.0, 1.0), "d": (0.28, 0.96)}


def vectors(chunk_ids: Sequence[str]) -> Vectors:
    return np.array([ROWS[name] for name in chunk_ids], dtype=np.float32)


def arm(name: str, *scored: tuple[str, float]) -> list[Hit]:
    return [
        Hit(doc_id=key, chunk_id=key, score=score, rank=rank, arms={name: ArmScore(score, rank)})
        for rank, (key, score) in enumerate(scored, start=1)
    ]


def fused(dense: list[Hit], bm25: list[Hit], pool: int, options: SearchOptions | None = None) -> dict[str, float]:
    hits = fuse_arms(dense, bm25, QUERY, vectors, k=9, pool=pool, options=options or SearchOptions())
    return {hit.doc_id: hit.score for hit in hits}


def test_a_candidate_of_bm25_alone_scores_its_own_cosine() -> None:
    # dense from lowest .28 (d) to highest .8 (a): b (.6 - .28) / .52; bm25: d 4 / 4, a 2 / 4
    scores = fused(arm("dense", ("a", 0.8), ("b", 0.6)), arm("bm25", ("d", 4.0), ("a", 2.0)), pool=3)
    assert scores == {
        "a": pytest.approx(0.75),
        "d": pytest.approx(0.5, abs=1e-6),
        "b": pytest.approx(0.32 / 0.52 / 2, abs=1e-6),
    }


def test_a_candidate_of_dense_alone_scores_0_in_a_bm25_list_that_is_complete() -> None:
    scores = fused(arm("dense", ("a", 0.8), ("b", 0.6)), arm("bm25", ("a", 2.0)), pool=2)
    assert scores == {"a": 1.0, "b": 0.0}


def test_a_candidate_of_dense_alone_scores_the_last_of_a_bm25_list_that_was_cut() -> None:
    scores = fused(arm("dense", ("a", 0.8), ("b", 0.6)), arm("bm25", ("a", 4.0), ("c", 1.0)), pool=2)
    # dense: a 1, b .6 / .8, c 0; bm25: a 1, c .25, b at most .25
    assert scores == {"a": 1.0, "b": pytest.approx(0.5), "c": pytest.approx(0.125)}


def test_the_arms_of_a_fused_hit_are_those_that_listed_it() -> None:
    hits = fuse_arms(
        arm("dense", ("a", 0.8)),
        arm("bm25", ("d", 4.0), ("a", 2.0)),
        QUERY,
        vectors,
        k=9,
        pool=2,
        options=SearchOptions(),
    )
    assert {hit.doc_id: dict(hit.arms) for hit in hits} == {
        "a": {"dense": ArmScore(0.8, 1), "bm25": ArmScore(2.0, 2)},
        "d": {"bm25": ArmScore(4.0, 1)},
    }


def test_no_bm25_hits_leave_the_dense_order() -> None:
    assert fused(arm("dense", ("a", 0.8), ("c", 0.0)), [], pool=5) == {"a": 0.5, "c": 0.0}


def test_no_dense_hits_leave_the_bm25_order() -> None:
    assert list(fused([], arm("bm25", ("c", 3.0), ("a", 1.0)), pool=5, options=SearchOptions(weight=0.0))) == ["c", "a"]


def test_weight_1_never_lifts_what_the_dense_arm_left_out_above_what_it_kept() -> None:
    # the index says .7 for b where the stored vector says .6: d's exact cosine must stay below b all the same
    dense = arm("dense", ("a", 0.8), ("c", 0.1))
    scores = fused(dense, arm("bm25", ("b", 9.0)), pool=2, options=SearchOptions(weight=1.0))
    assert scores["b"] == scores["c"] == 0.0


def test_a_candidate_of_bm25_alone_that_was_deleted_meanwhile_adds_nothing_for_dense() -> None:
    def without_d(chunk_ids: Sequence[str]) -> Vectors:
        if "d" in chunk_ids:
            raise DocumentNotFoundError("d is gone")
        return vectors(chunk_ids)

    dense, bm25 = arm("dense", ("a", 0.8)), arm("bm25", ("d", 4.0), ("c", 2.0))
    hits = fuse_arms(dense, bm25, QUERY, without_d, k=9, pool=3, options=SearchOptions())
    assert [(hit.doc_id, hit.score) for hit in hits] == [("a", 0.5), ("d", 0.5), ("c", 0.25)]


def test_rrf_reads_ranks_only() -> None:
    options = SearchOptions(fusion="rrf")
    scores = fused(arm("dense", ("a", 0.8), ("b", 0.6)), arm("bm25", ("d", 4.0), ("a", 2.0)), pool=2, options=options)
    assert scores == {
        "a": pytest.approx(0.5 / 61 + 0.5 / 62),
        "d": pytest.approx(0.5 / 61),
        "b": pytest.approx(0.5 / 62),
    }


def test_cosines_do_not_depend_on_length_and_are_0_for_a_vector_of_zeros() -> None:
    rows = np.array([[3.0, 0.0], [0.0, 2.0], [-1.0, 0.0], [0.0, 0.0]], dtype=np.float32)
    assert cosines(rows, QUERY * 5).tolist() == [1.0, 0.0, -1.0, 0.0]
