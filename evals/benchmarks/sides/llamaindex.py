"""LlamaIndex as its documentation shows it: `HuggingFaceEmbedding`, `FaissVectorStore`, `VectorStoreIndex`."""

from __future__ import annotations

from typing import Any

import faiss
from llama_index.core import StorageContext, VectorStoreIndex, load_index_from_storage
from llama_index.core.schema import TextNode
from llama_index.embeddings.huggingface import HuggingFaceEmbedding
from llama_index.vector_stores.faiss import FaissVectorStore

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

_DIM = 384


def ingest(job: Job) -> Outcome:
    """Read passages, embed, index and save them."""
    embeddings, whole = _model(job), Stopwatch()
    embeddings.get_query_embedding("warm up")
    start_s = since_start_s(job)
    with whole.running():
        nodes = [TextNode(id_=row["id"], text=row["text"]) for row in read_rows(job["passages"])]
        context = StorageContext.from_defaults(vector_store=FaissVectorStore(faiss_index=faiss.IndexFlatL2(_DIM)))
        index = VectorStoreIndex(nodes, storage_context=context, embed_model=embeddings)
        index.storage_context.persist(persist_dir=job["folder"])
    return Outcome(
        numbers={
            "passages_s": len(nodes) / whole.wall_s,
            "ingest_cpu_s": whole.cpu_s,
            "start_s": start_s,
            "disk_mb": folder_mb(job["folder"]),
            "rss_mb": peak_rss_mb(),
        },
        versions=versions_of("llama-index-core", "llama-index-vector-stores-faiss", "faiss-cpu", "torch"),
    )


def reopen(job: Job) -> Outcome:
    """Open what `ingest` saved and ask, embedding included."""
    vectors = FaissVectorStore.from_persist_dir(job["folder"])
    context = StorageContext.from_defaults(vector_store=vectors, persist_dir=job["folder"])
    index: Any = load_index_from_storage(context, embed_model=_model(job))
    retriever = index.as_retriever(similarity_top_k=job["k"])

    def search(query: str) -> list[str]:
        return [hit.node.node_id for hit in retriever.retrieve(query)]

    search(job["queries"][0])
    first_hit_s = since_start_s(job)
    asked = timed(search, job["queries"])
    return Outcome(numbers={"first_hit_s": first_hit_s, "query_ms": asked.median_ms}, found=asked.results)


def _model(job: Job) -> HuggingFaceEmbedding:
    return HuggingFaceEmbedding(model_name=job["model"], device="cpu")


if __name__ == "__main__":
    do_job({"ingest": ingest, "reopen": reopen})
