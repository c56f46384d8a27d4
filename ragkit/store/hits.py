"""Rows of the vector file as `Hit` values: texts, names and metadata are read for what is returned only."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

from ragkit.store import catalog
from ragkit.store.records import chunk_name
from ragkit.types import ArmScore, Hit

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

    from ragkit.store.order import Scored

__all__ = ["Retrieved", "hits_of", "listed"]


class Retrieved(NamedTuple):
    """A row on its way to a hit."""

    row: int
    score: float
    """Of the last step of the retrieval."""
    arms: Mapping[str, ArmScore]
    """What each arm that listed it said."""


def listed(run: Sequence[Scored], arm: str) -> list[Retrieved]:
    """Give what one arm found, best first, with its score and rank there."""
    return [Retrieved(row, score, {arm: ArmScore(score, rank)}) for rank, (row, score) in enumerate(run, start=1)]


def hits_of(db: sqlite3.Connection, runs: Sequence[Sequence[Retrieved]]) -> list[list[Hit]]:
    """Give each query's rows as hits, ranks from 1; what several queries found is read once.

    Args:
        db: In the transaction that the rows were found in.
        runs: Best first.
    """
    rows = {item.row for run in runs for item in run}
    chunks = catalog.chunk_rows(db, rows)
    texts = catalog.slices(db, [(chunk.document, chunk.first, chunk.last) for chunk in chunks])
    metadata = catalog.metadata_of(db, (chunk.document for chunk in chunks))
    known = {chunk.row: (chunk, text) for chunk, text in zip(chunks, texts, strict=True)}

    def hit(item: Retrieved, rank: int) -> Hit:
        chunk, text = known[item.row]
        return Hit(
            doc_id=chunk.doc_id,
            score=item.score,
            rank=rank,
            chunk_id=chunk_name(chunk.doc_id, chunk.ordinal),
            text=text,
            source=chunk.source,
            title=chunk.title,
            start=chunk.first,
            end=chunk.last,
            page=chunk.page,
            metadata=dict(metadata[chunk.document]),
            arms=dict(item.arms),
        )

    return [[hit(item, rank) for rank, item in enumerate(run, start=1)] for run in runs]
