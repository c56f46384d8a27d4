"""Files and folders into a collection: only what is new or changed is read, cut and embedded; what is gone leaves."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from pathlib import Path

from ragkit.encoder import Encoder
from ragkit.errors import ConfigError
from ragkit.ingest.cut import ChunkerSettings, Cutter
from ragkit.ingest.embedding import Embedding
from ragkit.ingest.intake import Intake, read_known
from ragkit.ingest.loaders.formats import SUFFIXES, row_loader
from ragkit.ingest.pipeline import Stages
from ragkit.ingest.progress import Meter, Progress
from ragkit.ingest.report import SyncReport
from ragkit.ingest.roots import Listing, list_files
from ragkit.ingest.walk import Selection
from ragkit.ingest.window import gather
from ragkit.ingest.writing import Writing
from ragkit.store.collection import Collection

__all__ = ["Progress", "SyncReport", "check_sync", "sync"]

_WINDOWS_AHEAD = 2
"""Windows that may wait for the next stage."""


def sync(
    collection: Collection | None,
    encoder: Encoder | None,
    paths: Sequence[str | Path] | str | Path,
    *,
    chunk_tokens: int | None = None,
    overlap: int | None = None,
    prune: bool = False,
    dry_run: bool = False,
    include: Sequence[str] = (),
    exclude: Sequence[str] = (),
    text_column: str = "text",
    progress: Callable[[Progress], None] | None = None,
) -> SyncReport:
    """Bring the files below `paths` into the collection.

    A file's document is known again by the digest of its bytes, a row's by that of its content; what is unchanged is
    neither cut nor embedded, and a text that the collection has embedded before, wherever it stood, is not embedded
    again. Reading, embedding and writing overlap: the first two run in threads of their own, some windows ahead.
    Of what was written only ids are kept in memory. Each document is written as a whole, about 1,024 chunks at a time
    or every two seconds, so a sync that is killed leaves finished documents in the collection, and the next one goes
    on from there. A document leaves when its root is one of `paths` and its file or row is gone, or no longer wanted;
    never when its file could not be read.

    Args:
        collection: Where the documents go; None, for a collection not made yet, only with `dry_run`.
        encoder: The collection's embedding model; None for the one it was opened with.
        paths: Files and folders, or one of them; of a folder, files with a known suffix
            (`ragkit.ingest.loaders.formats.SUFFIXES`) that are neither hidden nor ignored by a `.gitignore`; a file
            given by name is read whatever its suffix.
        chunk_tokens: Longest chunk with its context, in the model's tokens, at least 32; None for what the
            collection was built with, else what the model reads, at most 512.
        overlap: Whole sentences repeated from the chunk before; None for what the collection was built with, else 1.
        prune: Remove the documents of a path that is missing or empty, instead of refusing.
        dry_run: Change nothing; the report says what would be done.
        include: Patterns as in `.gitignore`; only files that match one are wanted.
        exclude: Patterns as in `.gitignore`; no file that matches one is wanted.
        text_column: Column of CSV files that holds the text; in JSONL it is looked for before `text`.
        progress: Called after every document.

    Raises:
        InputError: If a path does not exist, or holds nothing to index and `prune` is not set.
        ConfigError: If there is no encoder, or the chunk settings do not fit the model or the collection.
        StoreError: If the collection cannot be written.
        ModelError: If embedding fails; what was finished before stays.
    """
    if isinstance(paths, str | Path):
        paths = [paths]
    encoder = encoder or (collection.encoder if collection is not None else None)
    if encoder is None or (collection is None and not dry_run):
        missing = "an embedding model" if encoder is None else "a collection"
        raise ConfigError(f"sync needs {missing}: open the collection with one, as ragkit.open(folder) does.")
    selection = Selection(
        include=include, exclude=exclude, suffixes=SUFFIXES, skip=(collection.folder,) if collection is not None else ()
    )
    # What is there decides what is done: nobody else may write between the two.
    with nullcontext() if collection is None or dry_run else collection.writing():
        stored = collection.manifest.chunker if collection is not None else {}
        settings = ChunkerSettings.choose(encoder.card, chunk_tokens=chunk_tokens, overlap=overlap, stored=stored)
        known = read_known(collection)
        recorded = {document.root for document in known.values() if document.root}
        listing = list_files(paths, selection, recorded=recorded, prune=prune)
        if collection is not None and not dry_run:
            collection.record_chunker(settings.as_dict())
        intake = Intake(Cutter(encoder, settings), listing, known)
        embedding = Embedding(encoder, collection, dry_run=dry_run)
        meter = _meter(listing, progress)
        target = None if dry_run else collection
        with Stages() as stages:
            windows = stages.ahead(gather(intake.steps(text_column=text_column)), depth=_WINDOWS_AHEAD)
            writing = Writing(target, embedding, meter)
            try:
                for window in stages.ahead(embedding.run(windows), depth=_WINDOWS_AHEAD):
                    writing.take(window)
            finally:
                writing.flush()  # also when a stage failed: what it was given before is finished
        gone = intake.gone()
        if gone and target is not None:
            target.delete(gone)
        return _report(intake, meter, removed=len(gone))


def _meter(listing: Listing, progress: Callable[[Progress], None] | None) -> Meter:
    rows = any(row_loader(file.name) for file in listing.files)
    total_bytes = sum(file.size for file in listing.files)
    return Meter(progress, total=None if rows else len(listing.files), total_bytes=total_bytes)


def _report(intake: Intake, meter: Meter, *, removed: int) -> SyncReport:
    meter.finish()
    return SyncReport(
        added=intake.added,
        changed=intake.changed,
        removed=removed,
        unchanged=intake.unchanged,
        failed=tuple(intake.failures),
        chunks=meter.chunks,
        embedded=meter.embedded,
        seconds=meter.seconds,
    )


def check_sync(
    encoder: Encoder,
    paths: Sequence[str | Path],
    *,
    chunk_tokens: int | None = None,
    overlap: int | None = None,
    prune: bool = False,
    include: Sequence[str] = (),
    exclude: Sequence[str] = (),
) -> None:
    """Check what can be checked of a sync into a collection that is not made yet, so that wrong use makes none.

    Raises:
        InputError: If a path does not exist, or holds nothing to index and `prune` is not set.
        ConfigError: If the chunk settings do not fit the model.
    """
    ChunkerSettings.choose(encoder.card, chunk_tokens=chunk_tokens, overlap=overlap, stored={})
    selection = Selection(include=include, exclude=exclude, suffixes=SUFFIXES, skip=())
    list_files(paths, selection, recorded=set(), prune=prune)
