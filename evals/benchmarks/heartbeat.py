"""How long searches keep an event loop from running: the longest gap between its heartbeats while they run in threads.

    python -m evals.benchmarks.heartbeat COLLECTION --searches 300

COLLECTION is the folder of a collection with embeddings. Four searches are always under way, through the retrievers'
async methods with vectors that are known, so that no model runs. The same loop without searches is measured first: what
it shows is the machine's own.
"""

from __future__ import annotations

import argparse
import asyncio
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from evals.benchmarks.machine import stamp
from evals.benchmarks.report import number, table
from ragkit.retrieve.options import SearchOptions
from ragkit.retrieve.retrievers import BM25Retriever, DenseRetriever, HybridRetriever, ScoredRetriever
from ragkit.store.collection import Collection

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from ragkit.encoder import EncoderCard, Vectors

__all__ = ["KnownVectors", "gaps", "main"]

_EVERY_S = 0.001
_TOGETHER = 4
_WARM_UP = 20


class KnownVectors:
    """An encoder that gives a stored vector for any query, at once."""

    def __init__(self, card: EncoderCard, rows: Vectors) -> None:
        self.card = card
        self._rows = rows

    def encode_documents(self, texts: Sequence[str]) -> Vectors:
        """Give one vector for each text, the same for the same text in one process."""
        return self._rows[[hash(text) % len(self._rows) for text in texts]]

    encode_queries = encode_documents

    def count_tokens(self, text: str) -> int:
        """Count words."""
        return len(text.split())


async def gaps(work: Callable[[], Awaitable[object]]) -> list[float]:
    """Give how much later than it wanted the loop ran, in seconds, each time while some work ran beside it."""
    late: list[float] = []
    done = asyncio.Event()

    async def beat() -> None:
        while not done.is_set():
            started = time.perf_counter()
            await asyncio.sleep(_EVERY_S)
            late.append(time.perf_counter() - started - _EVERY_S)

    heart = asyncio.create_task(beat())
    await work()
    done.set()
    await heart
    return late


async def _searches(retriever: ScoredRetriever, queries: Sequence[str], where: str | None = None) -> None:
    waiting = iter(queries)

    async def one_after_another() -> None:
        for query in waiting:
            await retriever.asearch(query, where=where)

    await asyncio.gather(*(one_after_another() for _ in range(_TOGETHER)))


async def _measure(retrievers: dict[str, ScoredRetriever], queries: Sequence[str]) -> list[list[str]]:
    lines = [_line("no searches", await gaps(lambda: asyncio.sleep(2)))]
    for name, retriever in retrievers.items():
        await _searches(retriever, queries[:_WARM_UP])
        lines.append(_line(name, await gaps(lambda own=retriever: _searches(own, queries[_WARM_UP:]))))  # type: ignore[misc]  # bound now
    return lines


def _line(name: str, late: Sequence[float]) -> list[str]:
    figures = [np.percentile(late, 50), np.percentile(late, 99), max(late)]
    return [name, str(len(late)), *(number(float(value) * 1e3) for value in figures)]


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description="Measure how long searches keep an event loop from running.")
    parser.add_argument("collection", type=Path, help="folder of a collection with embeddings")
    parser.add_argument("--searches", type=int, default=300, help="searches of each kind")
    asked = parser.parse_args(arguments)
    about = stamp(["heartbeat"])
    with Collection.open(asked.collection, read_only=True) as collection:
        card = collection.manifest.card
        if card is None:
            parser.error("the collection was filled without an embedding model.")
        with collection.moment(words=False) as moment:
            rows = moment.vectors(range(0, moment.rows, max(1, moment.rows // 500)))
        encoder = KnownVectors(card, rows)
        words = [collection.text(item.doc_id, 0, 60) for item, _ in zip(collection.documents(), rows, strict=False)]
        exact = SearchOptions(exact=True)
        retrievers: dict[str, ScoredRetriever] = {
            "hybrid": HybridRetriever(collection=collection, embeddings=encoder),
            "hybrid, exact": HybridRetriever(collection=collection, embeddings=encoder, options=exact),
            "dense": DenseRetriever(collection=collection, embeddings=encoder),
            "bm25": BM25Retriever(collection=collection),
        }
        queries = [words[place % len(words)] for place in range(asked.searches + _WARM_UP)]
        lines = asyncio.run(_measure(retrievers, [query for query in queries if query.strip()]))
        print(f"{about['date']}, {about['machine']}, load {about['load']}; {collection.chunk_count:,} chunks")
    print("\n".join(table(["searches", "beats", "p50 ms late", "p99 ms late", "longest ms"], lines)))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
