"""`CollectionStore`: documents by key, kept in a collection and never found by its searches."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

import numpy as np
from langchain_core.documents import Document
from langchain_core.stores import BaseStore

from ragkit.errors import InputError, shorten
from ragkit.store.records import NewDocument

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Sequence

    from ragkit.store.collection import Collection
    from ragkit.store.lookup import Named
    from ragkit.store.records import StoredDocument

__all__ = ["CollectionStore"]


class CollectionStore(BaseStore[str, Document]):
    """Documents by key, such as the parents of the chunks that a search finds; the async twins run in a thread.

    A key is the `doc_id` of a document that has no chunks: it is stored, filtered, deleted and shown like any other,
    but no search finds it. Documents that can be found are not in this store: their keys are not listed, read or
    deleted here, and are not overwritten.

    Example:
        >>> parents = CollectionStore(collection)  # doctest: +SKIP
        >>> parents.mset([("report", Document(page_content="..."))])  # doctest: +SKIP
        >>> parents.mget(["report", "other"])  # doctest: +SKIP
        [Document(...), None]
    """

    def __init__(self, collection: Collection) -> None:
        """See the documents without chunks of a collection.

        Args:
            collection: Keeps them, beside those that can be found.
        """
        self.collection = collection

    def mget(self, keys: Sequence[str]) -> list[Document | None]:
        """Give the document of each key, None where there is none."""
        found = self.collection.look_up(keys)
        return [_document(found.get(key)) for key in keys]

    async def amget(self, keys: Sequence[str]) -> list[Document | None]:
        """Give the documents as `mget` does."""
        return await asyncio.to_thread(self.mget, keys)

    def mset(self, key_value_pairs: Sequence[tuple[str, Document]]) -> None:
        """Keep documents under their keys, in the place of those that were there; durable on return.

        Args:
            key_value_pairs: The metadata must be what JSON can hold; dates become ISO 8601 text.

        Raises:
            InputError: If a key is not a text or names a document that can be found, or a value does not fit.
            StoreLockedError: If another process writes.
        """
        documents = [_new(key, value) for key, value in key_value_pairs]
        none = np.zeros((0, self.collection.manifest.dim), dtype=np.float32)
        with self.collection.writing():
            for key, (document, _, chunk) in self.collection.look_up(item.doc_id for item in documents).items():
                if chunk is None and not _is_kept(document):
                    raise InputError(
                        f"{shorten(key)!r} is a document that searches find, and would be found no more: "
                        "use another key, or another collection."
                    )
            self.collection.put_many((document, none) for document in documents)

    async def amset(self, key_value_pairs: Sequence[tuple[str, Document]]) -> None:
        """Keep documents as `mset` does."""
        await asyncio.to_thread(self.mset, key_value_pairs)

    def mdelete(self, keys: Sequence[str]) -> None:
        """Delete the documents of these keys; one that is not there is no error.

        Raises:
            StoreLockedError: If another process writes.
        """
        with self.collection.writing():
            found = self.collection.look_up(keys)
            self.collection.delete([key for key, (document, _, _) in found.items() if _is_kept(document)])

    async def amdelete(self, keys: Sequence[str]) -> None:
        """Delete documents as `mdelete` does."""
        await asyncio.to_thread(self.mdelete, keys)

    def yield_keys(self, *, prefix: str | None = None) -> Iterator[str]:
        """Iterate over the keys, rising; changes made meanwhile show as far as they lie ahead.

        Args:
            prefix: Only keys that begin with it; None for all.
        """
        yield from self.collection.kept_ids(prefix or "")

    async def ayield_keys(self, *, prefix: str | None = None) -> AsyncIterator[str]:
        """Iterate over the keys as `yield_keys` does."""
        keys = self.yield_keys(prefix=prefix)
        while (key := await asyncio.to_thread(next, keys, None)) is not None:
            yield key


def _new(key: str, value: Document) -> NewDocument:
    if not isinstance(value, Document):
        raise InputError(f"the value of {shorten(repr(key))} must be a Document, got {type(value).__name__}.")
    # A document may have an id of its own, other than its key, or none.
    about = json.dumps({"id": value.id})
    return NewDocument(doc_id=key, text=value.page_content, metadata=value.metadata, content_hash=about)


def _is_kept(document: StoredDocument) -> bool:
    return document.chunks == 0 and not document.root


def _document(found: Named | None) -> Document | None:
    if found is None or found.chunk is not None or not _is_kept(found.document):
        return None
    return Document(id=_own_id(found.document), page_content=found.text, metadata=dict(found.document.metadata))


def _own_id(document: StoredDocument) -> str | None:
    # An empty document that came in another way has no such note: it is known by its key.
    if not document.content_hash.startswith('{"id": '):
        return document.doc_id
    own: str | None = json.loads(document.content_hash)["id"]
    return own
