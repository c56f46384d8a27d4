"""The seam between text and vectors: what every room may ask of an embedding model.

An `Encoder` gives numpy arrays; `as_encoder` makes one of any LangChain `Embeddings` (anything with
`embed_documents` and `embed_query`), so a store or a retriever takes either. Nothing here loads a model.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from ragkit.errors import ConfigError, ModelError, shorten
from ragkit.text.tokens import estimate_tokens

__all__ = ["Encoder", "EncoderCard", "LangChainEncoder", "StreamEncoder", "Vectors", "as_encoder", "encode_each"]

Vectors: TypeAlias = "NDArray[np.float32]"
"""Rows of embeddings, shape `(n, dim)`, float32."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EncoderCard:
    """What must be equal for two encoders to share one index.

    `revision` is empty for a caller's own `Embeddings`, whose weights nobody can name: a collection then keeps
    the vector of a fixed probe text and compares it on open.
    """

    model: str
    """Hub id, folder name, or class name of a caller's own `Embeddings`."""
    dim: int
    """Length of a vector."""
    revision: str = ""
    """sha256 of the weights, or the hub commit."""
    max_tokens: int | None = None
    """Longest text the model reads, in tokens with its special ones; None where unknown."""
    pooling: str = ""
    """How token vectors become one: `mean`, `cls`, `max`, …; empty where unknown."""
    normalised: bool = True
    """Whether vectors have unit length, so that inner product is cosine."""
    query_prompt: str = ""
    """Put before a query by models that want it, such as `query: `."""
    document_prompt: str = ""
    """Put before a document by models that want it, such as `passage: `."""
    location: str = ""
    """Where it can be loaded from again: a hub id or an absolute folder; empty for the packaged model. Not compared."""
    language: str | None = None
    """The one language the model reads well, such as `en`; None for many or unknown."""


class Encoder(Protocol):
    """Text to vectors. Results come in input order; an empty input gives shape `(0, dim)`."""

    @property
    def card(self) -> EncoderCard:
        """What this encoder is."""
        ...

    def encode_documents(self, texts: Sequence[str]) -> Vectors:
        """Embed texts to be found: `(n, dim)` float32."""
        ...

    def encode_queries(self, texts: Sequence[str]) -> Vectors:
        """Embed texts to search with: `(n, dim)` float32."""
        ...

    def count_tokens(self, text: str) -> int:
        """Count what the model would read of `text`, special tokens included; compare with `card.max_tokens`."""
        ...


@runtime_checkable
class StreamEncoder(Protocol):
    """An encoder that works on the next group of texts while the vectors of one are read."""

    def encode_each(self, groups: Iterable[Sequence[str]]) -> Iterator[Vectors]:
        """Embed groups of texts to be found, as `encode_documents` does: one array for each, in order."""
        ...


def encode_each(encoder: Encoder, groups: Iterable[Sequence[str]]) -> Iterator[Vectors]:
    """Embed groups of texts to be found: one `(n, dim)` float32 array for each, in order.

    Args:
        encoder: Is asked group by group if it is no `StreamEncoder`; not at all for an empty group.
        groups: Read one by one; a `StreamEncoder` reads ahead.
    """
    if isinstance(encoder, StreamEncoder):
        yield from encoder.encode_each(groups)
        return
    for texts in groups:
        yield encoder.encode_documents(texts) if texts else np.zeros((0, encoder.card.dim), dtype=np.float32)


class LangChainEncoder:
    """Any LangChain `Embeddings` as an `Encoder`; vectors are scaled to unit length."""

    def __init__(self, embeddings: Any) -> None:  # Any: duck-typed, so that no framework is imported here
        self._embeddings = embeddings
        self._card: EncoderCard | None = None

    @property
    def card(self) -> EncoderCard:
        """Class name and dimension; the first call embeds one word to learn the dimension."""
        if self._card is None:
            kind = type(self._embeddings)
            dim = len(self._embeddings.embed_query("dimension"))
            self._card = EncoderCard(model=f"{kind.__module__}.{kind.__qualname__}", dim=dim)
        return self._card

    def encode_documents(self, texts: Sequence[str]) -> Vectors:
        """Embed with `embed_documents`: `(n, dim)` float32, rows unit length."""
        return self._rows(self._embeddings.embed_documents(list(texts)) if texts else [], len(texts))

    def encode_queries(self, texts: Sequence[str]) -> Vectors:
        """Embed with `embed_query`, one by one: `(n, dim)` float32, rows unit length."""
        return self._rows([self._embeddings.embed_query(text) for text in texts], len(texts))

    def count_tokens(self, text: str) -> int:
        """Estimate, on the high side: the model's own tokenizer is not known."""
        return estimate_tokens(text)

    def _rows(self, vectors: Sequence[Sequence[float]], expected: int) -> Vectors:
        rows = np.asarray(vectors, dtype=np.float32).reshape(len(vectors), -1 if len(vectors) else self.card.dim)
        if len(rows) != expected or not np.isfinite(rows).all():
            raise ModelError(
                f"{self.card.model} gave {len(rows)} vectors for {expected} texts, or values that are not finite; "
                "expected one finite vector per text: check the embedding model."
            )
        norms = np.linalg.norm(rows, axis=1, keepdims=True)
        unit: Vectors = np.divide(rows, norms, out=np.zeros_like(rows), where=norms > 0)
        return unit


def as_encoder(embeddings: Any) -> Encoder:
    """Give `embeddings` as an `Encoder`.

    Args:
        embeddings: An `Encoder` (returned as it is), an object that carries one as `.encoder`
            (`SentenceEmbeddings` does), or any LangChain `Embeddings`.

    Raises:
        ConfigError: If it is none of these.
    """
    if hasattr(embeddings, "encode_documents"):
        return embeddings  # type: ignore[no-any-return]  # duck-typed: the protocol's methods are there
    if hasattr(embeddings, "encoder"):
        return as_encoder(embeddings.encoder)
    if hasattr(embeddings, "embed_documents") and hasattr(embeddings, "embed_query"):
        return LangChainEncoder(embeddings)
    raise ConfigError(
        f"embeddings must be an Encoder or a LangChain Embeddings, got {shorten(type(embeddings).__name__)}: "
        "pass ragkit.SentenceEmbeddings() or an object with embed_documents and embed_query."
    )
