"""Exact search by cosine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from ragkit.store import dense as dense_module
from ragkit.store.dense import ExactScan
from ragkit.store.records import unit_rows
from ragkit.store.vectors import VectorFile

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from ragkit.store.vectors import StoredRows

Rows = NDArray[np.float32]


def _names(rows: Sequence[int]) -> Mapping[int, tuple[str, str]]:
    return {row: (f"{row:06}", "") for row in rows}


def _oracle(rows: StoredRows, query: Rows, mask: NDArray[np.bool_], k: int) -> list[tuple[int, float]]:
    """Score every row with float64, sort by (-score, row), keep k."""
    scores = [float(np.float32(np.einsum("i,i->", row, query.astype(np.float64)))) for row in rows.astype(np.float64)]
    order = sorted(np.flatnonzero(mask), key=lambda row: (-scores[row], row))[:k]
    return [(int(row), scores[row]) for row in order]


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    count=st.integers(1, 300),
    dim=st.sampled_from([1, 2, 6, 33]),
    copies=st.integers(1, 60),
    share=st.sampled_from([0.02, 0.5, 1.0]),
    k=st.sampled_from([1, 3, 10, 400]),
    half=st.booleans(),
    many=st.booleans(),
)
def test_result_is_that_of_brute_force(
    seed: int, count: int, dim: int, copies: int, share: float, k: int, half: bool, many: bool
) -> None:
    random = np.random.default_rng(seed)
    rows = unit_rows(random.standard_normal((count, dim)))
    rows[random.integers(0, count, copies)] = rows[0]  # ties, also at the cut
    rows[random.integers(0, count, 2)] = 0
    mask = random.random(count) < share
    queries = np.vstack([unit_rows(random.standard_normal((3, dim))), rows[:1], np.zeros((1, dim), np.float32)])
    stored = rows.astype(np.float16) if half else rows
    with pytest.MonkeyPatch.context() as patch:  # every way of searching, however few the rows are
        patch.setattr(dense_module, "_FEW_ROWS", 0)
        patch.setattr(dense_module, "_BLOCK_ROWS", 50)
        patch.setattr(dense_module, "_ROWS_PER_THREAD", 20)
        patch.setattr(dense_module, "_MANY_QUERIES", 5 if many else 6)
        found = ExactScan(stored).search(queries, mask, k, _names)
        one_by_one = [ExactScan(stored).search(query[None], mask, k, _names)[0] for query in queries]
    assert one_by_one == found == ExactScan(stored).search(queries, mask, k, _names)
    for query, run in zip(queries, found, strict=True):
        expected = _oracle(stored, query, mask, k)
        assert [item.row for item in run] == [row for row, _ in expected]
        assert [item.score for item in run] == pytest.approx([score for _, score in expected], abs=1e-7)


def test_one_query_scores_as_in_a_batch() -> None:
    rows = unit_rows(np.random.default_rng(1).standard_normal((500, 48)))
    index, mask = ExactScan(rows), np.ones(500, bool)
    batch = index.search(rows[:40], mask, 10, _names)
    assert batch == [index.search(rows[place : place + 1], mask, 10, _names)[0] for place in range(40)]


def test_cosine_of_a_row_with_itself_is_one() -> None:
    rows = unit_rows(np.random.default_rng(2).standard_normal((50, 384)))
    found = ExactScan(rows).search(rows[7:8], np.ones(50, bool), 1, _names)
    assert found == [[(7, pytest.approx(1.0, abs=1e-6))]]


def test_rows_beyond_the_mask_are_not_found() -> None:
    rows = unit_rows(np.eye(4))
    assert ExactScan(rows).search(rows[3:], np.ones(2, bool), 4, _names) == [[(0, 0.0), (1, 0.0)]]


def test_nothing_passing_gives_empty_runs() -> None:
    assert ExactScan(unit_rows(np.eye(2))).search(np.eye(2, dtype=np.float32), np.zeros(2, bool), 3, _names) == [
        [],
        [],
    ]


@pytest.fixture
def file(tmp_path: Path) -> Any:
    return VectorFile(tmp_path / "vectors.f32", 2)


def test_scan_works_on_a_map_of_the_file(file: VectorFile) -> None:
    file.append(np.array([[1, 0], [0, 1]] * 1_000, dtype=np.float32), at=0)
    rows = file.read(2_000)
    assert not rows.flags.writeable
    mask = np.ones(2_000, bool)
    mask[1] = False
    query = np.array([[0, 1]], dtype=np.float32)
    assert ExactScan(rows).search(query, mask, 2, _names) == [[(3, 1.0), (5, 1.0)]]
