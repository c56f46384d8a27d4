"""The values that go into a collection and come out of it, and what makes them acceptable."""

from __future__ import annotations

import bisect
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from ragkit.errors import InputError, shorten

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ragkit.encoder import Vectors

__all__ = [
    "NewChunk",
    "NewDocument",
    "StoredChunk",
    "StoredDocument",
    "check_document",
    "check_vectors",
    "chunk_name",
    "index_text",
    "page_at",
    "unit_rows",
]

_BEYOND_INT64 = 2**63

_UNIT = 1e-5
"""How far from 1 a norm may be and count as unit length; float32 models end within 1e-6."""

_UNIT_OF_HALVES = 2.0**-11
"""The same for rows of 16-bit values: what a collection gives back must be what it holds when it is put again."""


_SAFE = 1e100
"""Up to here, and from its inverse on, values of any dimension can be squared and summed in float64."""


@dataclass(frozen=True, slots=True)
class NewChunk:
    """A slice of a document that can be found."""

    start: int
    """First character in the document's text."""
    end: int
    """One past the last character; greater than `start`."""
    context: str = ""
    """Title or heading path: indexed with the chunk in both arms, never part of offsets."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewDocument:
    """A document as it is put into a collection."""

    doc_id: str
    """Unique in the collection, not empty; putting it again replaces the document."""
    text: str
    """What offsets count in; any Unicode text but lone surrogates."""
    source: str = ""
    """Where it came from: the path as it was given, or what the caller likes."""
    title: str = ""
    """Empty where unknown."""
    metadata: Mapping[str, Any] = field(default_factory=dict)
    """Anything JSON can hold, and dates; every field can be filtered by."""
    root: str = ""
    """Absolute path of the synced file or folder it belongs to; empty for none."""
    content_hash: str = ""
    """Whatever tells the caller that the document is unchanged."""
    pages: Sequence[tuple[int, int]] = ()
    """`(page number from 1, first character)` by rising start; empty for formats without pages."""
    chunks: Sequence[NewChunk] = ()
    """In the order of their ordinals; may overlap; a document without chunks is kept but never found."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredDocument:
    """A document of the collection, without its text."""

    doc_id: str
    """Unique in the collection."""
    source: str
    """Where it came from."""
    title: str
    """Empty where unknown."""
    metadata: Mapping[str, Any]
    """As JSON gives it back: dates are ISO 8601 text."""
    root: str
    """Absolute path of the synced file or folder it belongs to; empty for none."""
    content_hash: str
    """Whatever the caller gave."""
    chars: int
    """Length of the text in characters."""
    chunks: int
    """Number of chunks."""
    pages: tuple[tuple[int, int], ...] = ()
    """`(page number, first character)`; see `page_at`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredChunk:
    """A chunk of the collection."""

    chunk_id: str
    """`doc_id#ordinal`, ordinals from 0."""
    doc_id: str
    """Its document."""
    start: int
    """First character in the document's text."""
    end: int
    """One past the last character."""
    text: str
    """Exactly `document_text[start:end]`."""
    context: str
    """Title or heading path; may be empty."""
    page: int | None
    """Page on which the chunk starts; None where the document has no pages."""


def chunk_name(doc_id: str, ordinal: int) -> str:
    """Give the `chunk_id` of a document's chunk, ordinals from 0."""
    return f"{doc_id}#{ordinal}"


def index_text(chunk_text: str, context: str) -> str:
    r"""Give what is embedded and BM25-indexed for a chunk.

    Example:
        >>> index_text("It was 1907.", "History > Early years")
        'History > Early years\nIt was 1907.'
    """
    return f"{context}\n{chunk_text}" if context else chunk_text


def page_at(pages: Sequence[tuple[int, int]], position: int) -> int | None:
    """Give the page on which a character stands: the last one that starts at or before it; None before the first.

    Example:
        >>> page_at([(1, 0), (2, 500)], 499)
        1
    """
    place = bisect.bisect_right([start for _, start in pages], position)
    return pages[place - 1][0] if place else None


