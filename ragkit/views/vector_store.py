"""`FaissVectorStore`: a collection as LangChain's `VectorStore`, with the names that users of its FAISS class know."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
import uuid
import weakref
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ragkit.encoder import Encoder, as_encoder
from ragkit.errors import ConfigError, InputError, shorten
from ragkit.store.collection import Collection
from ragkit.store.records import NewChunk, NewDocument
from ragkit.views.calls import Where, as_where, check_options
from ragkit.views.searches import CollectionSearches

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from types import TracebackType
    from typing import Self

    from langchain_core.embeddings import Embeddings

__all__ = ["FaissVectorStore"]


class FaissVectorStore(CollectionSearches):
    """A collection as a LangChain vector store: durable in its folder, filtered exactly, shared with everything else.

    A document that is added here is one chunk, whatever its length; ids are kept (a random one is given where there is
    none) and adding an id again replaces its document. The metadata comes back as JSON holds it: dates are ISO 8601
    text. A text that the collection has a vector for is not embedded again, even if it was deleted. A document without
    text is kept but never found.

    Collections that were synced from files can be searched too: then hits are chunks, see `documents.py`.

    Searches take these keyword arguments, in all variants and through `as_retriever(search_kwargs={...})`:

    - `filter` or `where`: only documents that pass, see `ragkit.store.where`; `{"lang": "en"}` and the operators of
      LangChain's FAISS work. Answered exactly: min(k, passing documents) are found.
    - `exact`: scan every vector, also where an approximate index would answer.
    - `score_threshold`: only documents of at least this cosine.
    - `fetch_k`: of the candidates of MMR. Elsewhere it changes nothing: no filter needs it here.

    **Scores are cosines, higher is better** (LangChain's FAISS gives squared distances). The relevance score is the
    cosine too, where it is above 0, else 0.

    Every async twin runs in a thread: the event loop stays free.

    Example:
        >>> store = FaissVectorStore.from_texts(["a boat", "a train"], embeddings, folder="store")  # doctest: +SKIP
        >>> store.similarity_search("ship", k=1)[0].page_content  # doctest: +SKIP
        'a boat'
    """

    def __init__(
        self, collection: Collection | str | Path, embedding: Embeddings | Encoder | None = None, **options: Any
    ) -> None:
        """Show a collection, or open one.

        Args:
            collection: An open one, which its owner closes, or the folder of one, made where there is none.
            embedding: The model of the collection; None for the one that an open collection has. Without any, only
                searches by vector and `add_embeddings` work.
            options: For `Collection.open`, if a folder is given.

        Raises:
            IndexMismatchError: If the collection was built with another model.
            ConfigError: If a new collection is given neither embeddings nor `dim`.
        """
        self._closing: weakref.finalize[..., FaissVectorStore] | None = None
        if isinstance(collection, Collection):
            check_options(options, ())
            super().__init__(collection, embedding)
        else:
            encoder = None if embedding is None else as_encoder(embedding)
            opened = Collection.open(collection, encoder, **options)
            self._closing = weakref.finalize(self, opened.close)
            super().__init__(opened, embedding, encoder=encoder)

    # Adding

    @classmethod
    def from_texts(
        cls,
        texts: list[str],
        embedding: Embeddings | Encoder,
        metadatas: list[dict[str, Any]] | None = None,
        *,
        ids: list[str] | None = None,
        folder: str | Path | None = None,
        **options: Any,
    ) -> Self:
        """Open or make the collection in `folder` and add texts to it.

        Args:
            texts: See `add_texts`.
            embedding: The model to embed with.
            metadatas: One for each text, or None.
            ids: One for each text, or None.
            folder: Where the collection lies; None for a temporary one that is deleted with the store.
            options: For `Collection.open`.
        """
        store = cls._opened(folder, embedding, options)
        store.add_texts(texts, metadatas, ids=ids)
        return store

    @classmethod
    def from_embeddings(
        cls,
        text_embeddings: Iterable[tuple[str, Sequence[float]]],
        embedding: Embeddings | Encoder,
        metadatas: list[dict[str, Any]] | None = None,
        *,
        ids: list[str] | None = None,
        folder: str | Path | None = None,
        **options: Any,
    ) -> Self:
        """Open or make the collection in `folder` and add texts with their vectors; see `add_embeddings`."""
        store = cls._opened(folder, embedding, options)
        store.add_embeddings(text_embeddings, metadatas, ids=ids)
        return store

    @classmethod
    def _opened(cls, folder: str | Path | None, embedding: Embeddings | Encoder, options: dict[str, Any]) -> Self:
        if folder is not None:
            return cls(folder, embedding, **options)
        with ExitStack() as unless_fine:
            temporary = tempfile.mkdtemp(prefix="ragkit-")
            unless_fine.callback(shutil.rmtree, temporary, ignore_errors=True)
            store = cls(temporary, embedding, **options)
            store._closing = weakref.finalize(store, _remove, store.collection)
            unless_fine.pop_all()
        return store

    def add_texts(
        self,
        texts: Iterable[str],
        metadatas: list[dict[str, Any]] | None = None,
        *,
        ids: Sequence[str | None] | None = None,
        **options: Any,
    ) -> list[str]:
        """Embed texts and add them; some hundred are committed together, durable on return.

        Args:
            texts: Each becomes a document of one chunk; what the collection has embedded before it knows.
            metadatas: One for each text, what JSON can hold; or None.
            ids: One for each text, or None; a random one is given where there is none. One that is there already has
                its document replaced.
            options: `batch_size`, which LangChain's `index` passes on, changes nothing.

        Returns:
            The ids, in order.

        Raises:
            ConfigError: If there is no embedding model.
            InputError: If the numbers differ or something does not fit; what was committed before is kept.
            StoreLockedError: If another process writes.
        """
        check_options(options, ("batch_size",))
        given = list(texts)
        return self.collection.add_texts(given, doc_ids=_named(ids, len(given)), metadatas=metadatas or None)

    def add_embeddings(
        self,
        text_embeddings: Iterable[tuple[str, Sequence[float]]],
        metadatas: list[dict[str, Any]] | None = None,
        *,
        ids: Sequence[str | None] | None = None,
    ) -> list[str]:
        """Add texts with vectors that the collection's model made of them; else as `add_texts`.

        Args:
            text_embeddings: Each text with its vector, `dim` floats.
            metadatas: One for each text, or None.
            ids: One for each text, or None.
        """
        given = list(text_embeddings)
        names = _named(ids, len(given))
        about = metadatas or [{}] * len(given)
        if len(about) != len(given):
            raise InputError(f"got {len(given)} texts and {len(about)} metadatas: give one of each.")
        self.collection.put_many(
            (
                NewDocument(doc_id=name, text=text, metadata=metadata, chunks=[NewChunk(0, len(text))] if text else []),
                np.asarray([vector] if text else [], dtype=np.float32).reshape(-1 if text else 0, len(vector)),
            )
            for name, (text, vector), metadata in zip(names, given, about, strict=True)
        )
        return names

    async def aadd_embeddings(
        self,
        text_embeddings: Iterable[tuple[str, Sequence[float]]],
        metadatas: list[dict[str, Any]] | None = None,
        *,
        ids: Sequence[str | None] | None = None,
    ) -> list[str]:
        """Add texts as `add_embeddings` does."""
        return await asyncio.to_thread(self.add_embeddings, text_embeddings, metadatas, ids=ids)

    # Deleting

    def delete(self, ids: Sequence[str] | None = None, *, where: Where = None, **options: Any) -> bool:
        """Delete documents by id, by filter, or both; one that is not there is no error.

        Args:
            ids: Of documents.
            where: Those that pass it; `filter` is another name.
            options: `filter` only.

        Returns:
            True.

        Raises:
            InputError: If neither is given, the filter is empty, or an id is that of a chunk of a longer document.
            WhereError: If the filter does not fit.
            StoreLockedError: If another process writes.
        """
        check_options(options, ("filter",))
        filtered = as_where(options.get("filter") if where is None else where)
        if ids is None and filtered is None:
            raise InputError("delete needs ids, or where=, a filter: to delete all, name their ids.")
        names = [] if ids is None else list(ids)
        self._refuse_chunks(names)
        self.collection.delete(ids if isinstance(ids, str) else names, where=filtered)
        return True

    def _refuse_chunks(self, ids: Sequence[str]) -> None:
        suspects = [name for name in ids if name.rpartition("#")[2].isdecimal()]
        for name, (document, _, chunk) in self.collection.look_up(suspects).items():
            if chunk is not None:
                raise InputError(
                    f"{shorten(name)!r} is a chunk of the document {shorten(document.doc_id)!r}, and chunks cannot be "
                    "deleted by themselves: delete the document."
                )

    # Closing

    def save_local(self, folder_path: str | Path, index_name: str = "index") -> None:
        """Refuse: the collection is on disk already.

        Raises:
            ConfigError: Always, saying where it lies and how it is opened.
        """
        raise ConfigError(
            f"the collection lies in {self.collection.folder} and every change is durable: there is nothing to save. "
            f"Open it with FaissVectorStore({str(self.collection.folder)!r}, embeddings); to have it in "
            f"{shorten(folder_path)!r}, name that folder when it is made."
        )

    def close(self) -> None:
        """Close the collection, if it was opened here, and delete it, if it is temporary; twice is fine."""
        if self._closing is not None:
            self._closing()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _named(ids: Sequence[str | None] | None, count: int) -> list[str]:
    if isinstance(ids, str):
        raise InputError(f"ids must be a list of texts, got the text {shorten(ids)!r}: put it in a list.")
    names = [None] * count if ids is None else list(ids)
    if len(names) != count:
        raise InputError(f"got {count} texts and {len(names)} ids: give one of each.")
    return [uuid.uuid4().hex if name is None else name for name in names]


def _remove(collection: Collection) -> None:
    collection.close()
    shutil.rmtree(collection.folder, ignore_errors=True)
