"""`Rag`: a collection you can sync, search and ask."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from ragkit.errors import InputError
from ragkit.retrieve.search import SearchOptions, search

if TYPE_CHECKING:
    from ragkit.answer.extractive import ExtractiveAnswerer
    from ragkit.ingest.sync import Progress, SyncReport
    from ragkit.store.collection import Collection
    from ragkit.types import Answer, Hit

__all__ = ["Rag"]


class Rag:
    """A collection with everything needed to fill it, search it and ask it.

    Make one with `ragkit.open(folder)`. Use it as a context manager, or call `close`.
    """

    def __init__(self, collection: Collection, *, answerer: ExtractiveAnswerer | None = None) -> None:
        self.collection = collection
        """The documents, and the embedding model they were indexed with."""
        self._answerer = answerer

    @property
    def answerer(self) -> ExtractiveAnswerer:
        """Turns a question and hits into an answer; made on first use, because a search needs none."""
        if self._answerer is None:
            from ragkit.answer.extractive import ExtractiveAnswerer, SupportModel

            model = SupportModel.packaged(vectors=self.collection.encoder is not None)
            self._answerer = ExtractiveAnswerer(collection=self.collection, model=model)
        return self._answerer

    def sync(
        self,
        paths: Sequence[str | Path] | str | Path,
        *,
        progress: Callable[[Progress], None] | None = None,
        **options: Any,
    ) -> SyncReport:
        """Bring files and folders into the collection; see `ragkit.ingest.sync.sync` for the options.

        Only new or changed text is embedded; files gone from `paths` leave.
        """
        from ragkit.ingest.sync import sync

        if isinstance(paths, str | Path):
            paths = [paths]
        return sync(self.collection, self.collection.encoder, paths, progress=progress, **options)

    def search(
        self,
        query: str,
        *,
        k: int = 10,
        mode: str = "hybrid",
        where: str | Mapping[str, Any] | None = None,
        options: SearchOptions | None = None,
    ) -> list[Hit]:
        """Find the `k` chunks that match `query` best; see `ragkit.retrieve.search.search`.

        Raises:
            InputError: If the query is empty, `k` < 1 or the mode unknown.
            WhereError: If the filter cannot be read or names an unknown field.
        """
        options = options or SearchOptions()
        found = search(self.collection, self.collection.encoder, [query], k=k, mode=mode, where=where, options=options)
        return found[0]

    def ask(self, question: str, *, where: str | Mapping[str, Any] | None = None) -> Answer:
        """Answer `question` with quotes from the documents that pass `where`, or abstain with a reason.

        Raises:
            InputError: If the question is empty.
            WhereError: If the filter cannot be read or names an unknown field.
        """
        if not isinstance(question, str) or not question.strip():
            raise InputError("the question is empty: expected a sentence that asks for something.")
        started = time.perf_counter()
        mode = "hybrid" if self.collection.encoder is not None else "bm25"
        hits = self.search(question, k=self.answerer.pool, mode=mode, where=where)
        retrieved = time.perf_counter()
        answer = self.answerer.answer(question, hits)
        done = time.perf_counter()
        timings = {"retrieve_s": retrieved - started, "answer_s": done - retrieved, "total_s": done - started}
        usage = {"input_tokens": 0, "output_tokens": 0, "total_tokens": 0}
        return dataclasses.replace(answer, usage=usage, timings=timings)

    def close(self) -> None:
        """Release the collection's files and locks."""
        self.collection.close()

    def __enter__(self) -> Rag:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
