"""Small collections, and documents to put into them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from numpy.typing import NDArray

from ragkit.encoder import EncoderCard
from ragkit.store.collection import Collection
from ragkit.store.records import NewChunk, NewDocument

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

Rows = NDArray[np.float32]


class WordEncoder:
    """Texts to vectors of six dimensions: how often each of six words stands there, scaled to unit length."""

    words = ("red", "green", "blue", "cat", "dog", "fish")

    def __init__(self, revision: str = "1", model: str = "words", dim: int = 6) -> None:
        self.card = EncoderCard(model=model, dim=dim, revision=revision)
        self.calls = 0

    def encode_documents(self, texts: Sequence[str]) -> Rows:
        self.calls += 1
        counts = [[text.lower().split().count(word) for word in self.words] for text in texts]
        rows = np.array(counts, dtype=np.float32).reshape(len(texts), 6)
        rows = np.pad(rows, ((0, 0), (0, self.card.dim - 6)))
        norms = np.linalg.norm(rows, axis=1, keepdims=True)
        return np.divide(rows, norms, out=np.zeros_like(rows), where=norms > 0)

    encode_queries = encode_documents

    def count_tokens(self, text: str) -> int:
        return len(text.split())


@pytest.fixture
def word_encoder() -> type[WordEncoder]:
    return WordEncoder


def _document(doc_id: str, text: str, chunks: Sequence[tuple[int, int]] | None = None, **fields: Any) -> NewDocument:
    spans = [(0, len(text))] if chunks is None else chunks
    return NewDocument(doc_id=doc_id, text=text, chunks=[NewChunk(*span) for span in spans if span[1]], **fields)


@pytest.fixture
def document() -> Callable[..., NewDocument]:
    """Make a document of one chunk, or of the given spans."""
    return _document


@pytest.fixture
def collection(tmp_path: Path) -> Iterator[Collection]:
    """An empty collection that embeds with `WordEncoder`."""
    with Collection.open(tmp_path / "store", WordEncoder()) as opened:
        yield opened


@pytest.fixture
def put(collection: Collection) -> Callable[..., None]:
    """Put documents given as `{doc_id: text}`, each one chunk, with metadata by doc_id."""

    def put(texts: Mapping[str, str], metadata: Mapping[str, Mapping[str, Any]] | None = None) -> None:
        collection.add_texts(
            list(texts.values()), doc_ids=list(texts), metadatas=[(metadata or {}).get(doc_id, {}) for doc_id in texts]
        )

    return put
