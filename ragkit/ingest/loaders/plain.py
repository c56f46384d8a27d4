"""A text file is its text; there is nothing to parse."""

from __future__ import annotations

from ragkit.errors import LoadError
from ragkit.ingest.document import LoadedDocument, SourceFile
from ragkit.ingest.encoding import decode
from ragkit.text.clean import normalise

__all__ = ["load_plain"]


def load_plain(file: SourceFile, data: bytes) -> LoadedDocument:
    """Read a text file; its encoding is found, its title unknown.

    Raises:
        LoadError: If the bytes are no text, or only white space.
    """
    text = normalise(decode(data, path=file.source))
    if not text.strip():
        raise LoadError(file.source, "the file holds no text")
    return LoadedDocument(doc_id=file.name, text=text, source=file.source)
