"""One round of ragkit with its defaults, in a fresh process.

It does more than its peer: the index is durable document by document, holds exact offsets and can be searched by words
too. Its cache of embeddings starts empty, and is filled: that time is in the ingest.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from evals.benchmarks.measure import Round, Stopwatch, folder_mb, median_ms, peak_rss_mb, read_job

if TYPE_CHECKING:
    from evals.benchmarks.measure import Job
    from ragkit.answer.rag import Rag

__all__ = ["main"]


def main() -> None:
    """Run the job named on the command line and report it."""
    job = read_job()
    start, ingest = Stopwatch(), Stopwatch()
    with start.running():
        rag = _open(job)
        encoder = rag.collection.encoder
        assert encoder is not None  # noqa: S101 - a new collection has the packaged model
        encoder.encode_queries(["warm up"])
    with ingest.running():
        rag.sync(job.passages)
    vectors = [encoder.encode_queries([query]) for query in job.queries]
    found = [rag.search(query, k=job.k, mode="dense") for query in job.queries]
    Round(
        engine=f"ragkit {getattr(encoder, 'engine', '')}",
        start_s=start.wall_s,
        ingest_s=ingest.wall_s,
        ingest_cpu_s=ingest.cpu_s,
        search_ms=median_ms(lambda query: rag.search(query, k=job.k, mode="dense"), job.queries),
        index_ms=median_ms(lambda vector: rag.collection.search_dense(vector, k=job.k), vectors),
        hybrid_ms=median_ms(lambda query: rag.search(query, k=job.k), job.queries),
        disk_mb=folder_mb(Path(job.folder) / "store"),
        rss_mb=peak_rss_mb(),
        found=[[hit.doc_id for hit in hits] for hits in found],
    ).report()
    rag.close()


def _open(job: Job) -> Rag:
    import ragkit
    from ragkit.settings import Settings

    folder = Path(job.folder)
    settings = Settings(cache=folder / "cache", threads=job.threads, offline=True)
    return ragkit.open(folder / "store", settings=settings)


if __name__ == "__main__":
    main()
