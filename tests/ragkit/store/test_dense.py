"""Exact search by cosine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from ragkit.store.dense import DenseIndex
from ragkit.store.records import unit_rows
from ragkit.store.vectors import VectorFile

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

Rows = NDArray[np.float32]


def _names(rows: Sequence[int]) -> Mapping[int, tuple[str, str]]:
    return {row: (f"{row:06}", "") for row in rows}


def _oracle(rows: Rows, query: Rows, mask: NDArray[np.bool_], k: int) -> list[tuple[int, float]]:
    """Score every row with float64, sort by (-score, row), keep k."""
    scores = [float(np.float32(np.einsum("i,i->", row, query.astype(np.float64)))) for row in rows.astype(np.float64)]
    order = sorted(np.flatnonzero(mask), key=lambda row: (-scores[row], row))[:k]
    return [(int(row), min(1.0, max(-1.0, scores[row]))) for row in order]


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    count=st.integers(1, 300),
    dim=st.sampled_from([1, 2, 6, 33]),
    copies=st.integers(1, 60),
    share=st.sampled_from([0.02, 0.5, 1.0]),
    k=st.sampled_from([1, 3, 10, 400]),
    cuts=st.lists(st.integers(0, 300), max_size=4),
)
def test_result_is_that_of_brute_force(
    seed: int, count: int, dim: int, copies: int, share: float, k: int, cuts: list[int]
) -> None:
    random = np.random.default_rng(seed)
    rows = unit_rows(random.standard_normal((count, dim)))
    rows[random.integers(0, count, copies)] = rows[0]  # ties, also at the cut
    rows[random.integers(0, count, 2)] = 0
    mask = random.random(count) < share
    queries = np.vstack([unit_rows(random.standard_normal((3, dim))), rows[:1], np.zeros((1, dim), np.float32)])
    index = DenseIndex(rows[:0])
    for cut in [*sorted(min(cut, count) for cut in cuts), count]:
        index = index.grown(rows[:cut])
    found = index.search(queries, mask, k, _names)
    for query, run in zip(queries, found, strict=True):
        expected = _oracle(rows, query, mask, k)
        assert [item.row for item in run] == [row for row, _ in expected]
        assert [item.score for item in run] == pytest.approx([score for _, score in expected], abs=1e-7)


def test_one_query_scores_as_in_a_batch() -> None:
    rows = unit_rows(np.random.default_rng(1).standard_normal((500, 48)))
    index, mask = DenseIndex(rows), np.ones(500, bool)
    batch = index.search(rows[:40], mask, 10, _names)
    assert batch == [index.search(rows[place : place + 1], mask, 10, _names)[0] for place in range(40)]


def test_cosine_of_a_row_with_itself_is_one() -> None:
    rows = unit_rows(np.random.default_rng(2).standard_normal((50, 384)))
    found = DenseIndex(rows).search(rows[7:8], np.ones(50, bool), 1, _names)
    assert found == [[(7, pytest.approx(1.0, abs=1e-6))]]
    assert found[0][0].score <= 1.0


def test_rows_beyond_the_mask_are_not_found() -> None:
    rows = unit_rows(np.eye(4))
    assert DenseIndex(rows).search(rows[3:], np.ones(2, bool), 4, _names) == [[(0, 0.0), (1, 0.0)]]


def test_nothing_passing_gives_empty_runs() -> None:
    assert DenseIndex(unit_rows(np.eye(2))).search(np.eye(2, dtype=np.float32), np.zeros(2, bool), 3, _names) == [
        [],
        [],
    ]


def test_growing_row_by_row_keeps_few_parts() -> None:
    rows = unit_rows(np.random.default_rng(3).standard_normal((300, 8)))
    index = DenseIndex(rows[:0])
    for size in range(1, 301):
        index = index.grown(rows[:size])
    assert len(index._parts) <= 9
    assert [part.first for part in index._parts[1:]] == [part.last for part in index._parts[:-1]]
    assert index.grown(rows) is index


@pytest.fixture
def file(tmp_path: Path) -> Any:
    return VectorFile(tmp_path / "vectors.f32", 2)


def test_scan_works_on_a_map_of_the_file(file: VectorFile) -> None:
    file.append(np.array([[1, 0], [0, 1]], dtype=np.float32), at=0)
    rows = file.read(2)
    assert not rows.flags.writeable
    assert DenseIndex(rows).search(np.array([[0, 1]], dtype=np.float32), np.ones(2, bool), 1, _names) == [[(1, 1.0)]]
