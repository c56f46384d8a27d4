"""Which LangChain `Document` a hit, a chunk or a stored document is.

What came in through LangChain goes out as it came: its own id, its text, its metadata. Documents that were synced from
files are found as chunks: then the id is the `chunk_id`, and the metadata says besides what the file says of itself
where the chunk stands (`source`, `doc_id`, `start`, `end`, `page`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from langchain_core.documents import Document

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ragkit.store.lookup import Named
    from ragkit.store.records import StoredDocument
    from ragkit.types import Hit

__all__ = ["document_of", "document_of_hit", "is_one_chunk"]


def is_one_chunk(document: StoredDocument) -> bool:
    """Tell whether a document is known by its `doc_id` alone: one chunk, and put by hand, not read from a source."""
    return document.chunks <= 1 and not document.source and not document.root


def document_of_hit(hit: Hit, named: Named | None) -> Document:
    """Give a hit as a document.

    Args:
        hit: Of any search.
        named: What its `doc_id` names; may be None if the hit has a source: then it is a chunk.
    """
    if named is not None and is_one_chunk(named.document):
        return Document(id=hit.doc_id, page_content=hit.text, metadata=dict(hit.metadata))
    place = _place(hit.doc_id, hit.source, hit.start, hit.end, hit.page)
    return Document(id=hit.chunk_id, page_content=hit.text, metadata={**hit.metadata, **place})


def document_of(name: str, named: Named) -> Document:
    """Give what an id names as a document of that id.

    Args:
        name: A `doc_id` or a `chunk_id`.
        named: What it names.
    """
    document, text, chunk = named
    if is_one_chunk(document) and chunk is None:
        return Document(id=name, page_content=text, metadata=dict(document.metadata))
    start, end, page = (chunk.start, chunk.end, chunk.page) if chunk else (0, document.chars, None)
    place = _place(document.doc_id, document.source, start, end, page)
    return Document(id=name, page_content=text, metadata={**document.metadata, **place})


def _place(doc_id: str, source: str, start: int, end: int, page: int | None) -> Mapping[str, Any]:
    place = {"doc_id": doc_id, "start": start, "end": end, "page": page}
    return {"source": source, **place} if source else place
