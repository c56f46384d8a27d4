"""Queries per second of an evaluation: all at once with ragkit, one by one with LangChain's retrievers.

    python -m evals.batch_retrieval --data ../shared/data --store STORE

Both sides search the same 30,187 real MS MARCO passages with the same model for the same k, in fresh processes with the
same threads, in interleaved rounds; queries are embedded within the time measured, passages before. LangChain is used
as its documentation shows: `BM25Retriever`, `FAISS.as_retriever()` with `HuggingFaceEmbeddings`, `EnsembleRetriever`.
How far the two sides' ten nearest agree is shown too: a fast answer that is another one counts for nothing. Dense
search gains least, and misses the bar where a query's embedding alone takes longer than a twentieth of LangChain's
answer: the rate of embedding alone is printed below the table.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

import numpy as np

import ragkit
from evals.benchmarks.measure import overlap
from evals.benchmarks.peer import PeerError, Peers
from evals.benchmarks.process import Side, interleave, run_task
from ragkit.embed.model_files import find_model
from ragkit.errors import RagkitError
from ragkit.evaluate.data.retrieval import load_retrieval
from ragkit.evaluate.data.trec import read_topics
from ragkit.evaluate.retrieval.corpus import index_passages
from ragkit.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from evals.benchmarks.measure import Outcome
    from ragkit.store.collection import Collection

__all__ = ["main", "table"]

MODES = ("bm25", "dense", "hybrid")
BAR = 20.0
"""How many times the rate of LangChain's retriever is expected in every mode."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure both sides and print a table; 1 where a mode is below the bar or a side failed."""
    parser = argparse.ArgumentParser(prog="python -m evals.batch_retrieval", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--data", type=Path, default=None, metavar="DIR", help="default: the setting RAGKIT_DATA")
    parser.add_argument(
        "--store", type=Path, default=None, metavar="DIR", help="kept; default: made in a temporary one"
    )
    parser.add_argument("--peers", type=Path, default=None, metavar="DIR", help="default: peers in RAGKIT_CACHE")
    parser.add_argument("--queries", type=int, default=2000, help="asked of ragkit (default: %(default)s)")
    parser.add_argument("--asked", type=int, default=60, help="asked of LangChain (default: %(default)s)")
    parser.add_argument("-k", type=int, default=100, help="hits per query (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    given = parser.parse_args(arguments)
    settings = Settings.from_environment()
    folder = (given.data or settings.data) / "msmarco_passage"
    try:
        with tempfile.TemporaryDirectory(prefix="ragkit-batch-") as temporary:
            work = Path(temporary)
            job = _prepare(folder, given.store or work / "store", work, queries=given.queries)
            job |= {"k": given.k, "asked": given.asked, "cache": str(settings.cache_folder)}
            python = Peers(given.peers or settings.cache_folder / "peers").python("langchain")
            sides = [
                Side(name="ragkit", python=Path(sys.executable), module=f"{_SIDES}.batch_own", setting="all at once"),
                Side(name="LangChain", python=python, module=f"{_SIDES}.batch_langchain", setting="one by one"),
            ]
            done = interleave(
                sides,
                given.rounds,
                lambda side, _: run_task(side, "retrieve", job, threads=given.threads),
                what="batch",
            )
    except (RagkitError, PeerError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    for name, reason in done.failures.items():
        sys.stderr.write(f"{name}: {reason}\n")
    if done.failures:
        return 1
    ratios = table(done.outcomes)
    return int(min(ratios.values()) < BAR)


_SIDES = "evals.benchmarks.sides"


def _prepare(folder: Path, store: Path, work: Path, *, queries: int) -> dict[str, object]:
    """Index the passages, unless `store` holds them, and write what the other side reads: texts, vectors, queries."""
    data = load_retrieval(folder, split="dev.small")
    asked = list(read_topics(data.files["queries"]).values())[:queries]
    (work / "queries.json").write_text(json.dumps(asked), encoding="utf-8")
    with ragkit.open(store) as rag:
        index_passages(rag.collection, data.passages, beside=store.with_name(f"{store.name}.corpus.jsonl"))
        _write_chunks(rag.collection, work)
    names = {name: str(work / file) for name, file in _FILES.items()}
    return {**names, "store": str(store), "model": str(find_model().folder)}


_FILES = {"queries": "queries.json", "passages": "passages.jsonl", "vectors": "vectors.npy"}


def _write_chunks(collection: Collection, work: Path) -> None:
    """Write each chunk as a passage with its vector: both sides then search the very same rows."""
    vectors = []
    with (work / _FILES["passages"]).open("w", encoding="utf-8") as rows:
        for document in collection.documents():
            chunks = collection.chunks(document.doc_id)
            for chunk in chunks:
                rows.write(json.dumps({"id": document.doc_id, "text": chunk.text}) + "\n")
            vectors.append(collection.vectors([chunk.chunk_id for chunk in chunks]))
    np.save(work / _FILES["vectors"], np.concatenate(vectors))


def table(outcomes: Mapping[str, Sequence[Outcome]]) -> dict[str, float]:
    """Print the median rates of both sides and give how many times faster ragkit is, by mode."""
    ours, theirs = outcomes["ragkit"], outcomes["LangChain"]
    ratios = {}
    print(
        f"{'queries/s':10}{'ragkit, all at once':>22}{'LangChain, one by one':>24}{'times':>9}{'times per CPU s':>18}"
    )
    for mode in MODES:
        rate, other = _median(ours, f"{mode}_rate"), _median(theirs, f"{mode}_rate")
        ratios[mode] = rate / other
        # on a busy machine the seconds of the clock say more about the others than about either side
        work = _median(ours, f"{mode}_cpu") / _median(theirs, f"{mode}_cpu")
        print(f"{mode:10}{rate:22,.0f}{other:24,.1f}{ratios[mode]:9.1f}{work:18.1f}")
    encoding, other = _median(ours, "encoding_rate"), _median(theirs, "dense_rate")
    print(
        f"embedding the queries alone, no search: {encoding:,.0f}/s, "
        f"{encoding / other:.1f} times LangChain's dense answers"
    )
    for mode, ratio in ratios.items():
        if ratio < BAR:
            print(f"{mode} is below the bar of {BAR:.0f} times")
    same = overlap([run[:10] for run in ours[0].found], [run[:10] for run in theirs[0].found])
    load = os.getloadavg()[0]
    print(f"agreement of the ten nearest: {same:.4f}; load {load:.1f} on {os.cpu_count()} cores; {theirs[0].versions}")
    return ratios


def _median(rounds: Sequence[Outcome], name: str) -> float:
    return median(one.numbers[name] for one in rounds)


if __name__ == "__main__":
    raise SystemExit(main())
