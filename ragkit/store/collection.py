"""A collection of documents in one folder: put, delete, read, filter, and search by vectors and by words."""

from __future__ import annotations

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
    StoreDamagedError,
    StoreError,
    StoreNotFoundError,
    shorten,
)
from ragkit.store.folder import Folder
from ragkit.store.manifest import (
    MANIFEST,
    Manifest,
    check_encoder,
    describe,
    read_manifest,
    with_chunker,
    write_manifest,
)
from ragkit.store.reader import CollectionReader
from ragkit.store.records import NewChunk, NewDocument, index_text
from ragkit.store.where import parse
from ragkit.store.writer import Prepared, Writer, prepared
from ragkit.text.analyse import Analyser

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from types import TracebackType

    from ragkit.store.words import Words

__all__ = ["Collection"]

_GROUP_DOCUMENTS = 1_024
_GROUP_CHARS = 8_000_000


class Collection(CollectionReader):
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
            wait_s: How long a write waits for another process to stop writing.

        Raises:
            StoreNotFoundError: If there is no collection and none is to be made.
            IndexMismatchError: If it was built with another model, dimension, analyser or chunker.
            ConfigError: If a new collection is given neither embeddings nor `dim`.
            StoreError: If the folder is on a network file system or holds other files; `StoreDamagedError` if a part
                is missing that nothing can replace.
        """
        path = Path(folder)
        encoder = None if embeddings is None else as_encoder(embeddings)
        found = Folder(path).manifest()
        if found is None:
            if not create or read_only:
                raise StoreNotFoundError(f"there is no collection in {path}: index into it first, or check the name.")
            new = describe(
                encoder, dim=_new_dim(encoder, dim), analyser=analyser or Analyser(), chunker=dict(chunker or {})
            )
            found = Folder(path).create(new, wait_s=wait_s)
            if found is new:
                return cls(path, found, encoder, read_only=read_only, wait_s=wait_s)
        _check_open(found, encoder, dim, analyser)
        if not read_only:
            Folder(path).upgrade(wait_s=wait_s)
        collection = cls(path, found, encoder, read_only=read_only, wait_s=wait_s)
        with ExitStack() as unless_fine:
            unless_fine.callback(collection.close)
            if not read_only:
                # A sync that finds nothing to do must not call a collection fine that cannot be searched.
                collection._vectors.check(collection._state().rows)
            if chunker is not None:
                collection.record_chunker(chunker)
            unless_fine.pop_all()
        return collection

    def record_chunker(self, chunker: Mapping[str, object]) -> None:
        """Write into the manifest how texts are cut, if it does not say so yet.

        Raises:
            IndexMismatchError: If it names another one.
        """
        if with_chunker(self.manifest, chunker) == self.manifest:
            return
        with self.writing():  # another process may have named one since this one opened it
            changed = with_chunker(self.manifest, chunker)
            if changed != self.manifest:
                write_manifest(self.folder, changed)
                self.manifest = changed

    # Writing

    def put(self, document: NewDocument, vectors: Any) -> None:
        """Insert a document, or replace the one of the same `doc_id`, in one transaction; durable on return.

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
        with self._writing() as writer:
            batch = _Batch(writer, self._words)
            try:
                for document, vectors in pairs:
                    batch.add(prepared(document, vectors, self.manifest.dim))
            finally:
                batch.commit()
                self._words.follow()

    def add_texts(
        self,
        texts: Iterable[str],
        *,
        doc_ids: Sequence[str] | None = None,
        metadatas: Sequence[Mapping[str, Any]] | None = None,
    ) -> list[str]:
        """Embed texts as documents of one chunk each and put them.

        Args:
            texts: Not cut; what is longer than the model reads is found by its beginning.
            doc_ids: One for each text; random ones when None.
            metadatas: One for each text.

        Returns:
            The ids, in order.

        Raises:
            ConfigError: If the collection was opened without embeddings.
            InputError: If the numbers differ or a text does not fit.
        """
        if self.encoder is None:
            raise ConfigError(
                f"{self.folder} was opened without embeddings: pass them to Collection.open to add texts."
            )
        given = list(texts)
        ids = [uuid.uuid4().hex for _ in given] if doc_ids is None else list(doc_ids)
        about: Sequence[Mapping[str, Any]] = [{}] * len(given) if metadatas is None else metadatas
        if not len(given) == len(ids) == len(about):
            raise InputError(
                f"got {len(given)} texts, {len(ids)} doc_ids and {len(about)} metadatas: give one of each."
            )
        chunks = [[NewChunk(0, len(text))] if text else [] for text in given]
        vectors = iter(self.encoder.encode_documents([index_text(text, "") for text in given if text]))
        self.put_many(
            (
                NewDocument(doc_id=doc_id, text=text, metadata=metadata, chunks=own),
                np.array([next(vectors) for _ in own], dtype=np.float32).reshape(len(own), self.manifest.dim),
            )
            for doc_id, text, metadata, own in zip(ids, given, about, chunks, strict=True)
        )
        return ids

    def delete(self, doc_ids: Iterable[str] = (), *, where: str | Mapping[str, Any] | None = None) -> int:
        """Take documents out: those named, and those that pass the filter, if one is given.

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
        node = parse(where)
        if where is not None and node is None:
            raise InputError("the filter is empty, so all documents would go: name a condition, or their doc_ids.")
        with self._writing() as writer:
            gone = writer.delete(list(doc_ids), node)
            if gone:
                self._words.follow()
        return gone

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Run a block as the one writer, so that what it reads first still stands when it writes.

        The manifest is read again at the start. Writes inside the block are as ever: each is committed by itself. The
        lock is kept after the block, until `release` or `close`.

        Raises:
            StoreError: If opened read-only; `StoreDamagedError` if the manifest is gone or cannot be read.
            StoreLockedError: If another process writes for longer than the collection waits.
        """
        with self._writing():
            found = read_manifest(self.folder)
            if found is None:
                raise StoreDamagedError(
                    f"{self.folder / MANIFEST} is missing: restore it from a backup, or index into a new folder."
                )
            self.manifest = found
            yield

    @contextmanager
    def _writing(self) -> Iterator[Writer]:
        if self._writer is None:
            raise StoreError(f"{self.folder} was opened read-only: open it without read_only to write.")
        with self._writer.writing() as fresh:
            if fresh:
                # A catalog put back from a backup must not meet a word index that is ahead of it halfway.
                self._words.follow()
            yield self._writer

    # Closing

    def release(self) -> None:
        """Let another process write; the next write takes the lock again."""
        if self._writer is not None:
            self._writer.release()

    def close(self) -> None:
        """Give the lock and the files back; closing twice is fine, using it afterwards is an error."""
        self.release()
        self._connections.close()
        self._words.index.close()

    def __enter__(self) -> Collection:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Collection({str(self.folder)!r}, dim={self.manifest.dim})"


