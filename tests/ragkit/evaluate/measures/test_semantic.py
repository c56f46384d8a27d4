from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from ragkit.encoder import EncoderCard, Vectors
from ragkit.errors import InputError
from ragkit.evaluate.measures.semantic import cosine, semantic_similarity
from ragkit.evaluate.outcome import Unscored

_VECTORS = {"cat": (1.0, 0.0), "kitten": (0.6, 0.8), "car": (0.0, 3.0)}


class ThreeWords:
    """Embeds three words; remembers what it was asked."""

    card = EncoderCard(model="three words", dim=2, normalised=False)

    def __init__(self) -> None:
        self.asked: list[list[str]] = []

    def encode_documents(self, texts: Sequence[str]) -> Vectors:
        self.asked.append(list(texts))
        return np.array([_VECTORS[text] for text in texts], dtype=np.float32)

    def encode_queries(self, texts: Sequence[str]) -> Vectors:
        return self.encode_documents(texts)

    def count_tokens(self, text: str) -> int:
        return 1


def test_the_nearest_reference_counts_and_each_text_is_embedded_once() -> None:
    encoder = ThreeWords()
    outcomes = semantic_similarity(encoder, ["cat", "car"], [["car", "kitten"], ["cat"]])
    assert outcomes == pytest.approx([0.6, 0.0])
    assert [sorted(asked) for asked in encoder.asked] == [["car", "cat", "kitten"]]


def test_an_empty_answer_or_no_reference_is_unscored() -> None:
    assert semantic_similarity(ThreeWords(), ["", "cat"], [["cat"], [" "]]) == [
        Unscored("empty answer"),
        Unscored("no reference"),
    ]
    assert semantic_similarity(ThreeWords(), [], []) == []


def test_lengths_must_agree() -> None:
    with pytest.raises(InputError, match="1 predictions for 2 rows of references"):
        semantic_similarity(ThreeWords(), ["cat"], [["cat"], ["car"]])


def test_a_zero_vector_is_like_nothing() -> None:
    assert cosine(np.zeros(2, dtype=np.float32), np.ones((3, 2), dtype=np.float32)).tolist() == [0.0] * 3
