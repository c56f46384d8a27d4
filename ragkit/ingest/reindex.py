"""A collection built again from its own texts, with another model or another chunker, beside the living one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any, Final

from ragkit.encoder import Encoder, EncoderCard
from ragkit.errors import ConfigError, InputError
from ragkit.ingest.cut import ChunkerSettings, Cutter
from ragkit.ingest.embedding import Embedding
from ragkit.ingest.fingerprint import Fingerprint, content_digest
from ragkit.ingest.form import form_of
from ragkit.ingest.pipeline import Stages
from ragkit.ingest.progress import Meter, Progress
from ragkit.ingest.window import Step, gather
from ragkit.ingest.writing import Writing
from ragkit.store.collection import Collection
from ragkit.store.manifest import Manifest, is_of_model
from ragkit.store.records import NewChunk, NewDocument, StoredDocument, check_document

__all__ = ["ReindexReport", "reindex"]

_WINDOWS_AHEAD: Final = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class ReindexReport:
    """What building a collection again did."""

    documents: int
    """Documents built again: all of them."""
    chunks: int
    """Chunks they have now."""
    embedded: int
    """Texts embedded; the rest was taken over, or stands in several chunks."""
    model: str
    """The embedding model now."""
    dim: int
    """Length of its vectors."""
    chunk_tokens: int | None
    """Longest chunk in tokens; None where callers have cut the texts."""
    overlap: int | None
    """Sentences repeated from the chunk before; None where callers have cut the texts."""
    generation: int
    """Which generation of the collection's files counts now."""
    seconds: float
    """Time taken."""

    def as_dict(self) -> dict[str, Any]:
        """Give the report as the JSON of `ragkit reindex --json`."""
        return {**asdict(self), "seconds": round(self.seconds, 3)}