class _Batch:
    """Documents on their way into one transaction: a commit costs a handful of syncs, whatever it holds."""

    def __init__(self, writer: Writer, words: Words) -> None:
        self._writer = writer
        self._words = words
        self._group: list[Prepared] = []
        self._chars = 0

    def add(self, item: Prepared) -> None:
        self._group.append(item)
        self._chars += len(item.document.text)
        if len(self._group) >= _GROUP_DOCUMENTS or self._chars >= _GROUP_CHARS:
            self.commit()

    def commit(self) -> None:
        group, self._group, self._chars = self._group, [], 0
        if group:
            self._writer.put(group, self._words.ahead)


def _new_dim(encoder: Encoder | None, dim: int | None) -> int:
    if encoder is not None:
        if dim not in (None, encoder.card.dim):
            raise ConfigError(
                f"dim is {dim}, but {encoder.card.model} gives {encoder.card.dim} dimensions: leave dim out."
            )
        return encoder.card.dim
    if dim is None or dim < 1:
        raise ConfigError(
            f"a new collection needs embeddings, or the dimension of its vectors (dim=384), got dim={dim}."
        )
    return dim


def _check_open(found: Manifest, encoder: Encoder | None, dim: int | None, analyser: Analyser | None) -> None:
    if dim not in (None, found.dim):
        raise IndexMismatchError(f"the collection holds {found.dim}-dim vectors, asked for dim={dim}: leave dim out.")
    if analyser is not None and analyser != found.analyser:
        raise IndexMismatchError(
            f"the collection analyses words with {found.analyser.name}, asked for {analyser.name}: "
            "use the same, or index into a new folder."
        )
    if encoder is not None:
        check_encoder(found, encoder)
