from __future__ import annotations

import zlib
from collections.abc import Sequence

import numpy as np
import pytest

from ragkit.encoder import EncoderCard, Vectors

DIM = 1024


class WordEncoder:
    """Texts as their words, each in a place of its own (but for rare collisions): cosine counts shared words."""

    card = EncoderCard(model="words", dim=DIM, revision="1")

    def encode_documents(self, texts: Sequence[str]) -> Vectors:
        rows = np.zeros((len(texts), DIM), dtype=np.float32)
        for row, text in zip(rows, texts, strict=True):
            for word in text.lower().split():
                row[zlib.crc32(word.encode()) % DIM] += 1.0
        norms = np.linalg.norm(rows, axis=1, keepdims=True)
        return np.asarray(rows / np.maximum(norms, 1e-9), dtype=np.float32)

    def encode_queries(self, texts: Sequence[str]) -> Vectors:
        return self.encode_documents(texts)

    def count_tokens(self, text: str) -> int:
        return len(text.split())


@pytest.fixture
def encoder() -> WordEncoder:
    return WordEncoder()
