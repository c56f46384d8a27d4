from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from ragkit.errors import DocumentNotFoundError
from ragkit.retrieve.spread import spread_hits
from ragkit.types import Hit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ragkit.encoder import Vectors

QUERY = np.array([1.0, 0.0, 0.0], dtype=np.float32)
# cosines with the query .8, .8, .6; the first two are the same vector
ROWS = np.array([[0.8, 0.6, 0.0], [0.8, 0.6, 0.0], [0.6, 0.0, 0.8]], dtype=np.float32)


def hits(*scores: float) -> list[Hit]:
    return [
        Hit(doc_id=name, chunk_id=name, score=score, rank=rank)
        for rank, (name, score) in enumerate(zip("abc", scores, strict=True), 1)
    ]


def stored(chunk_ids: Sequence[str]) -> Vectors:
    return ROWS[["abc".index(name) for name in chunk_ids]]


def test_a_repetition_waits_behind_something_new() -> None:
    spread = spread_hits(hits(0.8, 0.8, 0.6), stored, QUERY, k=3, lambda_mult=0.5)
    assert [(hit.doc_id, hit.rank) for hit in spread] == [("a", 1), ("c", 2), ("b", 3)]


def test_the_score_is_the_marginal_relevance() -> None:
    # a .5 * .8; c .5 * .6 - .5 * (.8 * .6); b .5 * .8 - .5 * 1
    spread = spread_hits(hits(0.8, 0.8, 0.6), stored, QUERY, k=3, lambda_mult=0.5)
    assert [hit.score for hit in spread] == pytest.approx([0.4, 0.06, -0.1], abs=1e-6)


def test_scores_of_another_scale_are_moved_to_that_of_the_cosines() -> None:
    cosine = spread_hits(hits(0.8, 0.8, 0.6), stored, QUERY, k=3, lambda_mult=0.5)
    bm25 = spread_hits(hits(31.0, 31.0, 7.0), stored, QUERY, k=3, lambda_mult=0.5)
    assert [(hit.doc_id, pytest.approx(hit.score)) for hit in bm25] == [(hit.doc_id, hit.score) for hit in cosine]


def test_equal_scores_count_as_the_highest_cosine() -> None:
    assert spread_hits(hits(1.0, 1.0, 1.0), stored, QUERY, k=1, lambda_mult=1.0)[0].score == pytest.approx(0.8)


def test_lambda_1_keeps_the_order() -> None:
    assert [hit.doc_id for hit in spread_hits(hits(0.9, 0.5, 0.1), stored, QUERY, k=2, lambda_mult=1.0)] == ["a", "b"]


def test_nothing_to_spread_is_nothing() -> None:
    assert spread_hits([], stored, QUERY, k=2, lambda_mult=0.5) == []


def test_a_chunk_deleted_meanwhile_is_left_out() -> None:
    def without_b(chunk_ids: Sequence[str]) -> Vectors:
        if "b" in chunk_ids:
            raise DocumentNotFoundError("b is gone")
        return stored(chunk_ids)

    spread = spread_hits(hits(0.8, 0.8, 0.6), without_b, QUERY, k=3, lambda_mult=0.5)
    assert [hit.doc_id for hit in spread] == ["a", "c"]


def test_everything_deleted_meanwhile_is_nothing() -> None:
    def gone(chunk_ids: Sequence[str]) -> Vectors:
        raise DocumentNotFoundError("gone")

    assert spread_hits(hits(0.8, 0.8, 0.6), gone, QUERY, k=3, lambda_mult=0.5) == []
