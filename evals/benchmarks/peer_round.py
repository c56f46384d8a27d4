"""One round of LangChain, as its documentation shows it; runs in the peer's own environment, in a fresh process.

`HuggingFaceEmbeddings` and `FAISS.from_documents` with their defaults, saved with `save_local`. `bf16` sets what
LangChain lets its users set for it: the `dtype` of the model.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from evals.benchmarks.measure import Job, Round, Stopwatch, folder_mb, median_ms, peak_rss_mb, read_job

__all__ = ["main"]


def main() -> None:
    """Run the job named on the command line and report it."""
    job = read_job()
    start, ingest = Stopwatch(), Stopwatch()
    with start.running():
        embeddings = _embeddings(job)
        embeddings.embed_query("warm up")
    with ingest.running():
        store = _ingest(job, embeddings)
    vectors = [embeddings.embed_query(query) for query in job.queries]
    found = [store.similarity_search_with_score(query, k=job.k) for query in job.queries]
    Round(
        engine=f"sentence-transformers {job.precision}",
        start_s=start.wall_s,
        ingest_s=ingest.wall_s,
        ingest_cpu_s=ingest.cpu_s,
        search_ms=median_ms(lambda query: store.similarity_search_with_score(query, k=job.k), job.queries),
        index_ms=median_ms(lambda vector: store.similarity_search_with_score_by_vector(vector, k=job.k), vectors),
        disk_mb=folder_mb(Path(job.folder)),
        rss_mb=peak_rss_mb(),
        found=[[document.metadata["id"] for document, _ in hits] for hits in found],
    ).report()


def _embeddings(job: Job) -> Any:
    # the peer lives in its own environment: here its packages are not known to the type checker
    from langchain_huggingface import HuggingFaceEmbeddings  # type: ignore[import-not-found,unused-ignore]

    model_kwargs: dict[str, Any] = {"device": "cpu"}
    if job.precision == "bf16":
        model_kwargs["model_kwargs"] = {"dtype": "bfloat16"}
    return HuggingFaceEmbeddings(model_name=job.model, model_kwargs=model_kwargs)


def _ingest(job: Job, embeddings: Any) -> Any:
    from langchain_community.vectorstores import FAISS  # type: ignore[import-not-found,unused-ignore]
    from langchain_core.documents import Document

    with Path(job.passages).open(encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    documents = [Document(page_content=row["text"], metadata={"id": row["id"]}) for row in rows]
    store = FAISS.from_documents(documents, embeddings)
    store.save_local(job.folder)
    return store


if __name__ == "__main__":
    main()
