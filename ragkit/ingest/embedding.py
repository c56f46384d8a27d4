"""Windows get their vectors: what the collection or this sync has embedded before is not embedded again."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np

from ragkit.encoder import encode_each

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from ragkit.encoder import Encoder, Vectors
    from ragkit.ingest.window import Window

__all__ = ["EmbeddedWindow", "Embedding", "Knowing"]


class Knowing(Protocol):
    """A collection, or one that is being built."""

    def known_vectors(self, texts: Iterable[str]) -> Mapping[str, Vectors]:
        """Give the vectors of those of these texts that were embedded before."""
        ...


class EmbeddedWindow(NamedTuple):
    """A window with the vectors of its chunks."""

    window: Window
    vectors: list[Vectors]
    """For each document `(chunks, dim)` float32; empty on a dry run."""
    embedded: int
    """Texts that the model was given, or would have been."""


@dataclass(slots=True)
class _Asked:
    """A window whose new texts the encoder was given."""

    window: Window
    known: Mapping[str, Vectors]
    """What the collection holds, by text."""
    new: dict[str, int] = field(default_factory=dict)
    """Row of `vectors` by text."""
    borrowed: dict[str, _Asked] = field(default_factory=dict)
    """Earlier windows that give a vector, by text."""
    vectors: Vectors = field(default_factory=lambda: np.zeros((0, 0), dtype=np.float32))
    """Of the new texts, once they are there: in the order of the windows, so before those that borrow of it ask."""

    def rows(self, dim: int) -> list[Vectors]:
        """Give the vectors of each document, `(chunks, dim)`."""
        texts = [text for texts in self.window.texts for text in texts]
        if list(self.new) == texts:
            rows = self.vectors
        else:
            rows = np.array([self._vector(text) for text in texts], dtype=np.float32).reshape(len(texts), dim)
        ends = accumulate(map(len, self.window.texts), initial=0)
        return [rows[start:end] for start, end in pairwise(ends)]

    def _vector(self, text: str) -> Vectors:
        if text in self.known:
            return self.known[text]
        owner = self.borrowed.get(text, self)
        vector: Vectors = owner.vectors[owner.new[text]]
        return vector


class Embedding:
    """Gives vectors to the windows of one sync.

    Texts of windows that are not written yet cannot be found in the collection; their vectors are remembered here
    until `written` says that they can, so that a text that stands in two windows is embedded once all the same.

    Args:
        encoder: Makes the vectors of what is new.
        collection: Knows what was embedded before; None for a collection not made yet.
        dry_run: Count only.
    """

    def __init__(self, encoder: Encoder, collection: Knowing | None, *, dry_run: bool) -> None:
        self._encoder = encoder
        self._collection = collection
        self._dry_run = dry_run
        self._counted: set[int] = set()
        self._owners: dict[str, _Asked] = {}
        self._unwritten: deque[_Asked] = deque()
        self._written = -1

    def written(self, number: int) -> None:
        """Say that the collection holds all windows up to this number; any thread may."""
        self._written = number

    def run(self, windows: Iterable[Window]) -> Iterator[EmbeddedWindow]:
        """Give every window with its vectors, in order.

        Raises:
            ModelError: If embedding fails.
        """
        if self._dry_run or self._collection is None:
            for window in windows:
                yield EmbeddedWindow(window, [], self._count(window))
            return
        asked: deque[_Asked] = deque()
        for vectors in encode_each(self._encoder, self._new_texts(windows, asked)):
            item = asked.popleft()
            item.vectors = vectors
            rows = item.rows(self._encoder.card.dim)
            item.known, item.borrowed = {}, {}  # else each window keeps the one before it
            yield EmbeddedWindow(item.window, rows, len(item.new))

    def _count(self, window: Window) -> int:
        texts = dict.fromkeys(text for texts in window.texts for text in texts)
        known = self._known(texts)
        new = {hash(text) for text in texts if text not in known} - self._counted
        self._counted |= new
        return len(new)

    def _new_texts(self, windows: Iterable[Window], asked: deque[_Asked]) -> Iterator[list[str]]:
        for window in windows:
            self._forget()
            texts = dict.fromkeys(text for texts in window.texts for text in texts)
            borrowed = {text: self._owners[text] for text in texts if text in self._owners}
            known = self._known(text for text in texts if text not in borrowed)
            new = [text for text in texts if text not in borrowed and text not in known]
            item = _Asked(window, known, {text: row for row, text in enumerate(new)}, borrowed)
            self._owners.update(dict.fromkeys(new, item))
            asked.append(item)
            self._unwritten.append(item)
            yield new

    def _known(self, texts: Iterable[str]) -> Mapping[str, Vectors]:
        return {} if self._collection is None else self._collection.known_vectors(list(texts))

    def _forget(self) -> None:
        """Let go of what the collection knows by now; who has borrowed of it holds it longer."""
        written = self._written
        while self._unwritten and self._unwritten[0].window.number <= written:
            for text in self._unwritten.popleft().new:
                del self._owners[text]
