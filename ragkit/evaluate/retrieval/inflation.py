"""How much a small corpus flatters: the same queries over growing parts of it, down from the whole.

A corpus of few documents is easy: what is relevant has little to be confused with. Each part holds every relevant
document, the hard distractors (what a given run retrieved) and a random sample of the others, each part the one before
and more, so that the curve is of the corpus and not of luck. Its slope says what more documents would cost; it is no
forecast far beyond the last point.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ragkit.errors import InputError
from ragkit.evaluate.reports.content import Curve, Interval, Table
from ragkit.evaluate.statistics.estimate import estimates
from ragkit.store.collection import Collection
from ragkit.store.records import NewChunk, NewDocument

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from ragkit.encoder import Vectors
    from ragkit.evaluate.outcome import Estimate, Row
    from ragkit.evaluate.reports.content import Cell, Section

__all__ = ["Inflation", "nested_parts", "part_of", "sections", "slope_per_doubling"]

_SIZES = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Inflation:
    """How the curve is drawn."""

    hard: Path | None = None
    """A run whose documents are hard distractors: in every part; None for random ones only."""
    sizes: int = _SIZES
    """Points of the curve with the whole corpus, at least 4."""
    seed: int = 0
    """Of the random distractors."""

    def __post_init__(self) -> None:
        if self.sizes < 4:
            raise InputError(f"a curve needs at least 4 corpus sizes to show its bend, got {self.sizes}.")


def nested_parts(
    documents: Sequence[str], always: Iterable[str], *, sizes: int = _SIZES, seed: int = 0
) -> list[list[str]]:
    """Choose the parts: the whole is the last, each other part holds the one before it.

    Sizes are evenly spaced on a logarithmic scale, from a sixteenth of the corpus, or one and a half times `always`
    where that is more, or `always` alone where the corpus is hardly larger.

    Args:
        documents: Ids of the whole corpus, in any order that is the same each time.
        always: Ids that are in every part; those not in the corpus are passed over.
        sizes: Parts, the whole included; fewer where the corpus is too small for so many.
        seed: Of the sample.
    """
    kept = set(always)
    first = [document for document in documents if document in kept]
    others = [document for document in documents if document not in kept]
    order = [*first, *(others[place] for place in np.random.default_rng(seed).permutation(len(others)))]
    total = len(order)
    least = max(len(first), 1, min(total, max(total // 16, len(first) * 3 // 2)))
    if least > total * 3 // 4:  # hardly anything but what must be there
        least = max(len(first), 1)
    counts = sorted({round(float(count)) for count in np.geomspace(least, total, sizes)})
    return [order[:count] for count in counts]


def part_of(whole: Collection, documents: Sequence[str], folder: str) -> Collection:
    """Build a collection of some documents of another in a folder, with their vectors: nothing is embedded.

    Raises:
        DocumentNotFoundError: If one is not there.
    """
    encoder = whole.encoder
    part = Collection.open(folder, encoder, dim=None if encoder else whole.manifest.dim, analyser=whole.analyser)
    part.put_many(_copies(whole, documents))
    return part


def _copies(whole: Collection, documents: Sequence[str]) -> Iterator[tuple[NewDocument, Vectors]]:
    for doc_id in documents:
        chunks = whole.chunks(doc_id)
        new = [NewChunk(chunk.start, chunk.end, chunk.context) for chunk in chunks]
        copy = NewDocument(doc_id=doc_id, text=whole.text(doc_id), title=whole.get(doc_id).title, chunks=new)
        yield copy, whole.vectors([chunk.chunk_id for chunk in chunks])


def slope_per_doubling(points: Sequence[tuple[int, float]]) -> float:
    """Give the change of a score for each doubling of the corpus: least squares over the logarithm of the size.

    Args:
        points: Sizes and scores, of at least two different sizes.

    Example:
        >>> slope_per_doubling([(100, 0.8), (200, 0.7), (400, 0.6)])
        -0.1
    """
    sizes = np.log2([size for size, _ in points])
    values = np.array([value for _, value in points])
    off = sizes - sizes.mean()
    return round(float(off @ (values - values.mean()) / (off @ off)), 12)


def sections(parts: Mapping[int, Sequence[Row]], measures: Sequence[str], note: str, *, seed: int = 0) -> list[Section]:
    """Draw the curve and its table.

    Args:
        parts: Rows of the same queries by the number of documents searched.
        measures: Which to show; the first is the one with intervals.
        note: Which documents the parts hold.
        seed: Of the bootstrap.
    """
    found = {size: estimates(rows, seed=seed) for size, rows in sorted(parts.items())}
    lines = {name: tuple((float(size), estimate[name].value) for size, estimate in found.items()) for name in measures}
    first = measures[0]
    trend = "The corpus holds hardly anything else, so there is no curve."
    if len(found) > 1:
        slope = slope_per_doubling([(size, estimate[first].value) for size, estimate in found.items()])
        trend = f"{first} changes by {slope:+.4f} with each doubling of the corpus."
    rows = tuple(_line(size, [estimate[name] for name in measures]) for size, estimate in found.items())
    return [
        Curve("What a smaller corpus would score", "documents searched", "score", lines, f"{trend} {note}", log_x=True),
        Table("Scores by size of the corpus", ("documents", *measures), rows),
    ]


def _line(size: int, scores: Sequence[Estimate]) -> tuple[Cell, ...]:
    return (f"{size:,}", *(Interval(score.value, score.low, score.high) for score in scores))
