"""What can be read of a collection, in whichever generation of its files counts."""

from __future__ import annotations

from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

import numpy as np

from ragkit.disk.fork import lock_of_threads
from ragkit.errors import (
    DocumentNotFoundError,
    IndexMismatchError,
    InputError,
    StoreError,
    StoreNotFoundError,
    shorten,
)
from ragkit.store import catalog
from ragkit.store.folder import bytes_in
from ragkit.store.generation import Generation
from ragkit.store.lookup import kept_ids, look_up
from ragkit.store.manifest import check_encoder, same_model
from ragkit.store.records import StoredChunk, StoredDocument
from ragkit.store.where import parse
from ragkit.store.writer import Writer

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from ragkit.encoder import Encoder, Vectors
    from ragkit.store.folder import Folder, Found
    from ragkit.store.lookup import Named
    from ragkit.store.manifest import Manifest
    from ragkit.text.analyse import Analyser

__all__ = ["CollectionReader"]

_PAGE = 256


class CollectionReader:
    """The reading half of `Collection`: any number of threads, each call on one committed state."""

    encoder: Encoder | None
    """Makes vectors of texts; None when the collection was opened without embeddings."""
    folder: Path
    """Where it lies."""

    def __init__(
        self, folder: Folder, found: Found, encoder: Encoder | None, *, read_only: bool, wait_s: float
    ) -> None:
        """Read what stands in a folder; `Collection.open` does this.

        Args:
            folder: Of a complete collection.
            found: What it says of itself.
            encoder: Fits the manifest.
            read_only: Write nothing, so that a damaged word index is not built again.
            wait_s: How long a write waits for another process.
        """
        self.folder = folder.path
        self.encoder = encoder
        self._files = folder
        self._read_only = read_only
        self._wait_s = wait_s
        self._opened_as = found.manifest
        self._closed = False
        self._following = lock_of_threads()
        self._writer = None if read_only else Writer(folder.lock, wait_s=wait_s)
        self._generation = self._generation_of(found)

    # Which generation

    @contextmanager
    def _using(self) -> Iterator[Generation]:
        """Run a block on the generation that counts when it begins; its files stay until it ends."""
        while True:
            generation = self._generation
            with generation.used() as usable:
                if usable and generation.mark == self._files.mark():
                    yield generation
                    return
            self._follow(generation)

    @contextmanager
    def _reading(self) -> Iterator[tuple[Generation, sqlite3.Connection]]:
        """Run a block on one committed state of the generation that counts when it begins."""
        with self._using() as generation, generation.connections.reading() as db:
            yield generation, db

    def _follow(self, seen: Generation) -> None:
        """Turn to what the manifest names now."""
        with self._following:
            if self._closed:
                raise StoreError(f"the collection {self.folder} is closed: open it again.")
            if self._generation is not seen:
                return  # another thread was faster
            found = self._files.found()
            if found is None:
                raise StoreNotFoundError(
                    f"the collection in {self.folder} is gone: it was removed since it was opened."
                )
            if seen.is_still(self._files, found):
                seen.renew(found)
                return
            with suppress(FileNotFoundError):  # replaced again meanwhile: the next look finds the newest
                self._generation = self._generation_of(found)
                seen.retire()

    def _generation_of(self, found: Found) -> Generation:
        foreign = not self._fits(found.manifest)
        return Generation(self._files, found, self._writer, read_only=self._read_only, foreign=foreign)

    def _fits(self, manifest: Manifest) -> bool:
        if same_model(manifest, self._opened_as):
            return True
        if self.encoder is None:
            return False
        try:
            check_encoder(manifest, self.encoder)
        except IndexMismatchError:
            return False
        return True

    # What it is

    @property
    def manifest(self) -> Manifest:
        """What the collection was built with, as of the last operation."""
        return self._generation.manifest

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
        with self._reading() as (_, db):
            return isinstance(doc_id, str) and catalog.find_document(db, doc_id) is not None

    def _state(self) -> catalog.State:
        with self._reading() as (_, db):
            return catalog.read_state(db)

    def fields(self) -> dict[str, str]:
        """Give every field of the metadata with what it holds, such as `{"year": "number", "tags": "list of text"}`."""
        with self._reading() as (_, db):
            return catalog.field_kinds(db)

    def roots(self) -> list[str]:
        """Give the roots that documents belong to, sorted."""
        with self._reading() as (_, db):
            return catalog.roots(db)

    def fingerprints(self) -> dict[str, tuple[str, str]]:
        """Give `(root, content_hash)` of every document by `doc_id`, all of one moment; for syncs, and quick."""
        with self._reading() as (_, db):
            return catalog.fingerprints(db)

    def info(self) -> dict[str, object]:
        """Give what `ragkit info` prints: counts, how it was built, what answers by vectors, fields, bytes on disk."""
        with self._reading() as (generation, db):
            state, manifest, parts = catalog.read_state(db), generation.manifest, generation.parts
            log = parts.catalog.with_name(f"{parts.catalog.name}-wal")
            return {
                "folder": str(self.folder),
                "format": manifest.format,
                "generation": manifest.generation,
                "documents": state.documents,
                "chunks": state.chunks,
                "sequence": state.sequence,
                "dead_rows": state.rows - state.chunks,
                "model": manifest.card.model if manifest.card else None,
                "revision": manifest.card.revision if manifest.card else None,
                "dim": manifest.dim,
                "precision": manifest.precision,
                "pooling": manifest.card.pooling if manifest.card else None,
                "analyser": manifest.analyser.name,
                "chunker": dict(manifest.chunker),
                "index": generation.dense.info(db),
                "fields": catalog.field_kinds(db),
                "roots": catalog.roots(db),
                "bytes": bytes_in(self.folder),
                "bytes_by_part": {
                    "catalog": bytes_in(parts.catalog) + bytes_in(log),
                    "vectors": bytes_in(parts.vectors),
                    "bm25": bytes_in(parts.bm25),
                    "dense": bytes_in(parts.dense),
                },
            }

    # Reading

    def get(self, doc_id: str) -> StoredDocument:
        """Give a document without its text.

        Raises:
            DocumentNotFoundError: If there is none of this id.
        """
        with self._reading() as (_, db):
            return self._find(db, doc_id)[1]

    def text(self, doc_id: str, start: int = 0, end: int | None = None) -> str:
        """Give a document's text, or a slice of it in characters; `end` beyond the text is its end.

        Raises:
            DocumentNotFoundError: If there is none of this id.
            InputError: If `start` is below 0 or above `end`.
        """
        with self._reading() as (_, db):
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
        with self._reading() as (_, db):
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
            with self._reading() as (_, db):
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
        with self._reading() as (generation, db):
            rows = [self._row(db, chunk_id) for chunk_id in chunk_ids]
            every = generation.vectors.read(db, catalog.read_state(db).rows)
            return every[np.array(rows, dtype=np.int64)].astype(np.float32)

    def known_vectors(self, texts: Iterable[str]) -> dict[str, Vectors]:
        """Give the vectors that the collection holds for exactly these texts, those of deleted chunks too.

        What is known here need not be embedded again, wherever in the collection it stood. Chunks written before
        the collection kept digests are not known until they are written again.

        Args:
            texts: As `records.index_text` gives them: the chunk's context and its text.

        Returns:
            `(dim,)` float32 of unit length for each text that is known; the others are left out.
        """
        with self._reading() as (generation, db):
            generation.check_model()
            return generation.known_vectors(db, texts)

    def look_up(self, ids: Iterable[str]) -> dict[str, Named]:
        """Give what each id names in one moment: a document, else a chunk; what is not there is left out."""
        with self._reading() as (_, db):
            return look_up(db, ids)

    def kept_ids(self, prefix: str = "") -> Iterator[str]:
        """Iterate by rising `doc_id` over documents that have no chunks and belong to no root.

        Args:
            prefix: Only ids that begin with it.
        """
        found = self._kept_page(prefix, first=True)
        while found:
            yield from (kept for kept in found if kept.startswith(prefix))
            if not found[-1].startswith(prefix):
                return  # they come in order: those that begin with it stand together
            found = self._kept_page(found[-1], first=False)

    def _kept_page(self, doc_id: str, *, first: bool) -> list[str]:
        with self._reading() as (_, db):
            return kept_ids(db, doc_id, including=first, limit=_PAGE)

    @contextmanager
    def _catalog(self) -> Iterator[sqlite3.Connection]:
        with self._reading() as (_, db):
            yield db

    def _row(self, db: sqlite3.Connection, chunk_id: str) -> int:
        if (row := catalog.row_of_chunk(db, chunk_id)) is None:
            raise DocumentNotFoundError(f"chunk {shorten(chunk_id)!r} is not in {self.folder}: check the chunk_id.")
        return row

    def contexts(self, chunk_ids: Iterable[str]) -> dict[str, str]:
        """Give title or headings of those chunks that have any, by `chunk_id`; unknown chunks are left out."""
        with self._reading() as (_, db):
            found = ((chunk_id, catalog.row_of_chunk(db, chunk_id)) for chunk_id in chunk_ids)
            contexts = ((chunk_id, catalog.context_of(db, row)) for chunk_id, row in found if row is not None)
            return {chunk_id: context for chunk_id, context in contexts if context}

    def inverse_document_frequencies(self, terms: Iterable[str]) -> dict[str, float]:
        """Give how telling terms are in this collection, as BM25 weighs them: ln(1 + (N - n + 0.5) / (n + 0.5)).

        Args:
            terms: As `analyser` gives them.
        """
        with self._reading() as (generation, db):
            return generation.words.weights(terms, catalog.read_state(db))
