"""Any `Encoder` as LangChain's `Embeddings`, for callers who ask the vector store for its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from langchain_core.embeddings import Embeddings

if TYPE_CHECKING:
    from ragkit.encoder import Encoder

__all__ = ["EncoderEmbeddings"]


class EncoderEmbeddings(Embeddings):
    """An encoder for LangChain; the async twins run in a thread.

    Args:
        encoder: Such as the one that a collection was opened with.
    """

    def __init__(self, encoder: Encoder) -> None:
        self.encoder = encoder

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """Embed texts to be found, in their order."""
        rows: list[list[float]] = self.encoder.encode_documents(texts).tolist()
        return rows

    def embed_query(self, text: str) -> list[float]:
        """Embed a text to search with."""
        row: list[float] = self.encoder.encode_queries([text])[0].tolist()
        return row
