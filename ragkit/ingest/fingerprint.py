"""What sync remembers of a document to know it again; kept in the collection as the document's `content_hash`."""

from __future__ import annotations

import json
from hashlib import sha256
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from ragkit.ingest.cut import ChunkerSettings
    from ragkit.ingest.document import LoadedDocument

__all__ = ["Fingerprint", "content_digest", "file_digest"]

_READERS = 2
"""Raise it when a loader or the cutting gives better text: documents are then read and cut anew."""


class Fingerprint(NamedTuple):
    """What a document was made of."""

    content: str
    """Digest of text, title, metadata and how it was cut: equal means nothing to do."""
    file: str
    """Digest of the file's bytes, so that an unchanged file is not even parsed; empty for a row."""
    origin: str
    """Path of the file relative to the document's root."""

    def encode(self) -> str:
        """Give it as text.

        Example:
            >>> Fingerprint(content="c1", file="f2", origin="a.md").encode()
            'c1:f2:a.md'
        """
        return ":".join(self)

    @classmethod
    def decode(cls, text: str) -> Fingerprint:
        """Read what `encode` gave; any other text belongs to a document that no sync has made, and equals none."""
        content, _, rest = text.partition(":")
        file, colon, origin = rest.partition(":")
        return cls(content, file, origin) if colon else cls("", "", "")


def file_digest(data: bytes) -> str:
    """Give the digest of a file's bytes."""
    return sha256(b"%d:" % _READERS + data).hexdigest()[:32]


def content_digest(document: LoadedDocument, settings: ChunkerSettings) -> str:
    """Give the digest of all that decides what is stored and found of a document; `source` is not part of it."""
    parts = [
        _READERS,
        document.text,
        document.title,
        document.metadata,
        document.pages,
        document.markdown,
        document.syntax,
        settings.as_dict(),
    ]
    return sha256(json.dumps(parts, sort_keys=True, ensure_ascii=False).encode()).hexdigest()[:32]
