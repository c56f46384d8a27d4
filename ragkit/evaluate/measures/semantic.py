"""How near an answer lies to a gold answer in meaning, by the cosine of their embeddings."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ragkit.encoder import Encoder, Vectors
from ragkit.errors import InputError
from ragkit.evaluate.outcome import Outcome, Unscored

__all__ = ["cosine", "semantic_similarity"]


def semantic_similarity(
    encoder: Encoder, predictions: Sequence[str], references: Sequence[Sequence[str]]
) -> list[Outcome]:
    """Give for each prediction its highest cosine with one of its references.

    Every text is embedded once, all in one call. The model sees no more than its `card.max_tokens` of a text.

    Args:
        encoder: State its card with the numbers: they mean nothing without it.
        predictions: n texts.
        references: For each of them any number of texts.

    Returns:
        n cosines from -1 to 1; `Unscored` where the prediction is empty or no reference has a letter.

    Raises:
        InputError: If the lengths differ.
    """
    if len(predictions) != len(references):
        raise InputError(f"{len(predictions)} predictions for {len(references)} rows of references: give one per row.")
    texts = dict.fromkeys(
        text for text in [*predictions, *(gold for row in references for gold in row)] if text.strip()
    )
    vectors = dict(zip(texts, encoder.encode_documents(list(texts)), strict=True)) if texts else {}
    outcomes: list[Outcome] = []
    for said, golds in zip(predictions, references, strict=True):
        known = [vectors[gold] for gold in golds if gold in vectors]
        if said not in vectors:
            outcomes.append(Unscored("empty answer"))
        else:
            outcomes.append(float(cosine(vectors[said], np.stack(known)).max()) if known else Unscored("no reference"))
    return outcomes


def cosine(vector: Vectors, rows: Vectors) -> Vectors:
    """Give the cosine of `vector` `(dim,)` with each of `rows` `(n, dim)`: `(n,)`; 0 for a zero vector."""
    norms = np.linalg.norm(rows, axis=1) * np.linalg.norm(vector)
    unit: Vectors = np.divide(rows @ vector, norms, out=np.zeros(len(rows), dtype=np.float32), where=norms > 0)
    return unit
