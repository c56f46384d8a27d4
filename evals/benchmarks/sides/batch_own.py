"""ragkit asked for all queries at once, as `ragkit eval retrieval` does: ids only, one matrix product, one encoding."""

from __future__ import annotations

import json
from pathlib import Path

from evals.benchmarks.measure import Job, Outcome, Stopwatch, do_job, peak_rss_mb, versions_of

__all__: list[str] = []


def retrieve(job: Job) -> Outcome:
    """Ask each arm and both, queries embedded with the packaged model in the time measured."""
    import ragkit
    from ragkit.retrieve.search import SearchOptions, search_ids
    from ragkit.settings import Settings

    queries: list[str] = json.loads(Path(job["queries"]).read_text(encoding="utf-8"))
    settings = Settings(cache=Path(job["cache"]), threads=job["threads"], offline=True)
    options = SearchOptions(unit="document")
    numbers: dict[str, float] = {}
    found: list[list[str]] = []
    with ragkit.open(job["store"], create=False, settings=settings) as rag:
        where = rag.collection
        search_ids(where, where.encoder, queries[:32], k=job["k"], options=options)
        for mode in ("bm25", "dense", "hybrid"):
            whole = Stopwatch()
            with whole.running():
                hits = search_ids(where, where.encoder, queries, k=job["k"], mode=mode, options=options)
            numbers[f"{mode}_rate"], numbers[f"{mode}_cpu"] = len(queries) / whole.wall_s, len(queries) / whole.cpu_s
            if mode == "dense":
                found = hits[: job["asked"]]
        if where.encoder:
            alone = Stopwatch()
            with alone.running():
                where.encoder.encode_queries(queries)
            numbers["encoding_rate"] = len(queries) / alone.wall_s
    numbers["rss_mb"] = peak_rss_mb()
    return Outcome(numbers=numbers, found=found, versions=versions_of("ragkit", "faiss-cpu", "tantivy", "openvino"))


if __name__ == "__main__":
    do_job({"retrieve": retrieve})
