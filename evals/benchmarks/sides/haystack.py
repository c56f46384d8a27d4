"""Haystack as its documentation shows it: its sentence-transformers embedders and `InMemoryDocumentStore`.

The store is scanned in numpy and saved whole as JSON by `save_to_disk`.
"""

from __future__ import annotations

from pathlib import Path

from haystack import Document, Pipeline
from haystack.components.retrievers.in_memory import InMemoryEmbeddingRetriever
from haystack.components.writers import DocumentWriter
from haystack.document_stores.in_memory import InMemoryDocumentStore
from haystack.utils import ComponentDevice
from haystack_integrations.components.embedders.sentence_transformers import (
    SentenceTransformersDocumentEmbedder,
    SentenceTransformersTextEmbedder,
)

from evals.benchmarks.measure import (
    Job,
    Outcome,
    Stopwatch,
    do_job,
    folder_mb,
    peak_rss_mb,
    read_rows,
    since_start_s,
    timed,
    versions_of,
)

__all__: list[str] = []

_FILE = "store.json"


def ingest(job: Job) -> Outcome:
    """Read passages, embed, store and save them."""
    embedder = SentenceTransformersDocumentEmbedder(
        model=job["model"], device=ComponentDevice.from_str("cpu"), progress_bar=False
    )
    store, whole = InMemoryDocumentStore(), Stopwatch()
    pipeline = Pipeline()
    pipeline.add_component("embedder", embedder)
    pipeline.add_component("writer", DocumentWriter(store))
    pipeline.connect("embedder", "writer")
    pipeline.warm_up()
    embedder.run(documents=[Document(content="warm up")])
    start_s = since_start_s(job)
    with whole.running():
        documents = [Document(id=row["id"], content=row["text"]) for row in read_rows(job["passages"])]
        pipeline.run({"embedder": {"documents": documents}})
        Path(job["folder"]).mkdir(parents=True)
        store.save_to_disk(str(Path(job["folder"]) / _FILE))
    return Outcome(
        numbers={
            "passages_s": len(documents) / whole.wall_s,
            "ingest_cpu_s": whole.cpu_s,
            "start_s": start_s,
            "disk_mb": folder_mb(job["folder"]),
            "rss_mb": peak_rss_mb(),
        },
        versions=versions_of("haystack-ai", "sentence-transformers-haystack", "sentence-transformers", "torch"),
    )


def reopen(job: Job) -> Outcome:
    """Open what `ingest` saved and ask, embedding included."""
    store = InMemoryDocumentStore.load_from_disk(str(Path(job["folder"]) / _FILE))
    pipeline = Pipeline()
    embedder = SentenceTransformersTextEmbedder(
        model=job["model"], device=ComponentDevice.from_str("cpu"), progress_bar=False
    )
    pipeline.add_component("embedder", embedder)
    pipeline.add_component("retriever", InMemoryEmbeddingRetriever(store, top_k=job["k"]))
    pipeline.connect("embedder.embedding", "retriever.query_embedding")

    def search(query: str) -> list[str]:
        hits = pipeline.run({"embedder": {"text": query}})["retriever"]["documents"]
        return [hit.id for hit in hits]

    search(job["queries"][0])
    first_hit_s = since_start_s(job)
    asked = timed(search, job["queries"])
    return Outcome(numbers={"first_hit_s": first_hit_s, "query_ms": asked.median_ms}, found=asked.results)


if __name__ == "__main__":
    do_job({"ingest": ingest, "reopen": reopen})
