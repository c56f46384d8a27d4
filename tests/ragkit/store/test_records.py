"""What makes documents and vectors acceptable."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from ragkit.errors import InputError
from ragkit.store.records import NewChunk, NewDocument, check_document, check_vectors, index_text, page_at, unit_rows


def test_index_text_puts_the_context_on_a_line_of_its_own() -> None:
    assert index_text("It was 1907.", "History") == "History\nIt was 1907."
    assert index_text("It was 1907.", "") == "It was 1907."


@pytest.mark.parametrize(("position", "page"), [(0, None), (9, None), (10, 1), (49, 1), (50, 3), (1000, 3)])
def test_page_is_the_last_one_that_starts_before(position: int, page: int | None) -> None:
    assert page_at([(1, 10), (3, 50)], position) == page


def test_text_without_pages_has_none() -> None:
    assert page_at([], 5) is None


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"doc_id": ""}, "doc_id must be a non-empty text, got ''"),
        ({"doc_id": 7}, "doc_id must be a non-empty text, got 7"),
        ({"text": "a\ud800"}, "text of document 'a' must be Unicode text without lone surrogates"),
        ({"source": None}, "source of document 'a' must be Unicode text"),
        ({"chunks": [NewChunk(0, 4)]}, r"chunk 0 of document 'a' spans 0:4; expected 0 <= start < end <= 3"),
        ({"chunks": [NewChunk(0, 1), NewChunk(1, 1)]}, "chunk 1 of document 'a' spans 1:1"),
        ({"chunks": [NewChunk(-1, 2)]}, "chunk 0 of document 'a' spans -1:2"),
        ({"chunks": [NewChunk(0, 1, "\udcff")]}, "context of chunk 0 of document 'a'"),
        ({"chunks": [NewChunk(0.0, 2)]}, "chunk 0 of document 'a' spans 0.0:2; .*, in whole numbers"),
        ({"pages": [(2**70, 0)]}, r"pages of document 'a' must be pairs of whole numbers.* got \(1180"),
        ({"pages": [("i", 0)]}, r"pages of document 'a' must be pairs of whole numbers.* got \('i', 0\)"),
        ({"pages": [(1, 2), (2, 0)]}, "pages of document 'a' must be given by rising start"),
    ],
)
def test_document_that_does_not_fit_is_named(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        check_document(NewDocument(**{"doc_id": "a", "text": "abc", **fields}))


def test_overlapping_chunks_and_every_other_character_are_fine() -> None:
    check_document(NewDocument(doc_id="ä\0", text="a\0\U0001f600b", chunks=[NewChunk(0, 3), NewChunk(1, 4)]))


@pytest.mark.parametrize(
    ("vectors", "message"),
    [
        ([[1.0, 0.0]], r"have shape \(1, 2\); expected \(2, 2\)"),
        ([1.0, 0.0], r"have shape \(2,\); expected \(2, 2\)"),
        ([[1.0, 0.0, 0.0]] * 2, r"have shape \(2, 3\); expected \(2, 2\)"),
        ([[1, 0], [0, 1]], "must be floats, got int64"),
        ([[1.0, float("nan")], [0.0, 1.0]], "hold NaN or infinity"),
        ([[1.0, float("inf")], [0.0, 1.0]], "hold NaN or infinity"),
    ],
)
def test_vectors_that_do_not_fit_are_named(vectors: Any, message: str) -> None:
    with pytest.raises(InputError, match=f"vectors of document 'a' {message}"):
        check_vectors(vectors, rows=2, dim=2, doc_id="a")


def test_vectors_are_scaled_to_unit_length() -> None:
    rows = check_vectors(np.array([[3.0, 4.0], [0.0, 0.0]]), rows=2, dim=2, doc_id="a")
    assert rows.dtype == np.float32
    assert rows.tolist() == [[pytest.approx(0.6), pytest.approx(0.8)], [0.0, 0.0]]


def test_rows_of_unit_length_stay_as_they_are() -> None:
    rows = np.array([[0.6, 0.8000001]], dtype=np.float32)
    assert np.array_equal(unit_rows(rows), rows)


def test_rows_that_were_rounded_to_16_bits_stay_as_they_are() -> None:
    rows = unit_rows(np.random.default_rng(0).standard_normal((200, 8))).astype(np.float16).astype(np.float32)
    assert np.abs(np.linalg.norm(rows.astype(np.float64), axis=1) - 1).max() > 1e-5
    assert np.array_equal(unit_rows(rows), rows)
    assert not np.array_equal(unit_rows(2 * rows), 2 * rows)
    large = unit_rows(np.full((1, 4), 1e6))
    assert large.tolist() == [[0.5] * 4]


def test_rows_whose_squares_do_not_fit_float64_are_scaled_like_others() -> None:
    for size in (1e200, 1e-200):
        rows = unit_rows(np.array([[3.0, 4.0], [0.0, 0.0]]) * size)
        assert rows.tolist() == [[pytest.approx(0.6), pytest.approx(0.8)], [0.0, 0.0]]


def test_document_without_chunks_has_no_rows() -> None:
    assert check_vectors(np.zeros((0, 5)), rows=0, dim=5, doc_id="a").shape == (0, 5)
