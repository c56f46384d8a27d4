"""What guided the cutting of a stored document: Markdown, a syntax, or nothing.

The collection does not keep it. But the digest that a sync keeps of a document was made of it too, so the form that
gives the very digest is the one that the document had; where none does, its name gives a good guess.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from ragkit.ingest.document import LoadedDocument, PageStart
from ragkit.ingest.fingerprint import content_digest
from ragkit.ingest.loaders.source import SYNTAX_BY_SUFFIX

if TYPE_CHECKING:
    from ragkit.ingest.cut import ChunkerSettings
    from ragkit.ingest.fingerprint import Fingerprint
    from ragkit.store.records import StoredDocument

__all__ = ["Form", "form_of"]

_PLAIN_SUFFIXES = frozenset({"", ".txt", ".text", ".pdf", ".jsonl", ".ndjson", ".json", ".csv", ".tsv", ".gz"})


@dataclass(frozen=True, slots=True)
class Form:
    """How a text is to be read when it is cut."""

    markdown: bool
    """Whether headings, tables and code blocks guide the cutting."""
    syntax: str
    """A key of `ragkit.text.syntax.SYNTAXES`; empty for prose and Markdown."""
    certain: bool = False
    """Whether the document was cut like this before; else it is a guess by its name."""

    def loaded(self, stored: StoredDocument, text: str) -> LoadedDocument:
        """Give a stored document as its loader gave it."""
        return LoadedDocument(
            doc_id=stored.doc_id,
            text=text,
            source=stored.source,
            title=stored.title,
            metadata=stored.metadata,
            pages=tuple(PageStart(*page) for page in stored.pages),
            markdown=self.markdown,
            syntax=self.syntax,
        )


def form_of(stored: StoredDocument, text: str, fingerprint: Fingerprint, settings: ChunkerSettings | None) -> Form:
    """Give the form of a stored document.

    Args:
        stored: The document.
        text: All of it.
        fingerprint: What a sync keeps of it; of empty parts for a document that no sync has made.
        settings: How it was cut; None where nobody has said.
    """
    guesses = _guesses(fingerprint.origin or stored.source or stored.doc_id)
    if settings is not None and fingerprint.content:
        for guess in guesses:
            if content_digest(guess.loaded(stored, text), settings) == fingerprint.content:
                return Form(guess.markdown, guess.syntax, certain=True)
    return guesses[0]


def _guesses(name: str) -> list[Form]:
    """Give the possible forms of a file of this name, the likeliest first."""
    suffix = PurePosixPath(name.lower()).suffix
    plain, markdown = Form(markdown=False, syntax=""), Form(markdown=True, syntax="")
    syntax = "lines" if suffix == ".json" else SYNTAX_BY_SUFFIX.get(suffix, "")
    first = [Form(markdown=False, syntax=syntax)] if syntax else []
    return [*first, *((plain, markdown) if suffix in _PLAIN_SUFFIXES else (markdown, plain))]
