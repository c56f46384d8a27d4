"""A small real collection and an encoder that needs no model: vectors count words, so cosines can be worked out."""

from __future__ import annotations

import re
import zlib
from typing import TYPE_CHECKING

import numpy as np
import pytest

from ragkit.encoder import EncoderCard, Vectors
from ragkit.store.collection import Collection

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

TEXTS = {
    "bm25": "BM25 ranks documents by the words they share with a query.",
    "cats": "A cat sleeps most of the day.",
    "dense": "Dense retrieval compares embeddings of a query and of documents.",
    "dogs": "A dog barks at the postman every day.",
    "fusion": "Fusion joins the ranked documents of BM25 and of dense retrieval.",
    "idf": "Rare words weigh more than common words in BM25.",
}
YEARS = {"bm25": 1994, "cats": 2001, "dense": 2019, "dogs": 2002, "fusion": 2023, "idf": 1972}


class WordEncoder:
    """Counts words in 256 hashed places, rows unit length."""

    card = EncoderCard(model="words", dim=256, revision="1")

    def __init__(self) -> None:
        self.calls: list[list[str]] = []

    def encode_documents(self, texts: Sequence[str]) -> Vectors:
        rows = np.full((len(texts), 256), 1e-3, dtype=np.float32)
        for row, text in zip(rows, texts, strict=True):
            for word in re.findall(r"\w+", text.lower()):
                row[zlib.crc32(word.encode()) % 256] += 1.0
        unit: Vectors = rows / np.linalg.norm(rows, axis=1, keepdims=True)
        return unit

    def encode_queries(self, texts: Sequence[str]) -> Vectors:
        self.calls.append(list(texts))
        return self.encode_documents(texts)

    def count_tokens(self, text: str) -> int:
        return len(text.split()) + 2


@pytest.fixture
def encoder() -> WordEncoder:
    return WordEncoder()


@pytest.fixture
def empty(tmp_path: Path, encoder: WordEncoder) -> Iterator[Collection]:
    with Collection.open(tmp_path / "empty", encoder) as opened:
        yield opened


@pytest.fixture
def collection(tmp_path: Path, encoder: WordEncoder) -> Iterator[Collection]:
    with Collection.open(tmp_path / "store", encoder) as opened:
        opened.add_texts(list(TEXTS.values()), doc_ids=list(TEXTS), metadatas=[{"year": YEARS[key]} for key in TEXTS])
        yield opened
