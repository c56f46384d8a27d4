"""txtai as its documentation shows it: `Embeddings(path=..., content=True)`, `index`, `save`, `load`, `search`."""

from __future__ import annotations

from txtai import Embeddings

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


def ingest(job: Job) -> Outcome:
    """Read passages, embed, index and save them."""
    embeddings, whole = Embeddings(path=job["model"], content=True, gpu=False), Stopwatch()
    embeddings.transform("warm up")
    start_s = since_start_s(job)
    with whole.running():
        rows = [(row["id"], row["text"], None) for row in read_rows(job["passages"])]
        embeddings.index(rows)
        embeddings.save(job["folder"])
    return Outcome(
        numbers={
            "passages_s": len(rows) / whole.wall_s,
            "ingest_cpu_s": whole.cpu_s,
            "start_s": start_s,
            "disk_mb": folder_mb(job["folder"]),
            "rss_mb": peak_rss_mb(),
        },
        versions=versions_of("txtai", "transformers", "faiss-cpu", "torch"),
    )


def reopen(job: Job) -> Outcome:
    """Open what `ingest` saved and ask, embedding included."""
    embeddings = Embeddings()
    embeddings.load(job["folder"])

    def search(query: str) -> list[str]:
        return [str(hit["id"]) for hit in embeddings.search(query, job["k"])]

    search(job["queries"][0])
    first_hit_s = since_start_s(job)
    asked = timed(search, job["queries"])
    return Outcome(numbers={"first_hit_s": first_hit_s, "query_ms": asked.median_ms}, found=asked.results)


if __name__ == "__main__":
    do_job({"ingest": ingest, "reopen": reopen})
