"""How near examples are to a text: their vectors, computed once, compared exactly."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ragkit.encoder import Encoder, EncoderCard, Vectors, as_encoder
from ragkit.prompts.examples import Example

__all__ = ["Nearness", "RememberingEncoder", "model_card"]

_ROWS_AT_ONCE = 256
_DECIMALS = 9  # beyond them a float32 vector says nothing, and equal cosines would be told apart by rounding

_NOTHING: Vectors = np.zeros((0, 0), dtype=np.float32)  # no encoder is asked for no examples


class Nearness:
    """The vectors of the inputs of examples.

    Examples and the text asked about are embedded alike, as texts of the same kind. Each distinct input is embedded
    once.
    """

    def __init__(self, examples: Sequence[Example], encoder: Any) -> None:
        """Embed the inputs.

        Args:
            examples: In the order of every result.
            encoder: An `Encoder`, what carries one as `.encoder` (a collection does), or LangChain `Embeddings`.

        Raises:
            ConfigError: If it is none of these.
        """
        self._encoder = as_encoder(encoder)
        places = {text: place for place, text in enumerate(dict.fromkeys(example.input for example in examples))}
        self._texts = tuple(places)
        self._rows = _unit(self._encoder.encode_documents(self._texts)) if self._texts else _NOTHING
        self._place_of = np.fromiter((places[example.input] for example in examples), dtype=np.intp)

    @property
    def encoder(self) -> Encoder:
        """The encoder, which need not embed these inputs again."""
        known = dict(zip(self._texts, self._rows, strict=True))
        inner = self._encoder
        if isinstance(inner, RememberingEncoder):
            return RememberingEncoder(inner.encoder, {**inner.known, **known})
        return RememberingEncoder(inner, known)

    def rows(self, places: Sequence[int]) -> Vectors:
        """Give the vectors of the examples at `places`: `(len(places), dim)` float32, of unit length."""
        return self._rows[self._place_of[list(places)]]

    def cosines(self, text: str) -> NDArray[np.float64]:
        """Give the cosine of every example to `text`, `(n,)`, to 9 decimals; equal vectors have equal cosines.

        Costs one embedding and n * dim.
        """
        if not self._texts:
            return np.zeros(0)
        asked = _unit(self._encoder.encode_documents([text]))[0].astype(np.float64)
        starts = range(0, len(self._rows), _ROWS_AT_ONCE)
        # Summed row by row: a matrix product rounds equal rows differently, by where they stand.
        parts = [(self._rows[start : start + _ROWS_AT_ONCE] * asked).sum(axis=1) for start in starts]
        found: NDArray[np.float64] = np.round(np.concatenate(parts), _DECIMALS)
        return found[self._place_of]


class RememberingEncoder:
    """An encoder that knows the vectors of some texts already, and asks the one it wraps for the others."""

    def __init__(self, encoder: Encoder, known: Mapping[str, NDArray[np.float32]]) -> None:
        self.encoder = encoder
        self.known = known

    @property
    def card(self) -> EncoderCard:
        """Of the encoder it wraps."""
        return self.encoder.card

    def encode_documents(self, texts: Sequence[str]) -> Vectors:
        """Embed texts: `(n, dim)` float32."""
        new = [text for text in dict.fromkeys(texts) if text not in self.known]
        rows = dict(zip(new, self.encoder.encode_documents(new), strict=True)) if new else {}
        found = [rows[text] if text in rows else self.known[text] for text in texts]
        return np.stack(found) if found else np.zeros((0, self.card.dim), dtype=np.float32)

    def encode_queries(self, texts: Sequence[str]) -> Vectors:
        """Embed queries: `(n, dim)` float32; none is remembered."""
        return self.encoder.encode_queries(texts)

    def count_tokens(self, text: str) -> int:
        """Count as the encoder it wraps."""
        return self.encoder.count_tokens(text)


def model_card(encoder: Any) -> dict[str, Any]:
    """Give what tells the embedding model from others."""
    card = as_encoder(encoder).card
    return {"model": card.model, "revision": card.revision}


def _unit(rows: Vectors) -> Vectors:
    wide = np.asarray(rows, dtype=np.float64)
    norms = np.linalg.norm(wide, axis=1, keepdims=True)
    unit: Vectors = np.divide(wide, norms, out=np.zeros_like(wide), where=norms > 0).astype(np.float32)
    return unit
