"""Embeddings that count what they are given."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest
from langchain_core.embeddings import DeterministicFakeEmbedding, Embeddings

from ragkit.views.vector_store import FaissVectorStore

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


_PROBE = "The quick brown fox jumps over the lazy dog near the riverbank at noon."
"""By whose vector a collection knows its model again; embedded when one is made and when one is opened."""


class CountingEmbeddings(Embeddings):
    """Six numbers for each text, and a list of all texts that were embedded to be found."""

    def __init__(self, size: int = 6) -> None:
        self.inner = DeterministicFakeEmbedding(size=size)
        self.embedded: list[str] = []
        self.threads: set[int] = set()

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        self.embedded += [text for text in texts if text != _PROBE]
        self.threads.add(threading.get_ident())
        return self.inner.embed_documents(texts)

    def embed_query(self, text: str) -> list[float]:
        self.threads.add(threading.get_ident())
        return self.inner.embed_query(text)


@pytest.fixture
def embeddings() -> CountingEmbeddings:
    return CountingEmbeddings()


@pytest.fixture
def store(tmp_path: Path, embeddings: CountingEmbeddings) -> Iterator[FaissVectorStore]:
    """An empty store that counts."""
    with FaissVectorStore(tmp_path / "store", embeddings) as opened:
        yield opened
