"""Real embedded text to search: Wikipedia articles of spring 2024, cut and embedded once, kept in the cache.

130,000 chunks take some twenty minutes of embedding the first time. What is kept is a ragkit collection and, made from
it, the files that both sides read (`corpus.py`). A collection that is there already can be given instead.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import time
from itertools import islice
from typing import TYPE_CHECKING

import ragkit
from evals.benchmarks.corpus import Corpus
from evals.benchmarks.process import say
from ragkit.settings import Settings
from ragkit.store.collection import Collection
from ragkit.store.records import index_text

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from evals.benchmarks.setup import Setup
    from ragkit.ingest.progress import Progress

__all__ = ["MissingDataError", "wikipedia"]

_CHUNK_TOKENS, _CHARS_OF_A_CHUNK = 112, 420
_FILES = ("articles.jsonl.gz", "qna_per_passage.json.gz")
_EVERY_S = 60.0


class MissingDataError(Exception):
    """The collection that a benchmark stands on is not there."""


def wikipedia(setup: Setup) -> Corpus:
    """Give the embedded chunks and questions, making them the first time.

    Args:
        setup: Its sizes say how many chunks at most; its collection, if any, gives them; its data holds the questions.

    Raises:
        MissingDataError: If `wiki2024_hallurag` is not in the data folder.
    """
    data = setup.data / "wiki2024_hallurag"
    if missing := [name for name in _FILES if not (data / name).is_file()]:
        raise MissingDataError(f"{data} lacks {', '.join(missing)}: set RAGKIT_DATA or pass --data.")
    count = setup.sizes.chunks
    store = setup.collection or _store(setup, data, count)
    settings = Settings(cache=setup.cache, threads=setup.threads, offline=True)
    with ragkit.open(store, create=False, read_only=True, settings=settings) as rag:
        folder = setup.cache / f"corpus-{_digest(store, rag.collection.sequence, count)}"
        if not (folder / "corpus.json").exists():
            say(f"writing the chunks of {store} for both sides to {folder}")
            questions = _questions(data)
            encoder = rag.collection.encoder
            if encoder is None:
                raise MissingDataError(f"{store} was built without ragkit's model: give one that was built with it.")
            source = f"chunks of {len(rag.collection)} Wikipedia articles (at most {_CHUNK_TOKENS} tokens each)"
            if setup.collection is not None:
                source = f"chunks of the {len(rag.collection)} documents of a collection that was given"
            rows = islice(_rows(rag.collection), count)
            Corpus.write(folder, source, rows, questions, encoder.encode_queries(questions))
        return Corpus.open(folder)


def _store(setup: Setup, data: Path, count: int) -> Path:
    """Give the collection of the first articles that make up `count` chunks, going on where an earlier run stopped."""
    folder = setup.cache / f"wikipedia-{count}"
    done = folder / "done"
    if done.exists():
        return folder / "store"
    folder.mkdir(parents=True, exist_ok=True)
    articles = _write_articles(data, folder / "articles.jsonl", chars=count * _CHARS_OF_A_CHUNK)
    say(f"embedding {articles} articles for about {count} chunks, once; this takes minutes (20 for 130,000)")
    settings = Settings(cache=setup.cache, threads=setup.threads, offline=True)
    with ragkit.open(folder / "store", settings=settings) as rag:
        report = rag.sync(folder / "articles.jsonl", chunk_tokens=_CHUNK_TOKENS, overlap=0, progress=_Told())
        say(f"{report.chunks} chunks of {report.added} articles in {report.seconds:.0f} s")
    done.touch()
    return folder / "store"


class _Told:
    """Tells now and then how far the embedding is."""

    def __init__(self) -> None:
        self._documents = 0
        self._last = time.monotonic()

    def __call__(self, progress: Progress) -> None:
        self._documents += 1
        if time.monotonic() - self._last > _EVERY_S:
            self._last = time.monotonic()
            say(f"  {self._documents} articles")


def _write_articles(data: Path, path: Path, *, chars: int) -> int:
    """Write the first articles that hold `chars` characters as JSONL; give how many they are."""
    written = count = 0
    with gzip.open(data / _FILES[0], "rt", encoding="utf-8") as rows, path.open("w", encoding="utf-8") as out:
        for row in map(json.loads, rows):
            if written >= chars:
                break
            name = row["url"].rpartition("/")[2]
            line = {"_id": name, "title": row["title"], "text": row["content"], "created": row["created_en"]}
            out.write(json.dumps(line, ensure_ascii=False) + "\n")
            written, count = written + len(row["content"]), count + 1
    return count


def _questions(data: Path) -> list[str]:
    with gzip.open(data / _FILES[1], "rt", encoding="utf-8") as file:
        return list(dict.fromkeys(row["question"] for row in json.load(file) if row["question"].strip()))


def _rows(collection: Collection) -> Iterator[tuple[str, str, NDArray[np.float32]]]:
    for document in collection.documents():
        chunks = collection.chunks(document.doc_id)
        vectors = collection.vectors([chunk.chunk_id for chunk in chunks])
        for chunk, vector in zip(chunks, vectors, strict=True):
            yield chunk.chunk_id, index_text(chunk.text, chunk.context), vector


def _digest(store: Path, sequence: int, count: int) -> str:
    return hashlib.sha256(f"{store.absolute()} {sequence} {count}".encode()).hexdigest()[:12]
