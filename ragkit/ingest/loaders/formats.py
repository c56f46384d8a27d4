"""The one table of formats: which suffix is read by which loader."""

from __future__ import annotations

from pathlib import PurePath
from typing import TYPE_CHECKING, Protocol

from ragkit.ingest.loaders.json_tree import read_json
from ragkit.ingest.loaders.mail import load_mail
from ragkit.ingest.loaders.markdown import load_markdown
from ragkit.ingest.loaders.plain import load_plain
from ragkit.ingest.loaders.rows import read_csv, read_jsonl
from ragkit.ingest.loaders.source import SYNTAX_BY_SUFFIX, load_source

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from ragkit.ingest.document import Failure, LoadedDocument, SourceFile

__all__ = ["DOCUMENT_LOADERS", "ROW_LOADERS", "SUFFIXES", "document_loader", "row_loader"]


class RowLoader(Protocol):
    """A file of rows, read as a stream."""

    def __call__(
        self, file: SourceFile, *, text_column: str = "text", at: Callable[[int], None] = ...
    ) -> Iterator[LoadedDocument | Failure]:
        """Give a document or a failure per row; `at` is told how many bytes were read."""
        ...


def _html(file: SourceFile, data: bytes) -> LoadedDocument:
    from ragkit.ingest.loaders.html import load_html  # trafilatura takes 0.2 s to import: only where it is needed

    return load_html(file, data)


def _pdf(file: SourceFile, data: bytes) -> LoadedDocument:
    from ragkit.ingest.loaders.pdf import load_pdf

    return load_pdf(file, data)


def _docx(file: SourceFile, data: bytes) -> LoadedDocument:
    from ragkit.ingest.loaders.docx import load_docx

    return load_docx(file, data)


def _epub(file: SourceFile, data: bytes) -> LoadedDocument:
    from ragkit.ingest.loaders.epub import load_epub

    return load_epub(file, data)


def _rst(file: SourceFile, data: bytes) -> LoadedDocument:
    from ragkit.ingest.loaders.rst import load_rst

    return load_rst(file, data)


DOCUMENT_LOADERS: Mapping[str, Callable[[SourceFile, bytes], LoadedDocument]] = {
    ".txt": load_plain,
    ".text": load_plain,
    ".md": load_markdown,
    ".markdown": load_markdown,
    ".mdx": load_markdown,
    ".html": _html,
    ".htm": _html,
    ".xhtml": _html,
    ".pdf": _pdf,
    ".docx": _docx,
    ".docm": _docx,
    ".epub": _epub,
    ".eml": load_mail,
    ".rst": _rst,
    ".rest": _rst,
    **dict.fromkeys(SYNTAX_BY_SUFFIX, load_source),
}
"""One file, one document: takes the file and its bytes."""

ROW_LOADERS: Mapping[str, RowLoader] = {
    ".jsonl": read_jsonl,
    ".ndjson": read_jsonl,
    ".csv": read_csv,
    ".tsv": read_csv,
    ".json": read_json,
}
"""One file, many documents; each suffix of a stream of rows may be followed by `.gz`."""

_PACKED = tuple(f"{suffix}.gz" for suffix, read in ROW_LOADERS.items() if read is not read_json)

SUFFIXES = tuple(sorted({*DOCUMENT_LOADERS, *ROW_LOADERS, *_PACKED}))
"""What is read when it is found in a folder."""


def row_loader(name: str) -> RowLoader | None:
    """Give the loader of a file of rows, by the file's name; None for other files."""
    name = name.lower()
    bare = name.removesuffix(".gz") if name.endswith(_PACKED) else name
    return ROW_LOADERS.get(PurePath(bare).suffix)


def document_loader(name: str) -> Callable[[SourceFile, bytes], LoadedDocument]:
    """Give the loader of a file that is one document; a suffix that is not known is read as plain text."""
    return DOCUMENT_LOADERS.get(PurePath(name.lower()).suffix, load_plain)
