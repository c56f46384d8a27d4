"""A document's chunks with their context, none longer than the model reads."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ragkit.errors import ConfigError
from ragkit.store.records import NewChunk, index_text
from ragkit.text.chunk import Chunk, chunk
from ragkit.text.sentences import trimmed

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from ragkit.encoder import Encoder, EncoderCard
    from ragkit.ingest.document import LoadedDocument

__all__ = ["MIN_CHUNK_TOKENS", "ChunkerSettings", "Cutter"]

MIN_CHUNK_TOKENS = 32
"""Smaller chunks hold no whole sentence beside their context."""
_DEFAULT_TOKENS = 256
_MOST_DEFAULT_TOKENS = 512  # a model that reads more finds better, and cites more closely, in pieces of this size
_CONTEXT_SHARE = 4
_MOST_CHARS_PER_TOKEN = 8  # what is longer is not even measured as a whole
_CHARS_PER_TOKEN = 16  # English has about 4.5, and no language comes near this


@dataclass(frozen=True, slots=True, kw_only=True)
class ChunkerSettings:
    """How documents are cut; one collection has one setting, kept in its manifest."""

    chunk_tokens: int
    """The most tokens of a chunk together with its context, as the model counts them."""
    overlap: int = 1
    """Whole sentences repeated from the chunk before."""

    @classmethod
    def choose(
        cls,
        card: EncoderCard,
        *,
        chunk_tokens: int | None = None,
        overlap: int | None = None,
        stored: Mapping[str, object] | None = None,
    ) -> ChunkerSettings:
        """Settle what was asked for, what the collection was built with, and what the model can read.

        Args:
            card: The embedding model; the default is what it reads, 256 where unknown, at most 512.
            chunk_tokens: Asked for; None for the stored or default value.
            overlap: Asked for; None for the stored value, or 1.
            stored: The collection's own settings, from `as_dict`; empty or None for a new collection.

        Raises:
            ConfigError: If a value is out of range, more than the model reads, or not what the collection was
                built with.
        """
        stored = stored or {}
        chosen = cls(
            chunk_tokens=_settled("chunk_tokens", chunk_tokens, stored, default=_default_tokens(card)),
            overlap=_settled("overlap", overlap, stored, default=1),
        )
        if card.max_tokens is not None and chosen.chunk_tokens > card.max_tokens:
            raise ConfigError(
                f"chunk_tokens is {chosen.chunk_tokens}, but {card.model} reads {card.max_tokens} tokens and would "
                f"not see the rest: choose at most {card.max_tokens}."
            )
        return chosen

    def __post_init__(self) -> None:
        if self.chunk_tokens < MIN_CHUNK_TOKENS:
            raise ConfigError(f"chunk_tokens must be at least {MIN_CHUNK_TOKENS}, got {self.chunk_tokens}.")
        if self.overlap < 0:
            raise ConfigError(f"overlap must be at least 0 sentences, got {self.overlap}.")

    def as_dict(self) -> dict[str, object]:
        """Give the settings as they stand in the manifest."""
        return {"chunk_tokens": self.chunk_tokens, "overlap": self.overlap}


def _default_tokens(card: EncoderCard) -> int:
    return min(card.max_tokens or _DEFAULT_TOKENS, _MOST_DEFAULT_TOKENS)


def _settled(name: str, asked: int | None, stored: Mapping[str, object], *, default: int) -> int:
    kept = stored.get(name)
    if not isinstance(kept, int):
        return default if asked is None else asked
    if asked is not None and asked != kept:
        raise ConfigError(
            f"{name} is {asked}, but the collection was built with {kept}: leave it out to go on with {kept}, "
            "run `ragkit reindex` to cut all of it anew, or index into a new folder."
        )
    return kept


class Cutter:
    """Cuts documents so that every chunk with its context is read whole by the model.

    Context is the title and the headings above a chunk, at most a quarter of the tokens.
    """

    def __init__(self, encoder: Encoder, settings: ChunkerSettings) -> None:
        self.settings = settings
        """How long a chunk may be."""
        self._prompt = encoder.card.document_prompt
        self._encoder = encoder
        self._longest_whole = settings.chunk_tokens * _MOST_CHARS_PER_TOKEN

    def count(self, text: str) -> int:
        """Count what the model reads for a text, its own special tokens and prompt included.

        Never less than a sixteenth of the characters: a model reads a word of any length, such as a picture written
        in base64, as one unknown token, and a chunk of it would have no end.
        """
        least = len(text) // _CHARS_PER_TOKEN
        if least > self.settings.chunk_tokens:
            return least  # too long already: a text of any length is not given to the tokenizer to learn by how much
        return max(self._encoder.count_tokens(self._prompt + text), least)

    def cut(self, document: LoadedDocument) -> list[NewChunk]:
        """Give the document's chunks in order; a chunk never goes beyond its page.

        For every chunk `count(index_text(text, context)) <= settings.chunk_tokens`.
        """
        contexts = _Contexts(document.title, self.count, self.settings.chunk_tokens // _CONTEXT_SHARE)
        if (whole := self._whole(document, contexts)) is not None:
            return [whole]
        return [
            NewChunk(piece.start, piece.end, self._context(document.text[piece.start : piece.end], piece, contexts))
            for piece in self._pieces(document, contexts)
        ]

    def _whole(self, document: LoadedDocument, contexts: _Contexts) -> NewChunk | None:
        """Give prose without pages as one chunk if it fits: most rows do, and are then measured once."""
        text = document.text
        if document.markdown or document.syntax or document.pages or len(text) > self._longest_whole:
            return None
        start, end = trimmed(text, 0, len(text))
        context = contexts((), text[start:end])
        if start == end or self.count(index_text(text[start:end], context)) > self.settings.chunk_tokens:
            return None
        return NewChunk(start, end, context)

    def _pieces(self, document: LoadedDocument, contexts: Callable[[Sequence[str]], str]) -> list[Chunk]:
        ends = [page.start for page in document.pages[1:]] + [len(document.text)]
        starts = [page.start for page in document.pages] or [0]
        pieces = []
        for start, end in zip(starts, ends, strict=True):
            found = chunk(
                document.text[start:end],
                self.count,
                max_tokens=self.settings.chunk_tokens,
                overlap=self.settings.overlap,
                markdown=document.markdown,
                syntax=document.syntax,
                context=contexts,
            )
            pieces += [replace(piece, start=piece.start + start, end=piece.end + start) for piece in found]
        return pieces

    def _context(self, text: str, piece: Chunk, contexts: _Contexts) -> str:
        """Give the longest context that fits: a tokenizer may count a whole as more than its parts."""
        for context in (contexts(piece.headings, text), contexts(piece.headings[-1:], text), contexts((), text)):
            if self.count(index_text(text, context)) <= self.settings.chunk_tokens:
                return context
        return ""


class _Contexts:
    """Title and headings as one line of at most `limit` tokens; called for every section, so each is made once."""

    def __init__(self, title: str, count: Callable[[str], int], limit: int) -> None:
        self._title = title
        self._count = count
        self._limit = limit
        self._made: dict[tuple[str, ...], str] = {}

    def __call__(self, headings: Sequence[str], text: str = "") -> str:
        """Give the context below these headings, without the title where `text` begins with it."""
        first_line = text.partition("\n")[0].lstrip("#").strip()
        title = () if not self._title or self._title == first_line else (self._title,)
        parts = (*title, *(heading for heading in headings if heading and heading != self._title))
        if parts not in self._made:
            self._made[parts] = self._shortened(parts)
        return self._made[parts]

    def _shortened(self, parts: tuple[str, ...]) -> str:
        """Leave out middle headings first, then words from the end."""
        while len(parts) > 2 and not self._fits(" > ".join(parts)):
            parts = (parts[0], *parts[2:])
        if self._fits(whole := " > ".join(parts)):
            return whole
        words = whole.split()[: self._limit]
        while words and not self._fits(" ".join(words)):
            words = words[: len(words) * 3 // 4]
        return " ".join(words)

    def _fits(self, context: str) -> bool:
        return self._count(context) <= self._limit
