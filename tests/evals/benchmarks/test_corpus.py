from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from evals.benchmarks.corpus import SHARES, Corpus


def test_what_was_written_is_read_again(corpus: Corpus) -> None:
    again = Corpus.open(corpus.folder)
    assert (again.chunks, again.dim, again.source) == (40, 32, "small texts")
    assert again.vectors.shape == (40, 32)
    assert again.texts(2) == ["The cat lives by the barn.", "The cat lives by the wood."]


def test_an_unfinished_corpus_is_not_opened(corpus: Corpus) -> None:
    (corpus.folder / "corpus.json").unlink()
    with pytest.raises(FileNotFoundError, match=r"corpus\.json"):
        Corpus.open(corpus.folder)


def test_queries_are_spread_over_all_and_keep_their_vectors(corpus: Corpus) -> None:
    every, vectors = corpus.queries(100)
    some, some_vectors = corpus.queries(3)
    assert len(every) == 8
    assert some == [every[0], every[3], every[7]]
    assert np.array_equal(some_vectors, vectors[[0, 3, 7]])


def test_the_real_rows_come_first_and_as_they_are(corpus: Corpus) -> None:
    entries = list(corpus.entries(12))
    assert [entry.name for entry in entries] == [f"c{place}" for place in range(12)]
    assert [entry.text for entry in entries] == corpus.texts(12)
    assert np.array_equal([entry.vector for entry in entries], corpus.vectors[:12])


def test_rows_beyond_are_mixtures_of_unit_length_the_same_every_time(corpus: Corpus) -> None:
    entries = list(corpus.entries(300))
    made = np.array([entry.vector for entry in entries[40:]])
    assert len({entry.name for entry in entries}) == 300
    assert np.allclose(np.linalg.norm(made, axis=1), 1.0, atol=1e-5)
    assert (made @ np.asarray(corpus.vectors).T).max(axis=1).min() > 0.7  # near a real one
    again = np.array([entry.vector for entry in list(corpus.entries(300))[40:]])
    assert np.array_equal(made, again)
    assert all(entry.text.startswith("The ") for entry in entries[40:])


def test_one_row_in_a_hundred_has_a_given_share(corpus: Corpus) -> None:
    shares = [entry.share for entry in corpus.entries(500)]
    assert SHARES == 100
    assert [shares.count(share) for share in (0, 7, 99)] == [5, 5, 5]


def test_a_corpus_may_hold_any_text(tmp_path: Path) -> None:
    text = 'Ünï\u2028code "quoted"\nlines'
    rows = iter([("a", text, np.array([1.0, 0.0], dtype=np.float32))])
    corpus = Corpus.write(tmp_path / "c", "odd", rows, ["q"], np.ones((1, 2), dtype=np.float32))
    assert corpus.texts(1) == [text]
