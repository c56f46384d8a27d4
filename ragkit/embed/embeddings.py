"""`SentenceEmbeddings`: any Sentence-BERT model as LangChain's `Embeddings`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from langchain_core.embeddings import Embeddings

from ragkit.embed.encoder import SentenceEncoder

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["SentenceEmbeddings"]


class SentenceEmbeddings(Embeddings):
    """A Sentence-BERT model for LangChain; without arguments the packaged all-MiniLM-L6-v2, no network.

    Vectors have unit length. The async twins run in a thread, so that an event loop is never blocked. A text longer
    than the model reads is told by a warning with the count, see `SentenceEncoder`.

    Example:
        >>> len(SentenceEmbeddings().embed_query("What is BM25?"))
        384
    """

    def __init__(
        self,
        model: str | Path | None = None,
        *,
        engine: str = "auto",
        threads: int | None = None,
        cache: Path | None = None,
        downloads: bool = True,
        encoder: SentenceEncoder | None = None,
    ) -> None:
        """Load a model, or wrap an encoder.

        Args:
            model: Folder, hub id, or None for the packaged model.
            engine: One of `ragkit.embed.engines.engine.ENGINES`.
            threads: Threads of the OpenVINO engine; None for all cores.
            cache: Folder in which vectors of documents are kept; None keeps none.
            downloads: Whether a hub id may be fetched.
            encoder: An encoder that is loaded already, with knobs of its own; the other arguments are then not used.

        Raises:
            ConfigError: If the engine is not known.
            ModelFilesError: If the model's files cannot be had.
        """
        self.encoder = encoder or SentenceEncoder.load(
            model, engine=engine, threads=threads, cache=cache, downloads=downloads
        )

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """Embed texts to be found, in their order."""
        rows: list[list[float]] = self.encoder.encode_documents(texts).tolist()
        return rows

    def embed_query(self, text: str) -> list[float]:
        """Embed a text to search with."""
        row: list[float] = self.encoder.encode_queries([text])[0].tolist()
        return row