def check_document(document: NewDocument) -> None:
    """Check what SQLite and the offsets need; the metadata is checked by `fields.json_ready`.

    Raises:
        InputError: With the first thing that does not fit.
    """
    if not isinstance(document.doc_id, str) or not document.doc_id:
        raise InputError(f"doc_id must be a non-empty text, got {shorten(repr(document.doc_id))}.")
    for name in ("doc_id", "text", "source", "title", "root", "content_hash"):
        _check_text(document, name, getattr(document, name))
    length = len(document.text)
    for ordinal, chunk in enumerate(document.chunks):
        if not (_whole(chunk.start) and _whole(chunk.end) and 0 <= chunk.start < chunk.end <= length):
            raise InputError(
                f"chunk {ordinal} of document {shorten(document.doc_id)!r} spans {chunk.start}:{chunk.end}; "
                f"expected 0 <= start < end <= {length}, the length of its text, in whole numbers."
            )
        _check_text(document, f"context of chunk {ordinal}", chunk.context)
    for page in document.pages:
        if len(page) != 2 or not all(_whole(number) for number in page):
            raise InputError(
                f"pages of document {shorten(document.doc_id)!r} must be pairs of whole numbers, page and first "
                f"character, got {shorten(repr(page))}."
            )
    starts = [start for _, start in document.pages]
    if starts != sorted(starts):
        raise InputError(f"pages of document {shorten(document.doc_id)!r} must be given by rising start.")


def _whole(value: object) -> bool:
    return isinstance(value, int) and abs(value) < _BEYOND_INT64


def _check_text(document: NewDocument, name: str, value: str) -> None:
    try:
        value.encode()
    except (AttributeError, UnicodeEncodeError) as error:
        raise InputError(
            f"{name} of document {shorten(document.doc_id)!a} must be Unicode text without lone surrogates: {error}."
        ) from error


def check_vectors(vectors: Any, *, rows: int, dim: int, doc_id: str) -> Vectors:
    """Give a document's vectors as `(rows, dim)` float32 of unit length; see `unit_rows`.

    Args:
        vectors: Anything numpy reads as an array of floats.
        rows: Number of chunks.
        dim: Dimension of the collection.
        doc_id: For the message.

    Raises:
        InputError: If the shape or kind differs, or a value is not finite.
    """
    array = np.asarray(vectors)
    if array.dtype.kind != "f":
        raise InputError(f"vectors of document {shorten(doc_id)!r} must be floats, got {array.dtype}.")
    if array.shape != (rows, dim):
        raise InputError(
            f"vectors of document {shorten(doc_id)!r} have shape {array.shape}; expected ({rows}, {dim}): "
            "one row for each chunk, as long as the collection's dimension."
        )
    if not np.isfinite(array).all():
        raise InputError(f"vectors of document {shorten(doc_id)!r} hold NaN or infinity; expected finite numbers.")
    return unit_rows(array)


def unit_rows(array: np.ndarray[Any, np.dtype[Any]]) -> Vectors:
    """Scale rows to unit length, `(n, dim)` float32; rows of zeros or of unit length stay as they are."""
    wide = array.astype(np.float64)
    largest = np.abs(wide).max(axis=1, keepdims=True, initial=0.0)
    extreme = (largest > _SAFE) | ((largest > 0) & (largest < 1 / _SAFE))
    if extreme.any():  # their squares would be infinite, or all zero
        wide = wide / np.where(extreme, largest, 1.0)
    norms = np.linalg.norm(wide, axis=1, keepdims=True)
    with np.errstate(over="ignore"):  # what is too large for 16 bits becomes infinite, and so differs
        halves = (wide == wide.astype(np.float16)).all(axis=1, keepdims=True)
    off = np.abs(norms - 1) > np.where(halves, _UNIT_OF_HALVES, _UNIT)
    factors = np.where((norms > 0) & off, norms, 1.0)
    return np.ascontiguousarray(wide / factors, dtype=np.float32)
