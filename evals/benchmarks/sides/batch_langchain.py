"""LangChain retrievers asked one query at a time, as an evaluation loop over `retriever.invoke` does."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from langchain_core.documents import Document

from evals.benchmarks.measure import Job, Outcome, Stopwatch, do_job, peak_rss_mb, read_rows, timed, versions_of

__all__: list[str] = []


def retrieve(job: Job) -> Outcome:
    """Ask `BM25Retriever`, a FAISS retriever with `HuggingFaceEmbeddings`, and `EnsembleRetriever` of the two."""
    from langchain_classic.retrievers import EnsembleRetriever
    from langchain_community.retrievers import BM25Retriever
    from langchain_community.vectorstores import FAISS
    from langchain_huggingface import HuggingFaceEmbeddings

    queries: list[str] = json.loads(Path(job["queries"]).read_text(encoding="utf-8"))[: job["asked"]]
    rows = list(read_rows(job["passages"]))
    model = HuggingFaceEmbeddings(model_name=job["model"], model_kwargs={"device": "cpu"})
    store = FAISS.from_embeddings(
        [(row["text"], vector) for row, vector in zip(rows, np.load(job["vectors"]).tolist(), strict=True)],
        model,
        metadatas=[{"id": row["id"]} for row in rows],
    )
    documents = [Document(page_content=row["text"], metadata={"id": row["id"]}) for row in rows]
    words = BM25Retriever.from_documents(documents, k=job["k"])
    vectors = store.as_retriever(search_kwargs={"k": job["k"]})
    both = EnsembleRetriever(retrievers=[words, vectors], weights=[0.5, 0.5])
    numbers: dict[str, float] = {}
    found: list[list[str]] = []
    for name, retriever in (("bm25", words), ("dense", vectors), ("hybrid", both)):
        whole = Stopwatch()
        retriever.invoke(queries[0])
        with whole.running():
            hits = timed(retriever.invoke, queries, warm_up=0).results
        numbers[f"{name}_rate"], numbers[f"{name}_cpu"] = len(queries) / whole.wall_s, len(queries) / whole.cpu_s
        if name == "dense":
            found = [_names(one) for one in hits]
    numbers["rss_mb"] = peak_rss_mb()
    return Outcome(numbers=numbers, found=found, versions=_versions())


def _names(hits: list[Any]) -> list[str]:
    return [hit.metadata["id"] for hit in hits]


def _versions() -> dict[str, str]:
    packages = ("langchain-core", "langchain-community", "langchain-classic", "langchain-huggingface")
    return versions_of(*packages, "sentence-transformers", "torch", "faiss-cpu", "rank-bm25")


if __name__ == "__main__":
    do_job({"retrieve": retrieve})