def reindex(
    collection: Collection,
    encoder: Encoder | None = None,
    *,
    chunk_tokens: int | None = None,
    overlap: int | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> ReindexReport:
    """Build a collection again with another embedding model, another chunker or both, from the texts it holds.

    Files are not read again, and the next sync of the same files finds them unchanged. Readers answer from the old
    vectors until the new ones are complete, then from those; one that was opened with another model is told to open
    the collection again. A kill leaves the old collection or the new one. A text that the same model has embedded
    before is taken over, unless its vector is damaged: so this is also what repairs damaged vectors.

    Documents of a sync are cut anew if the model or the chunker changes. Those that a caller has put with chunks of
    their own keep them, unless a chunker is asked for.

    Args:
        collection: Nobody else may write meanwhile. Open it with `repair=True` if its vectors are damaged.
        encoder: The model to use from now on; None for the one the collection was opened with. The collection uses it
            afterwards.
        chunk_tokens: Longest chunk with its context, in the model's tokens; None for what the collection was built
            with, as far as the model reads that much.
        overlap: Whole sentences repeated from the chunk before; None for what the collection was built with.
        progress: Called after every document.

    Raises:
        ConfigError: If there is no encoder, or the chunk settings do not fit the model.
        StoreLockedError: If another process writes.
        StoreError: If the collection cannot be written, for one because the disk is full; it is as it was.
        ModelError: If embedding fails; the collection is as it was.
    """
    encoder = encoder or collection.encoder
    if encoder is None:
        raise ConfigError("reindex needs an embedding model: pass one, or open the collection with one.")
    with collection.writing():
        old = collection.manifest
        settings = _settings(old, encoder.card, chunk_tokens, overlap)
        asked = chunk_tokens is not None or overlap is not None
        source = _Source(collection, encoder, settings, asked=asked)
        meter = Meter(progress, total=len(collection), total_bytes=source.chars)
        chunker = old.chunker if settings is None else settings.as_dict()
        with collection.rebuilding(encoder, chunker=chunker) as rebuild, Stages() as stages:
            embedding = Embedding(encoder, rebuild, dry_run=False)
            writing = Writing(rebuild, embedding, meter)
            windows = stages.ahead(gather(source.steps()), depth=_WINDOWS_AHEAD)
            for window in stages.ahead(embedding.run(windows), depth=_WINDOWS_AHEAD):
                writing.take(window)
            writing.flush()
        meter.finish()
        return ReindexReport(
            documents=meter.done,
            chunks=meter.chunks,
            embedded=meter.embedded,
            model=encoder.card.model,
            dim=encoder.card.dim,
            chunk_tokens=settings.chunk_tokens if settings else None,
            overlap=settings.overlap if settings else None,
            generation=collection.manifest.generation,
            seconds=meter.seconds,
        )


def _settings(
    manifest: Manifest, card: EncoderCard, chunk_tokens: int | None, overlap: int | None
) -> ChunkerSettings | None:
    """Give how texts are to be cut; None where nobody has said."""
    before = _known_settings(manifest)
    if before is None and chunk_tokens is None and overlap is None:
        return None
    if before is not None and chunk_tokens is None and before.chunk_tokens <= (card.max_tokens or before.chunk_tokens):
        chunk_tokens = before.chunk_tokens
    if before is not None and overlap is None:
        overlap = before.overlap
    return ChunkerSettings.choose(card, chunk_tokens=chunk_tokens, overlap=overlap)


def _known_settings(manifest: Manifest) -> ChunkerSettings | None:
    chunk_tokens, overlap = manifest.chunker.get("chunk_tokens"), manifest.chunker.get("overlap")
    if not isinstance(chunk_tokens, int):
        return None
    return ChunkerSettings(chunk_tokens=chunk_tokens, overlap=overlap if isinstance(overlap, int) else 1)


class _Source:
    """The documents of a collection as they are to be put again."""

    def __init__(
        self, collection: Collection, encoder: Encoder, settings: ChunkerSettings | None, *, asked: bool
    ) -> None:
        self._collection = collection
        self._before = _known_settings(collection.manifest)
        self._asked = asked
        self._stays = settings == self._before and is_of_model(collection.manifest, encoder)
        self._cutter = None if settings is None else Cutter(encoder, settings)
        self.chars = sum(document.chars for document in collection.documents())
        """Characters of all texts."""

    def steps(self) -> Iterator[Step]:
        """Give every document, with the characters read by then."""
        chars = 0
        for stored in self._collection.documents():
            chars += stored.chars
            yield Step(self._document(stored), chars)

    def _document(self, stored: StoredDocument) -> NewDocument:
        text = self._collection.text(stored.doc_id)
        synced = bool(stored.root) and bool(Fingerprint.decode(stored.content_hash).origin)
        cut = self._asked and stored.chunks > 0 if not synced else not self._stays
        if cut and self._cutter is not None:
            chunks, content_hash = self._cut(self._cutter, stored, text)
        else:
            own = self._collection.chunks(stored.doc_id)
            chunks, content_hash = [NewChunk(item.start, item.end, item.context) for item in own], stored.content_hash
        document = NewDocument(
            doc_id=stored.doc_id,
            text=text,
            source=stored.source,
            title=stored.title,
            metadata=stored.metadata,
            root=stored.root,
            content_hash=content_hash,
            pages=stored.pages,
            chunks=chunks,
        )
        check_document(document)
        return document

    def _cut(self, cutter: Cutter, stored: StoredDocument, text: str) -> tuple[list[NewChunk], str]:
        """Give the chunks, and what the next sync will know the document by."""
        fingerprint = Fingerprint.decode(stored.content_hash)
        form = form_of(stored, text, fingerprint, self._before)
        loaded = form.loaded(stored, text)
        try:
            chunks = cutter.cut(loaded)
        except InputError as error:
            raise ConfigError(f"document {stored.doc_id!r} cannot be cut: {error}") from error
        if not form.certain:
            return chunks, stored.content_hash
        return chunks, fingerprint._replace(content=content_digest(loaded, cutter.settings)).encode()
