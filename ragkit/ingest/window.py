"""Documents on their way into the collection: embedded together across files, written one by one."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from ragkit.store.records import NewDocument, index_text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ragkit.encoder import Encoder, Vectors
    from ragkit.store.collection import Collection

__all__ = ["Window", "chunk_texts"]

_MAX_CHUNKS = 256
_MAX_CHARS = 16_000_000


def chunk_texts(document: NewDocument) -> list[str]:
    """Give what is embedded for each chunk of the document."""
    return [index_text(document.text[chunk.start : chunk.end], chunk.context) for chunk in document.chunks]


@dataclass(slots=True)
class _Waiting:
    document: NewDocument
    texts: list[str]
    kept: Mapping[str, str]


@dataclass(slots=True)
class Window:
    """Gathers documents until there is enough to embed at once; memory stays flat however many come."""

    collection: Collection | None
    """Where they go; None when nothing is to be written."""
    encoder: Encoder
    """Makes the vectors of what is new."""
    dry_run: bool = False
    """Count only."""
    embedded: int = 0
    """Texts embedded so far, or that would be."""
    _waiting: list[_Waiting] = field(default_factory=list)
    _chunks: int = 0
    _chars: int = 0

    def add(self, document: NewDocument) -> None:
        """Take a document; what is full goes out first.

        Vectors of chunks that the collection holds for the same document, context included, are used again.
        """
        texts = chunk_texts(document)
        self._waiting.append(_Waiting(document, texts, self._vectors_kept(document.doc_id, texts)))
        self._chunks += len(texts)
        self._chars += len(document.text)
        if self._chunks >= _MAX_CHUNKS or self._chars >= _MAX_CHARS:
            self.flush()

    def flush(self) -> None:
        """Embed what waits, and write it."""
        waiting, self._waiting, self._chunks, self._chars = self._waiting, [], 0, 0
        new = list(dict.fromkeys(text for item in waiting for text in item.texts if text not in item.kept))
        self.embedded += len(new)
        if self.dry_run or self.collection is None or not waiting:
            return
        vectors = self.encoder.encode_documents(new)
        rows = {text: vectors[row] for row, text in enumerate(new)}
        self.collection.put_many([(item.document, self._rows(item, rows)) for item in waiting])

    def _rows(self, item: _Waiting, new: Mapping[str, Vectors]) -> Vectors:
        kept: dict[str, Vectors] = {}
        if item.kept and self.collection is not None:
            kept = dict(zip(item.kept, self.collection.vectors(list(item.kept.values())), strict=True))
        rows = [kept[text] if text in kept else new[text] for text in item.texts]
        return np.asarray(rows, dtype=np.float32).reshape(len(rows), self.encoder.card.dim)

    def _vectors_kept(self, doc_id: str, texts: Sequence[str]) -> dict[str, str]:
        """Give the chunk whose vector serves, by text, for those of `texts` that the document had before."""
        if self.collection is None or doc_id not in self.collection:
            return {}
        wanted = set(texts)
        held = {index_text(chunk.text, chunk.context): chunk.chunk_id for chunk in self.collection.chunks(doc_id)}
        return {text: chunk_id for text, chunk_id in held.items() if text in wanted}
