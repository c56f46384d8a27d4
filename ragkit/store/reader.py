"""What can be read of a collection, and found in it."""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np

from ragkit.errors import (
    DocumentNotFoundError,
    IndexMismatchError,
    InputError,
    shorten,
)
from ragkit.store import catalog
from ragkit.store.bm25 import Bm25Index
from ragkit.store.connections import ReadConnections
from ragkit.store.dense import DenseIndex
from ragkit.store.folder import Folder
from ragkit.store.hits import hits_of
from ragkit.store.records import StoredChunk, StoredDocument, unit_rows
from ragkit.store.snapshot import Snapshot
from ragkit.store.vectors import VectorFile
from ragkit.store.where import parse
from ragkit.store.words import View, Words
from ragkit.store.writer import Writer

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from ragkit.encoder import Encoder, Vectors
    from ragkit.store.conditions import Node
    from ragkit.store.manifest import Manifest
    from ragkit.text.analyse import Analyser
    from ragkit.types import Hit

__all__ = ["CollectionReader"]

_PAGE = 256
_TRIES = 3


class CollectionReader:
    """The reading half of `Collection`: any number of threads, each call on one committed state."""

    encoder: Encoder | None
    """Makes vectors of texts; None when the collection was opened without embeddings."""
    folder: Path
    """Where it lies."""
    manifest: Manifest
    """What the collection was built with."""

    def __init__(
        self, folder: Path, manifest: Manifest, encoder: Encoder | None, *, read_only: bool, wait_s: float
    ) -> None:
        """Read what stands in a folder; `Collection.open` does this.

        Args:
            folder: Of a complete collection.
            manifest: Of that folder.
            encoder: Fits the manifest.
            read_only: Write nothing, so that a damaged word index is not built again.
            wait_s: How long a write waits for another process.
        """
        self.folder = folder
        self.manifest = manifest
        self.encoder = encoder
        files = Folder(folder)
        self._vectors = VectorFile(files.vectors, manifest.dim)
        self._connections = ReadConnections(files.catalog, read_only=read_only)
        self._writer = None if read_only else Writer(files, self._vectors, wait_s=wait_s)
        self._words = Words(Bm25Index(files.bm25, manifest.analyser), self._connections, self._writer)
        self._snapshot: Snapshot | None = None
        self._dense: DenseIndex | None = None
        self._dense_lock = Lock()

    # What it is

    @property
    def analyser(self) -> Analyser:
        """What makes terms of texts and queries."""
        return self.manifest.analyser

    @property
    def sequence(self) -> int:
        """Number of committed changes; another number means other content."""
        return self._state().sequence

    @property
    def chunk_count(self) -> int:
        """Number of chunks."""
        return self._state().chunks

    def __len__(self) -> int:
        return self._state().documents

    def __bool__(self) -> bool:
        return True  # an empty collection is a collection

    def __contains__(self, doc_id: object) -> bool:
        with self._connections.reading() as db:
            return isinstance(doc_id, str) and catalog.find_document(db, doc_id) is not None

    def _state(self) -> catalog.State:
        with self._connections.reading() as db:
            return catalog.read_state(db)

    def fields(self) -> dict[str, str]:
        """Give every field of the metadata with what it holds, such as `{"year": "number", "tags": "list of text"}`."""
        with self._connections.reading() as db:
            return catalog.field_kinds(db)

    def roots(self) -> list[str]:
        """Give the roots that documents belong to, sorted."""
        with self._connections.reading() as db:
            return catalog.roots(db)

    def info(self) -> dict[str, object]:
        """Give what `ragkit info` prints: counts, how it was built, fields, bytes on disk."""
        state, manifest = self._state(), self.manifest
        return {
            "folder": str(self.folder),
            "format": manifest.format,
            "documents": state.documents,
            "chunks": state.chunks,
            "sequence": state.sequence,
            "dead_rows": state.rows - state.chunks,
            "model": manifest.card.model if manifest.card else None,
            "revision": manifest.card.revision if manifest.card else None,
            "dim": manifest.dim,
            "pooling": manifest.card.pooling if manifest.card else None,
            "analyser": manifest.analyser.name,
            "chunker": dict(manifest.chunker),
            "fields": self.fields(),
            "roots": self.roots(),
            "bytes": _bytes_in(self.folder),
        }

    # Reading

    def get(self, doc_id: str) -> StoredDocument:
        """Give a document without its text.

        Raises:
            DocumentNotFoundError: If there is none of this id.
        """
        with self._connections.reading() as db:
            return self._find(db, doc_id)[1]

    def text(self, doc_id: str, start: int = 0, end: int | None = None) -> str:
        """Give a document's text, or a slice of it in characters; `end` beyond the text is its end.

        Raises:
            DocumentNotFoundError: If there is none of this id.
            InputError: If `start` is below 0 or above `end`.
        """
        with self._connections.reading() as db:
            key, document = self._find(db, doc_id)
            last = document.chars if end is None else min(end, document.chars)
            if start < 0 or (end is not None and end < start):
                raise InputError(f"slice {start}:{end} of document {shorten(doc_id)!r}: expected 0 <= start <= end.")
            return catalog.slices(db, [(key, start, last)])[0]

    def chunks(self, doc_id: str) -> list[StoredChunk]:
        """Give a document's chunks in order.

        Raises:
            DocumentNotFoundError: If there is none of this id.
        """
        with self._connections.reading() as db:
            key, _ = self._find(db, doc_id)
            return catalog.chunks_of(db, key, doc_id)

    def _find(self, db: sqlite3.Connection, doc_id: str) -> tuple[int, StoredDocument]:
        if (found := catalog.find_document(db, doc_id)) is None:
            raise DocumentNotFoundError(f"document {shorten(doc_id)!r} is not in {self.folder}: check the doc_id.")
        return found

    def documents(self, where: str | Mapping[str, Any] | None = None) -> Iterator[StoredDocument]:
        """Iterate over documents by rising `doc_id`; changes made meanwhile show as far as they lie ahead.

        Raises:
            WhereError: If the filter does not fit, or asks for a page, which chunks have.
        """
        node = parse(where)

        def page(after: str) -> list[StoredDocument]:
            with self._connections.reading() as db:
                return catalog.documents_after(db, after, catalog.document_sql(db, node), _PAGE)

        def pages(found: list[StoredDocument]) -> Iterator[StoredDocument]:
            while found:
                yield from found
                found = page(found[-1].doc_id)

        return pages(page(""))

    def vectors(self, chunk_ids: Sequence[str]) -> Vectors:
        """Give the vectors of chunks, `(n, dim)` float32 of unit length, in the order asked.

        Raises:
            DocumentNotFoundError: If a chunk is not there.
        """
        with self._connections.reading() as db:
            rows = [self._row(db, chunk_id) for chunk_id in chunk_ids]
            every = self._vectors.read(catalog.read_state(db).rows)
            return every[np.array(rows, dtype=np.int64)]

    def _row(self, db: sqlite3.Connection, chunk_id: str) -> int:
        if (row := catalog.row_of_chunk(db, chunk_id)) is None:
            raise DocumentNotFoundError(f"chunk {shorten(chunk_id)!r} is not in {self.folder}: check the chunk_id.")
        return row

    def contexts(self, chunk_ids: Iterable[str]) -> dict[str, str]:
        """Give title or headings of those chunks that have any, by `chunk_id`; unknown chunks are left out."""
        with self._connections.reading() as db:
            found = ((chunk_id, catalog.row_of_chunk(db, chunk_id)) for chunk_id in chunk_ids)
            contexts = ((chunk_id, catalog.context_of(db, row)) for chunk_id, row in found if row is not None)
            return {chunk_id: context for chunk_id, context in contexts if context}

    def inverse_document_frequencies(self, terms: Iterable[str]) -> dict[str, float]:
        """Give how telling terms are in this collection, as BM25 weighs them: ln(1 + (N - n + 0.5) / (n + 0.5)).

        Args:
            terms: As `analyser` gives them.
        """
        with self._connections.reading() as db:
            return self._words.weights(terms, catalog.read_state(db))

    # Searching

    def search_dense(self, queries: Any, *, k: int, where: str | Mapping[str, Any] | None = None) -> list[list[Hit]]:
        """Find the nearest chunks by cosine, exactly.

        Args:
            queries: `(q, dim)` floats, answered together; scaled to unit length. A zero vector scores 0 with all.
            k: Hits per query, at least 1.
            where: Chunks that may be found; see `where.py`.

        Returns:
            For each query `min(k, passing chunks)` hits by falling cosine, ties by (doc_id, chunk_id).

        Raises:
            InputError: If `k` or the queries do not fit; `WhereError` for the filter.
            IndexMismatchError: If the dimension differs.
        """
        rows, node = self._checked_queries(queries), parse(where)
        _check_k(k)
        with self._connections.reading() as db:
            view = self._view(db, node)
            if not view.mask.any():
                return [[] for _ in rows]
            index = self._dense_index(view.state.rows)
            runs = index.search(rows, view.mask, k, partial(catalog.sort_keys, db))
            return hits_of(db, runs, "dense")

    def search_bm25(
        self, queries: Sequence[str], *, k: int, where: str | Mapping[str, Any] | None = None
    ) -> list[list[Hit]]:
        """Find chunks by their words, best BM25 score first.

        Args:
            queries: Any texts; there is no query syntax.
            k: Hits per query, at least 1.
            where: Chunks that may be found; see `where.py`.

        Returns:
            For each query at most `k` hits that share a term with it, by falling score above 0, ties by
            (doc_id, chunk_id). A query without terms (only stop words) finds nothing.

        Raises:
            InputError: If `k` or the queries do not fit; `WhereError` for the filter.
            StoreError: If the index is unusable and another process keeps it from being built again.
        """
        if isinstance(queries, str):
            raise InputError("queries must be a list of texts, got one text: pass [query].")
        node = parse(where)
        _check_k(k)
        for _ in range(_TRIES):
            with self._connections.reading() as db:
                view = self._view(db, node)
                if not view.mask.any():
                    return [[] for _ in queries]
                runs = self._words.search(queries, view, k, partial(catalog.sort_keys, db))
                found = hits_of(db, runs, "bm25")
            if self._words.fits(view.state):
                break  # else a writer dropped dead entries meanwhile, which this moment still had: look again
        return found

    def _view(self, db: sqlite3.Connection, node: Node | None) -> View:
        self._snapshot = snapshot = Snapshot.read(db, self._snapshot)
        return View(snapshot.state, snapshot.mask(db, node))

    def _checked_queries(self, queries: Any) -> Vectors:
        array = np.asarray(queries)
        if array.ndim != 2 or array.dtype.kind != "f":
            raise InputError(f"queries must be floats of shape (q, dim), got {array.dtype} of shape {array.shape}.")
        if array.shape[1] != self.manifest.dim:
            raise IndexMismatchError(
                f"Index holds {self.manifest.dim}-dim vectors, query has {array.shape[1]}: "
                "was it built with another embedding model?"
            )
        if not np.isfinite(array).all():
            raise InputError("queries hold NaN or infinity; expected finite numbers.")
        return unit_rows(array)

    def _dense_index(self, rows: int) -> DenseIndex:
        with self._dense_lock:
            if self._dense is None or self._dense.size < rows:
                vectors = self._vectors.read(rows)
                self._dense = self._dense.grown(vectors) if self._dense else DenseIndex(vectors)
            return self._dense


def _check_k(k: int) -> None:
    if k < 1:
        raise InputError(f"k must be at least 1, got {k}.")


def _bytes_in(folder: Path) -> int:
    total = 0
    for path in folder.rglob("*"):
        with suppress(FileNotFoundError):  # a writer may be replacing files
            total += path.stat().st_size if path.is_file() else 0
    return total
