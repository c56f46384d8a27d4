from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sacrebleu import corpus_bleu as oracle_bleu
from sacrebleu import corpus_chrf as oracle_chrf
from sacrebleu import sentence_bleu as oracle_sentence_bleu

from ragkit.errors import InputError
from ragkit.evaluate.measures.translation import corpus_bleu, corpus_chrf, sentence_bleu, sentence_chrf, signatures

# The example of sacrebleu's own README.
SAID = ["The dog bit the man.", "It wasn't surprising.", "The man had just bitten him."]
GOLDS = [
    ["The dog bit the man.", "The dog had bit the man."],
    ["It was not unexpected.", "No one was surprised."],
    ["The man bit him first.", "The man had bitten the dog."],
]
_WORDS = st.lists(st.sampled_from(["the", "cat", "sat", "on", "a", "mat", "now", "and", "then", "."]), max_size=9).map(
    " ".join
)
_ROWS = st.lists(st.tuples(_WORDS, _WORDS.filter(bool), st.integers(0, 3)), min_size=1, max_size=6)


def test_bleu_equals_the_published_example() -> None:
    assert corpus_bleu(SAID, GOLDS)(np.ones((1, 3)))[0] * 100 == pytest.approx(48.530827009929865)


@settings(max_examples=80, deadline=None)
@given(_ROWS.filter(lambda rows: any(count for *_, count in rows)))
def test_corpus_measures_equal_sacrebleu_on_resampled_rows(rows: list[tuple[str, str, int]]) -> None:
    said, golds = [row[0] for row in rows], [[row[1]] for row in rows]
    weights = np.array([[row[2] for row in rows]], dtype=float)
    repeated = [row for row in rows for _ in range(row[2])]
    texts, stream = [row[0] for row in repeated], [[row[1] for row in repeated]]
    assert corpus_bleu(said, golds)(weights)[0] * 100 == pytest.approx(oracle_bleu(texts, stream).score, abs=1e-9)
    assert corpus_chrf(said, golds)(weights)[0] * 100 == pytest.approx(oracle_chrf(texts, stream).score, abs=1e-9)


def test_rows_may_differ_in_their_number_of_references() -> None:
    golds = [GOLDS[0], GOLDS[1][:1], GOLDS[2]]
    streams = [
        ["The dog bit the man.", "It was not unexpected.", "The man bit him first."],
        [GOLDS[0][1], None, GOLDS[2][1]],
    ]
    assert corpus_bleu(SAID, golds)(np.ones((1, 3)))[0] * 100 == pytest.approx(oracle_bleu(SAID, streams).score)  # type: ignore[arg-type]


def test_measures_of_one_row() -> None:
    expected = oracle_sentence_bleu(SAID[2], GOLDS[2]).score / 100
    assert sentence_bleu(SAID[2], GOLDS[2]) == pytest.approx(expected)
    assert sentence_chrf("the cat", ["the cat"]) == 1.0
    assert 0 < sentence_chrf("the cat", ["the hat"]) < 1


def test_a_row_without_reference_is_named() -> None:
    with pytest.raises(InputError, match="row 1 has no reference"):
        corpus_bleu(["a", "b"], [["a"], []])
    with pytest.raises(InputError, match="2 predictions for 1 rows of references"):
        corpus_chrf(["a", "b"], [["a"]])


def test_no_rows_have_no_counts() -> None:
    assert corpus_bleu([], [])(np.zeros((1, 0))).tolist() == [0.0]
    assert corpus_chrf([], [])(np.zeros((1, 0))).tolist() == [0.0]


def test_signatures_state_what_was_computed() -> None:
    found = signatures()
    assert "tok:13a|smooth:exp" in found["BLEU"]
    assert "nc:6|nw:0" in found["chrF"]
