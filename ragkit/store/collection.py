"""A collection of documents in one folder: put, delete, read, filter, and search by vectors and by words."""

from __future__ import annotations

import os
import uuid
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ragkit.encoder import Encoder, as_encoder
from ragkit.errors import (
    ConfigError,
    IndexMismatchError,
    InputError,
    StoreError,
    StoreNotFoundError,
    shorten,
)
from ragkit.store import catalog
from ragkit.store.batch import GROUP_DOCUMENTS, Batch
from ragkit.store.folder import Folder
from ragkit.store.ledger import Ledger
from ragkit.store.manifest import Manifest, describe, with_chunker
from ragkit.store.opening import check_open, new_dim
from ragkit.store.records import NewChunk, NewDocument
from ragkit.store.turns import CollectionWriter
from ragkit.store.vectors import as_precision
from ragkit.store.where import parse
from ragkit.store.witness import check_commit, noted_commit
from ragkit.store.writer import prepared
from ragkit.text.analyse import Analyser

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from types import TracebackType

    from ragkit.encoder import Vectors

__all__ = ["Collection"]


class Collection(CollectionWriter):
    """Documents with their vectors and words, in one folder that survives a kill at any moment.

    Reads and searches may run in any number of threads and processes; each sees one committed state. One process
    writes at a time: the first write takes the writer's lock, which is kept until `release` or `close`.

    Example:
        >>> import tempfile, numpy as np
        >>> with Collection.open(tempfile.mkdtemp(), dim=2) as books:
        ...     text = "Call me Ishmael."
        ...     books.put(NewDocument(doc_id="moby", text=text, chunks=[NewChunk(0, 16)]), np.array([[1.0, 0.0]]))
        ...     [hit.chunk_id for hit in books.search_bm25(["ishmael"], k=1)[0]]
        ['moby#0']
    """

    @classmethod
    def open(
        cls,
        folder: str | Path,
        embeddings: Any = None,
        *,
        create: bool = True,
        read_only: bool = False,
        dim: int | None = None,
        chunker: Mapping[str, object] | None = None,
        analyser: Analyser | None = None,
        precision: str | None = None,
        repair: bool = False,
        wait_s: float = 10.0,
    ) -> Collection:
        """Open the collection in a folder, or make one.

        Args:
            folder: On a local disk; a new collection takes a new or empty one.
            embeddings: An `Encoder` or a LangChain `Embeddings`; None takes and searches vectors and words only.
            create: Make the collection where there is none.
            read_only: Refuse writes, and write nothing; works in a folder that cannot be written.
            dim: Dimension of the vectors; needed to make a collection without embeddings.
            chunker: How texts are cut, as JSON holds it; compared with what the collection says, if it says it.
            analyser: What makes terms of texts, for a new collection; compared with that of an existing one.
            precision: `float16` or `float32`, in which vectors of a new collection are stored; None for `float16`,
                which halves the file and changes a cosine by less than 0.001. Compared with that of an existing one.
            repair: Open it for writing although vectors are missing, so that `ragkit.ingest.reindex` can make them.
            wait_s: How long a write waits for another process, or thread, to stop writing.

        Raises:
            StoreNotFoundError: If there is no collection and none is to be made.
            IndexMismatchError: If it was built with another model, dimension, analyser, chunker or precision.
            ConfigError: If a new collection is given neither embeddings nor `dim`, or `precision` is none of the two.
            StoreError: If the folder is on a network file system or holds other files; `StoreDamagedError` if a part
                is missing that nothing can replace.
        """
        files = Folder(Path(folder))
        encoder = None if embeddings is None else as_encoder(embeddings)
        asked = None if precision is None else as_precision(precision)
        made: Manifest | None = None
        if files.manifest() is None:
            if not create or read_only:
                raise StoreNotFoundError(
                    f"there is no collection in {files.path}: index into it first, or check the name."
                )
            new = describe(
                encoder,
                dim=new_dim(encoder, dim),
                analyser=analyser or Analyser(),
                chunker=dict(chunker or {}),
                precision=asked or "float16",
            )
            own = files.create(new, wait_s=wait_s)
            made = own if own is new else None
        collection = cls._opened(
            files,
            encoder,
            lambda manifest: None if manifest == made else check_open(manifest, encoder, dim, analyser, asked),
            read_only=read_only,
            wait_s=wait_s,
        )
        with ExitStack() as unless_fine:
            unless_fine.callback(collection.close)
            if not repair:
                collection._check_whole()
            if not read_only:
                collection._restore_if_free()
            if chunker is not None:
                collection.record_chunker(chunker)
            unless_fine.pop_all()
        return collection

    @classmethod
    def _opened(
        cls,
        files: Folder,
        encoder: Encoder | None,
        check: Callable[[Manifest], None],
        *,
        read_only: bool,
        wait_s: float,
    ) -> Collection:
        """Open the very generation that was checked; another one, if that was replaced meanwhile."""
        while True:
            found = files.found()
            if found is None:
                raise StoreNotFoundError(f"the collection in {files.path} was removed while it was being opened.")
            try:
                check(found.manifest)
                if not read_only:
                    files.upgrade(found.manifest, wait_s=wait_s)
                collection = cls(files, found, encoder, read_only=read_only, wait_s=wait_s)
            except (StoreError, OSError) as error:
                if files.mark() != found.mark:
                    continue
                if isinstance(error, IndexMismatchError) or read_only or os.access(files.path, os.W_OK):
                    raise
                raise StoreError(
                    f"{files.path} cannot be written by this account: open it with read_only=True."
                ) from error
            if files.mark() == found.mark:
                return collection
            collection.close()

    def _check_whole(self) -> None:
        """Check that no acknowledged change is missing, and, for writing, the vector file's length."""
        with self._using() as generation:
            noted = noted_commit(generation.parts.witness)
            with generation.connections.reading() as db:
                state = catalog.read_state(db)
            check_commit(generation.parts.catalog, noted=noted, sequence=state.sequence)
            if self._writer is not None:
                # A sync that finds nothing to do must not call a collection fine that cannot be searched.
                generation.vectors.file.check(state.rows)

    def _restore_if_free(self) -> None:
        """Write the manifest again if it was lost, unless another process is writing."""
        with self._using() as generation:
            lost = generation.lost
        if lost and self._writer is not None:
            with self._writer.if_free() as free:
                if free:
                    self._restore_manifest()

    def record_chunker(self, chunker: Mapping[str, object]) -> None:
        """Write into the manifest how texts are cut, if it does not say so yet.

        Raises:
            IndexMismatchError: If it names another one.
        """
        if with_chunker(self.manifest, chunker) == self.manifest:
            return
        with self._writing():  # another process may have named one since this one opened it
            changed = with_chunker(self.manifest, chunker)
            if changed != self.manifest:
                self._files.record(changed)
                with self._using():
                    pass  # reads it again

    # Writing

    def put(self, document: NewDocument, vectors: Any) -> None:
        """Insert a document, or replace the one of the same `doc_id`, in one transaction; durable on return.

        Some calls also build a derived index again before they return: the words, when more than a tenth of their
        entries is of deleted or replaced chunks (about 10 s for 100,000 chunks), and the approximate index of vectors
        from 50,000 chunks on, when a quarter was added or a fifth deleted (about 2 s). In between a call costs
        milliseconds; spread over all calls the building is a small multiple of indexing each chunk once.

        Args:
            document: With its chunks.
            vectors: `(len(chunks), dim)` floats, one row for each chunk; scaled to unit length.

        Raises:
            InputError: If something does not fit; nothing is written then.
            StoreLockedError: If another process writes.
        """
        self.put_many([(document, vectors)])

    def put_many(self, pairs: Iterable[tuple[NewDocument, Any]]) -> None:
        """Insert or replace documents; some hundred are committed together, each is visible as a whole or not at all.

        Args:
            pairs: Documents with their vectors, as for `put`; may be a generator that makes them.

        Raises:
            InputError: At the first document that does not fit; those before it are kept.
            StoreLockedError: If another process writes.
        """
        with self._writing() as (writer, generation):
            generation.check_model()
            batch = Batch(writer, generation)
            try:
                for document, vectors in pairs:
                    batch.add(prepared(document, vectors, generation.manifest.dim))
            finally:
                batch.commit()
                generation.after_write()

    def add_texts(
        self,
        texts: Iterable[str],
        *,
        doc_ids: Sequence[str] | None = None,
        metadatas: Sequence[Mapping[str, Any]] | None = None,
    ) -> list[str]:
        """Embed texts as documents of one chunk each and put them; what the collection has embedded before it knows.

        Args:
            texts: Not cut; what is longer than the model reads is found by its beginning. Some hundred are embedded and
                committed together.
            doc_ids: One for each text; random ones when None.
            metadatas: One for each text.

        Returns:
            The ids, in order.

        Raises:
            ConfigError: If the collection was opened without embeddings.
            InputError: If the numbers differ or a text does not fit.
        """
        self._own_encoder()
        given = list(texts)
        for text in given:
            if not isinstance(text, str):
                raise InputError(f"texts must be a list of texts, got {shorten(repr(text))} among them.")
        ids = [uuid.uuid4().hex for _ in given] if doc_ids is None else list(doc_ids)
        about: Sequence[Mapping[str, Any]] = [{}] * len(given) if metadatas is None else metadatas
        if not len(given) == len(ids) == len(about):
            raise InputError(
                f"got {len(given)} texts, {len(ids)} doc_ids and {len(about)} metadatas: give one of each."
            )
        for start in range(0, len(given), GROUP_DOCUMENTS):
            part = slice(start, start + GROUP_DOCUMENTS)
            self._add_part(
                [
                    NewDocument(doc_id=doc_id, text=text, metadata=metadata, chunks=_whole(text))
                    for doc_id, text, metadata in zip(ids[part], given[part], about[part], strict=True)
                ]
            )
        return ids

    def _add_part(self, documents: Sequence[NewDocument]) -> None:
        while True:
            with self._using() as current:
                encoder, generation = self._own_encoder(), current.manifest.generation
            vectors = self._vectors_of(encoder, [document.text for document in documents])
            # Others may write while the model works; if that was building anew, the vectors may be of the model before.
            with self.writing():
                if self.encoder is encoder and self.manifest.generation == generation:
                    self.put_many((document, vectors[document.text]) for document in documents)
                    return

    def _own_encoder(self) -> Encoder:
        if self.encoder is None:
            raise ConfigError(
                f"{self.folder} was opened without embeddings: pass them to Collection.open to add texts."
            )
        return self.encoder

    def _vectors_of(self, encoder: Encoder, texts: Iterable[str]) -> dict[str, Vectors]:
        """Give for each text the vectors of its chunks, `(1, dim)`, or `(0, dim)` where it is empty."""
        wanted = list(dict.fromkeys(text for text in texts if text))
        rows = self.known_vectors(wanted)
        new = [text for text in wanted if text not in rows]
        if new:
            rows.update(zip(new, encoder.encode_documents(new), strict=True))
        none = np.zeros((0, encoder.card.dim), dtype=np.float32)
        return {"": none, **{text: row[np.newaxis] for text, row in rows.items()}}

    def ledger(self, namespace: str) -> Ledger:
        """Give what is kept here of keys that were indexed, and when; see `Ledger`.

        Args:
            namespace: Any text; ledgers of different names know nothing of each other.
        """
        return Ledger(namespace, reading=self._catalog, changing=self._changing_catalog)

    @contextmanager
    def _changing_catalog(self) -> Iterator[sqlite3.Connection]:
        with self._writing() as (writer, generation), writer.changing(generation) as db:
            yield db

    def delete(self, doc_ids: Iterable[str] = (), *, where: str | Mapping[str, Any] | None = None) -> int:
        """Take documents out: those named, and those that pass the filter, if one is given.

        A call that makes more than a tenth of the word index, or a fifth of the approximate one, dead builds it again
        before it returns, as `put` does: seconds for 100,000 chunks, however few documents this call deletes.

        Returns:
            How many there were; a missing id is no error.

        Raises:
            InputError: If `doc_ids` is one text, or the filter is empty.
            WhereError: If the filter does not fit.
            StoreLockedError: If another process writes.
        """
        if isinstance(doc_ids, str):
            raise InputError(
                f"doc_ids must be a list of ids, got the text {shorten(doc_ids)!r}: pass [{shorten(doc_ids)!r}]."
            )
        chosen = list(doc_ids)
        for doc_id in chosen:
            if not isinstance(doc_id, str):
                raise InputError(f"a doc_id must be a text, got {shorten(repr(doc_id))}.")
        node = parse(where)
        if where is not None and node is None:
            raise InputError("the filter is empty, so all documents would go: name a condition, or their doc_ids.")
        with self._writing() as (writer, generation):
            gone = writer.delete(generation, chosen, node)
            if gone:
                generation.after_write()
        return gone

    # Closing

    def close(self) -> None:
        """Give the lock and the files back; closing twice is fine, using it afterwards is an error."""
        self.release()
        with self._following:
            self._closed = True
            self._generation.retire()

    def __enter__(self) -> Collection:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Collection({str(self.folder)!r}, dim={self.manifest.dim})"


def _whole(text: str) -> list[NewChunk]:
    return [NewChunk(0, len(text))] if text else []
