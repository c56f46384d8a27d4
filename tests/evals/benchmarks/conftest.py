"""A corpus of forty small texts whose vectors count words, so that what is nearest can be worked out."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

import numpy as np
import pytest

from evals.benchmarks.corpus import Corpus

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

ANIMALS = ("cat", "dog", "owl", "fox", "bee", "hen", "ant", "cow")
PLACES = ("barn", "wood", "town", "lake", "hill")
DIM = 32


def vector(text: str) -> NDArray[np.float32]:
    row = np.zeros(DIM, dtype=np.float32)
    for word in text.lower().split():
        row[zlib.crc32(word.strip(".?").encode()) % DIM] += 1.0
    return row / np.linalg.norm(row)


@pytest.fixture
def corpus(tmp_path: Path) -> Corpus:
    texts = [f"The {animal} lives by the {place}." for animal in ANIMALS for place in PLACES]
    queries = [f"Where is the {animal}?" for animal in ANIMALS]
    rows = ((f"chunk {place}", text, vector(text)) for place, text in enumerate(texts))
    query_vectors = np.array([vector(query) for query in queries])
    return Corpus.write(tmp_path / "corpus", "small texts", rows, queries, query_vectors)
