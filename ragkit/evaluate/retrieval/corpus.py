"""What corpus it is, said in one sentence that goes with every number, and how it gets into a collection."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ragkit.errors import ConfigError, shorten
from ragkit.evaluate.data.retrieval import RetrievalData, only_present
from ragkit.ingest.sync import sync

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from ragkit.evaluate.data.retrieval import Passage
    from ragkit.ingest.progress import Progress
    from ragkit.store.collection import Collection

__all__ = ["Survey", "index_passages", "survey"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """A test collection whose corpus was read through once."""

    data: RetrievalData
    """With the judgments that can be met in this corpus."""
    size: int
    """Documents in the corpus."""
    sentence: str
    """Such as `msmarco_passage/dl19: closed corpus, 30,187 of 8,841,823 passages`."""
    notes: tuple[str, ...]
    """What a reader must know to compare numbers, in sentences."""


def survey(data: RetrievalData) -> Survey:
    """Count the corpus, and keep the judgments that can be met in it.

    Where it is a part of a known larger one, what was judged but is not there cannot be found by any system: such
    judgments, and the queries without any other relevant document, do not count, and the notes say how many do.

    Raises:
        ConfigError: If the corpus is empty or no query is left.
    """
    size = sum(1 for _ in data.passages())
    if not size:
        raise ConfigError(f"{data.name} has no documents: expected a corpus beside queries and judgments.")
    partial = data.full_size is not None and size < data.full_size
    kept = only_present(data) if partial else data
    if not kept.qrels:
        raise ConfigError(f"{data.name}: no query has a relevant document in the corpus; choose another split.")
    notes = [f"{name.capitalize()}: {fact}." for name, fact in sorted(kept.facts.items())]
    if partial:
        notes.append(
            "A part of a corpus is another task than the whole, mostly an easier one: compare these scores with each "
            "other, never with a score of the full corpus."
        )
        notes.append(
            f"{len(kept.qrels):,} of {len(data.qrels):,} judged queries have a relevant passage here and count."
        )
    return Survey(data=kept, size=size, sentence=f"{data.name}: {_closed(data, size)}", notes=tuple(notes))


def _closed(data: RetrievalData, size: int) -> str:
    return f"closed corpus, {size:,} documents" if data.full_size is None else data.corpus_note(size)


def index_passages(
    collection: Collection,
    passages: Callable[[], Iterable[Passage]],
    *,
    beside: Path,
    progress: Callable[[Progress], None] | None = None,
) -> None:
    """Sync the passages into a collection, each a document; what is there already is not embedded again.

    Args:
        collection: Opened with its embedding model. One that holds exactly these documents is left as it is.
        passages: Reads them from the start; called once or twice.
        beside: Where the passages are written as JSONL for the time of the sync: the root of their documents.
        progress: Called after every document.

    Raises:
        ConfigError: If the collection holds other documents.
    """
    known = set(collection.fingerprints())
    wanted = {passage.doc_id for passage in _with_text(passages())}
    if other := known - wanted:
        raise ConfigError(
            f"the collection in {collection.folder} holds {len(other):,} documents that are not of this corpus, "
            f"such as {shorten(min(other))!r}: give a new folder, or the collection of this very corpus."
        )
    if known == wanted:
        return
    try:
        _write_rows(beside, passages())
        sync(collection, collection.encoder, [beside], progress=progress)
    finally:
        beside.unlink(missing_ok=True)


def _with_text(passages: Iterable[Passage]) -> Iterator[Passage]:
    return (passage for passage in passages if passage.content.strip())


def _write_rows(path: Path, passages: Iterable[Passage]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8") as rows:
        for passage in _with_text(passages):
            row = {"_id": passage.doc_id, "title": passage.title, "text": passage.text}
            rows.write(json.dumps(row, ensure_ascii=False) + "\n")
