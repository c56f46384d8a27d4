from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from ragkit.encoder import EncoderCard, Vectors
from ragkit.evaluate.judge import Claim
from ragkit.evaluate.judges.embedding import EmbeddingJudge
from ragkit.evaluate.outcome import Unscored

_WORDS = ("cat", "dog", "sleep", "run")


class Words:
    """An encoder whose vectors count four words; `not` turns a text around."""

    def __init__(self) -> None:
        self.card = EncoderCard(model="words", dim=4, revision="1")
        self.asked: list[str] = []

    def encode_documents(self, texts: Sequence[str]) -> Vectors:
        self.asked += texts
        rows = [[text.lower().count(word) * (-1 if "not" in text else 1) for word in _WORDS] for text in texts]
        found = np.asarray(rows, dtype=np.float32).reshape(-1, 4)
        return found / np.maximum(np.linalg.norm(found, axis=1, keepdims=True), 1e-9)

    def encode_queries(self, texts: Sequence[str]) -> Vectors:
        return self.encode_documents(texts)

    def count_tokens(self, text: str) -> int:
        return len(text.split())


def test_support_is_the_best_cosine_of_a_window() -> None:
    claims = [Claim("Cats sleep.", "Dogs run. The cat is here. It will sleep."), Claim("Cats run.", "Cats sleep.")]
    assert EmbeddingJudge(Words()).judge(claims) == pytest.approx([1.0, 0.5])


def test_a_negative_cosine_is_no_support() -> None:
    assert EmbeddingJudge(Words()).judge([Claim("Cats sleep.", "Cats do not sleep.")]) == [0.0]


def test_each_text_is_embedded_once_however_many_claims_share_it() -> None:
    encoder, evidence = Words(), "Cats sleep. Dogs run."
    EmbeddingJudge(encoder).judge([Claim("A cat.", evidence), Claim("A dog.", evidence), Claim("A cat.", evidence)])
    assert len(encoder.asked) == len(set(encoder.asked)) == 2 + 3


def test_of_long_evidence_the_windows_with_the_claims_words_are_read() -> None:
    encoder = Words()
    evidence = "Nothing here. " * 50 + "Cats sleep."
    assert EmbeddingJudge(encoder, windows=2).judge([Claim("Cats sleep.", evidence)]) == pytest.approx([1.0])
    assert encoder.asked == ["Cats sleep.", "Nothing here. Cats sleep."]


def test_what_cannot_be_judged_is_unscored() -> None:
    claims = [Claim("Cats.", ""), Claim("It is.", "Cats sleep.")]
    expected = [Unscored("no evidence"), Unscored("the claim has no content words")]
    assert EmbeddingJudge(Words()).judge(claims) == expected
    assert EmbeddingJudge(Words()).judge([]) == []


def test_the_card_names_the_model() -> None:
    card = EmbeddingJudge(Words()).card
    assert (card["judge"], card["encoder"]) == ("embedding", {"model": "words", "revision": "1"})
