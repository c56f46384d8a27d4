"""ragkit with its defaults: every change is durable when the call returns, and words are indexed with vectors."""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evals.benchmarks.corpus import Corpus, Entry
from evals.benchmarks.measure import (
    Job,
    Outcome,
    Stopwatch,
    do_job,
    folder_mb,
    overlap,
    peak_rss_mb,
    since_start_s,
    timed,
    versions_of,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ragkit.answer.rag import Rag
    from ragkit.store.collection import Collection

__all__: list[str] = []

_WAYS = {
    "hybrid": ("hybrid", False),
    "hybrid_exact": ("hybrid", True),
    "dense": ("dense", False),
    "dense_exact": ("dense", True),
    "bm25": ("bm25", False),
}
"""Mode of the search, and whether the exact scan is asked for, by the name of the measurement."""


def ingest(job: Job) -> Outcome:
    """Read passages, embed, index and store them; the cache of embeddings starts empty and is filled."""
    with _open(job) as rag:
        encoder = rag.collection.encoder
        assert encoder is not None  # noqa: S101 - a new collection has the packaged model
        encoder.encode_queries(["warm up"])
        start_s, whole = since_start_s(job), Stopwatch()
        with whole.running():
            report = rag.sync(job["passages"])
    return Outcome(
        numbers={
            "passages_s": report.added / whole.wall_s,
            "ingest_cpu_s": whole.cpu_s,
            "start_s": start_s,
            "disk_mb": folder_mb(job["folder"]),
            "rss_mb": peak_rss_mb(),
        },
        words={"engine": str(getattr(encoder, "engine", ""))},
        versions=_versions(),
    )


def reopen(job: Job) -> Outcome:
    """Open what `ingest` stored and ask, embedding included."""
    with _open(job) as rag:

        def search(query: str) -> list[str]:
            return [hit.doc_id for hit in rag.search(query, k=job["k"], mode="dense")]

        search(job["queries"][0])
        first_hit_s = since_start_s(job)
        asked = timed(search, job["queries"])
        hybrid = timed(lambda query: rag.search(query, k=job["k"]), job["queries"])
    numbers = {"first_hit_s": first_hit_s, "query_ms": asked.median_ms, "hybrid_ms": hybrid.median_ms}
    return Outcome(numbers=numbers, found=asked.results)


def fill(job: Job) -> Outcome:
    """Store vectors that are there already, some hundred documents in a transaction, and index their words."""
    corpus, whole = Corpus.open(job["corpus"]), Stopwatch()
    with whole.running(), _collection(job, dim=corpus.dim) as collection:
        collection.put_many(map(_document, corpus.entries(job["count"])))
    numbers = {
        "fill_s": whole.wall_s,
        "fill_cpu_s": whole.cpu_s,
        "rows_s": job["count"] / whole.wall_s,
        "disk_mb": folder_mb(job["folder"]),
        "rss_mb": peak_rss_mb(),
    }
    return Outcome(numbers=numbers, versions=_versions())


def search(job: Job) -> Outcome:
    """Ask each arm and both, exactly and as the collection's own index does, and compare the two."""
    opened = Stopwatch()
    with opened.running():
        collection = _collection(job)
        queries = _asked(job)
        _ask(collection, job, queries[0], mode="hybrid")
    with collection:
        numbers, hits = {"open_s": opened.wall_s}, {}
        for name, (mode, exact) in _WAYS.items():
            asked = timed(partial(_ask, collection, job, mode=mode, exact=exact), queries)
            numbers[f"{name}_ms"], numbers[f"{name}_p99_ms"] = asked.median_ms, asked.p99_ms
            hits[name] = asked.results
        numbers["hybrid_recall"] = overlap(hits["hybrid"], hits["hybrid_exact"])
        numbers["dense_recall"] = overlap(hits["dense"], hits["dense_exact"])
        numbers |= _filtered(collection, queries, job)[0]
        numbers |= {"rss_mb": peak_rss_mb(), "disk_mb": folder_mb(job["folder"])}
        words = {"index": _index(collection)}
    return Outcome(numbers=numbers, found=hits["hybrid"], words=words, versions=_versions())


def filtered(job: Job) -> Outcome:
    """Ask with a filter that 1 % pass: always exact."""
    with _collection(job) as collection:
        queries = _asked(job)
        numbers, found = _filtered(collection, queries, job)
    return Outcome(numbers=numbers, found=found, versions=_versions())


def change(job: Job) -> Outcome:
    """Delete single documents and add single ones, each durable when the call returns."""
    corpus = Corpus.open(job["corpus"])
    with _collection(job) as collection:
        queries = _asked(job)
        _ask(collection, job, queries[0], mode="dense")
        gone = [f"c{place}" for place in job["places"]]
        wanted = set(job["places"])
        entries = [one for place, one in enumerate(corpus.entries(max(wanted) + 1)) if place in wanted]
        new = [_document(entry, name=f"new {number}") for number, entry in enumerate(entries)]
        deletes = timed(lambda name: collection.delete([name]), gone, warm_up=0)
        adds = timed(lambda pair: collection.put(*pair), new, warm_up=0)
        start = time.perf_counter()
        _ask(collection, job, queries[0], mode="dense")
        after = 1e3 * (time.perf_counter() - start)
        missing = sum(name in collection for name in gone) + sum(pair[0].doc_id not in collection for pair in new)
    numbers = {
        "delete_ms": deletes.median_ms,
        "add_ms": adds.median_ms,
        "durable_delete_ms": deletes.median_ms,
        "durable_add_ms": adds.median_ms,
        "search_after_ms": after,
        "wrong": missing,
    }
    return Outcome(numbers=numbers, versions=_versions())


def first_hit(job: Job) -> Outcome:
    """Open the collection and find one hit, by a vector or by words."""
    with _collection(job) as collection:
        queries = _asked(job)
        found = _ask(collection, job, queries[0], mode=job["arm"])
        numbers = {f"{job['arm']}_first_hit_s": since_start_s(job), f"{job['arm']}_rss_mb": peak_rss_mb()}
        numbers["disk_mb"] = folder_mb(job["folder"])
    return Outcome(numbers=numbers, found=[found], versions=_versions())


def sync(job: Job) -> Outcome:
    """Bring a folder of text files into a collection."""
    whole = Stopwatch()
    with whole.running(), _open(job) as rag:
        report = rag.sync(job["documents"])
    return Outcome(
        numbers={
            "sync_s": whole.wall_s,
            "since_start_s": since_start_s(job),
            "embedded": report.embedded,
            "unchanged": report.unchanged,
            "rss_mb": peak_rss_mb(),
        },
        versions=_versions(),
    )


def _open(job: Job) -> Rag:
    import ragkit
    from ragkit.settings import Settings

    folder = Path(job["folder"])
    cache = Path(job.get("cache") or folder.with_name(f"{folder.name}-cache"))
    return ragkit.open(folder, settings=Settings(cache=cache, threads=job["threads"], offline=True))


def _collection(job: Job, dim: int | None = None) -> Collection:
    from ragkit.store.collection import Collection

    return Collection.open(job["folder"], dim=dim, create=dim is not None)


def _document(entry: Entry, name: str | None = None) -> tuple[Any, Any]:
    from ragkit.store.records import NewChunk, NewDocument

    chunks = [NewChunk(0, len(entry.text))]
    document = NewDocument(doc_id=name or entry.name, text=entry.text, metadata={"share": entry.share}, chunks=chunks)
    return document, entry.vector[None]


def _asked(job: Job) -> list[tuple[str, Any]]:
    """Give the queries, each with its vector `(1, dim)`."""
    texts, vectors = Corpus.open(job["corpus"]).queries(job["queries"])
    return [(text, vector[None]) for text, vector in zip(texts, vectors, strict=True)]


def _ask(
    collection: Collection, job: Job, query: tuple[str, Any], *, mode: str, exact: bool = False, where: Any = None
) -> list[str]:
    from ragkit.retrieve.search import SearchOptions, search

    text, vector = query
    given = None if mode == "bm25" else vector
    hits = search(
        collection, None, [text], k=job["k"], mode=mode, where=where, vectors=given, options=SearchOptions(exact=exact)
    )
    return [hit.doc_id for hit in hits[0]]


def _filtered(
    collection: Collection, queries: Sequence[tuple[str, Any]], job: Job
) -> tuple[dict[str, float], list[list[str]]]:
    asked = timed(partial(_ask, collection, job, mode="dense", where={"share": job["share"]}), queries)
    found = sum(map(len, asked.results)) / len(asked.results)
    return {"filtered_ms": asked.median_ms, "filtered_p99_ms": asked.p99_ms, "found": found}, asked.results


def _index(collection: Collection) -> str:
    about: Any = collection.info()["index"]
    return f"{about['kind']}, its own recall@10 {about['recall@10']:.3f}"


def _versions() -> dict[str, str]:
    return versions_of("ragkit", "faiss-cpu", "tantivy", "openvino", "numpy")


if __name__ == "__main__":
    tasks = (ingest, reopen, fill, search, filtered, change, first_hit, sync)
    do_job({task.__name__: task for task in tasks})
