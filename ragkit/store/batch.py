"""Documents on their way into a generation, many to a transaction: a commit costs a handful of syncs, however many."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any

import numpy as np

from ragkit.disk.sqlite import connect
from ragkit.store import catalog
from ragkit.store.compact import note_digests
from ragkit.store.digests import known_rows
from ragkit.store.succession import carry_over
from ragkit.store.writer import Prepared, Writer, prepared

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ragkit.encoder import Vectors
    from ragkit.store.generation import Generation
    from ragkit.store.records import NewDocument

__all__ = ["GROUP_DOCUMENTS", "Batch", "Rebuild"]

GROUP_DOCUMENTS = 1_024
"""The most documents of one transaction."""

_GROUP_CHARS = 8_000_000


class Batch:
    """Gathers documents until there is enough for one transaction."""

    def __init__(self, writer: Writer, generation: Generation) -> None:
        self._writer = writer
        self._generation = generation
        self._group: list[Prepared] = []
        self._chars = 0

    def add(self, item: Prepared) -> None:
        """Take a document; what is full is committed."""
        self._group.append(item)
        self._chars += len(item.document.text)
        if len(self._group) >= GROUP_DOCUMENTS or self._chars >= _GROUP_CHARS:
            self.commit()

    def commit(self) -> None:
        """Write what waits, durable on return."""
        group, self._group, self._chars = self._group, [], 0
        if group:
            self._writer.put(self._generation, group)


class Rebuild:
    """The next generation of a collection while a caller fills it; see `Collection.rebuilding`."""

    def __init__(self, writer: Writer, successor: Generation, current: Generation, *, same_model: bool) -> None:
        """Begin with what belongs to no document.

        Args:
            writer: Has its turn.
            successor: Empty.
            current: What the collection holds until now.
            same_model: Whether vectors of one are vectors of the other.
        """
        self._current = current
        self._successor = successor
        self._batch = Batch(writer, successor)
        with current.connections.reading() as db:
            state = catalog.read_state(db)
            self._sound = current.vectors.sound_rows(db, state.rows) if same_model else None
        if same_model:
            _have_digests(current)
        with closing(connect(successor.parts.catalog, create=False)) as db:
            carry_over(db, current.parts.catalog, state.sequence)

    def put_many(self, pairs: Iterable[tuple[NewDocument, Any]]) -> None:
        """Insert documents with their vectors, as `Collection.put_many` does.

        Raises:
            InputError: At the first document that does not fit.
        """
        for document, vectors in pairs:
            self._batch.add(prepared(document, vectors, self._successor.manifest.dim))
        self._batch.commit()

    def known_vectors(self, texts: Iterable[str]) -> dict[str, Vectors]:
        """Give what was put so far, or the same model has embedded before and is not damaged; any thread may.

        Args:
            texts: As `records.index_text` gives them.

        Returns:
            `(dim,)` float32 of unit length for each text that is known; the others are left out.
        """
        asked = list(texts)
        with self._successor.connections.reading() as db:
            known = self._successor.known_vectors(db, asked)
        return known | self._taken_over([text for text in asked if text not in known])

    def _taken_over(self, texts: Iterable[str]) -> dict[str, Vectors]:
        if self._sound is None:
            return {}
        with self._current.connections.reading() as db:
            rows = {text: row for text, row in known_rows(db, texts).items() if self._sound[row]}
        if not rows:
            return {}
        # Not all rows need be there.
        content = self._current.vectors.file.read(max(rows.values()) + 1)
        return {text: content[row].astype(np.float32) for text, row in rows.items()}

    def finish(self) -> None:
        """Bring the derived indexes to what was put."""
        self._batch.commit()
        self._successor.words.follow()
        self._successor.dense.follow()


def _have_digests(generation: Generation) -> None:
    """Note the digests of a generation from before there were any; the caller is the writer."""
    with closing(connect(generation.parts.catalog, create=False)) as db:
        first = next(catalog.indexed_texts(db, 0, page_rows=1), None)
        if first is not None and not known_rows(db, [first[1]]):
            note_digests(db)
