"""How fast passages become a searchable index on the disk, from the same file, with the same weights."""

from __future__ import annotations

import shutil
import statistics
from dataclasses import replace
from typing import TYPE_CHECKING

from evals.benchmarks.indexes import slug
from evals.benchmarks.measure import Outcome, overlap
from evals.benchmarks.passages import read_passages
from evals.benchmarks.process import interleave, run_task
from evals.benchmarks.report import Column, Part, compare, median_row, versions_in
from evals.benchmarks.setup import OWN, available

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from evals.benchmarks.process import Side
    from evals.benchmarks.setup import Setup

__all__ = ["run"]

_DEFAULT, _BF16 = "LangChain", "LangChain, bf16"
_SETTINGS = {
    _DEFAULT: (
        "HuggingFaceEmbeddings(model), FAISS.from_documents, save_local; float32 model and index; nothing on the disk "
        "before save_local, which pickles the texts; no word index"
    ),
    _BF16: (
        'the same with model_kwargs={"model_kwargs": {"dtype": "bfloat16"}}; bf16 model, float32 index and nothing '
        "else different"
    ),
    "LlamaIndex": (
        "HuggingFaceEmbedding(model), FaissVectorStore(IndexFlatL2), VectorStoreIndex(nodes), persist; float32; "
        "nothing on the disk before persist; no word index"
    ),
    "Haystack": (
        "SentenceTransformersDocumentEmbedder, InMemoryDocumentStore, save_to_disk (JSON); float32; nothing on the "
        "disk before save_to_disk; words are counted when asked"
    ),
    "txtai": (
        "Embeddings(path, content=True), index, save; float32 model, SQLite and FAISS; nothing durable before save; "
        "no word index"
    ),
}
_PEERS: list[tuple[str, str, str, dict[str, object]]] = [
    ("langchain", _DEFAULT, _SETTINGS[_DEFAULT], {"precision": "fp32"}),
    ("langchain", _BF16, _SETTINGS[_BF16], {"precision": "bf16"}),
    *((name.lower(), name, _SETTINGS[name], {}) for name in ("LlamaIndex", "Haystack", "txtai")),
]
_OWN = (
    "ragkit.open(folder).sync(jsonl), defaults: durable every few hundred chunks (fsync), exact offsets, word index "
    "and metadata filters included; precision chosen for the processor; its cache of embeddings starts empty and is "
    "filled in the time shown, and is not in the disk column"
)
_COLUMNS = [
    Column("passages_s", "passages/s", 1),
    Column("ingest_cpu_s", "cpu s", 1),
    Column("start_s", "start s"),
    Column("first_hit_s", "open to first hit s"),
    Column("query_ms", "query ms"),
    Column("disk_mb", "disk MB"),
    Column("rss_mb", "peak memory MB", 0),
    Column("overlap", "overlap", 3),
]


def run(setup: Setup) -> Part:
    """Ingest and reopen with every side, in turn."""
    passages = read_passages(setup.data, setup.sizes.passages, queries=setup.sizes.queries)
    file = passages.write(setup.work / "passages.jsonl")
    peers, missing = available(setup, _PEERS)
    sides = [*peers, setup.own(_OWN)]

    def one_round(side: Side, number: int) -> Outcome:
        folder = setup.work / f"ingest-{slug(side.name)}-{number}"
        job = {
            "passages": str(file), "folder": str(folder), "model": str(setup.model), "k": 10,
            "queries": passages.queries,
        }  # fmt: skip
        written = run_task(side, "ingest", job, threads=setup.threads)
        asked = run_task(side, "reopen", job, threads=setup.threads)
        for path in (folder, folder.with_name(f"{folder.name}-cache")):
            shutil.rmtree(path, ignore_errors=True)
        return replace(written, numbers={**asked.numbers, **written.numbers}, found=asked.found)

    done = interleave(sides, setup.sizes.rounds, one_round, what="ingest")
    outcomes = _with_overlap(done.outcomes)
    others = [name for name in outcomes if name != OWN]
    lengths = [len(text.split()) for text in passages.texts.values()]
    engine = outcomes[OWN][0].words["engine"] if OWN in outcomes else "none"
    return Part(
        name="ingest",
        title="Ingest: from a file to an index on the disk",
        about=(
            f"{len(lengths):,} {passages.source} (mean {statistics.mean(lengths):.0f} words), all-MiniLM-L6-v2, the "
            f"same weights and {setup.threads} threads for each, median of {setup.sizes.rounds} interleaved rounds, "
            "each in fresh processes. `passages/s` runs from reading the file to the index on the disk; `start` is "
            "process start, imports, model and one query embedded; `open to first hit` is from the start of a new "
            "process, model and embedding included, page cache warm; `query` is the median of one dense search, "
            f"embedding included; `overlap` is the share of the first 10 hits of {_DEFAULT} found too."
        ),
        settings={side.name: side.setting for side in sides},
        columns=_COLUMNS,
        rows=[median_row(name, rounds) for name, rounds in outcomes.items()],
        ratios=[
            *compare(outcomes, OWN, others, {"passages_s": "ingest"}, more=True),
            *compare(outcomes, OWN, others, {"ingest_cpu_s": "processor time of ingest"}, more=False),
            *compare(outcomes, OWN, others, {"first_hit_s": "open to first hit"}, more=False),
            *compare(
                outcomes, OWN, others, {"rss_mb": "peak memory", "disk_mb": "disk", "query_ms": "query"}, more=False
            ),
        ],
        notes=[f"ragkit embedded with `{engine}`."],
        failures=missing | done.failures,
        versions=versions_in(outcomes),
        rounds=outcomes,
    )


def _with_overlap(done: Mapping[str, Sequence[Outcome]]) -> dict[str, list[Outcome]]:
    """Add the mean share of the default's hits that each found too."""
    if _DEFAULT not in done:
        return {name: list(rounds) for name, rounds in done.items()}
    wanted = done[_DEFAULT][0].found
    return {
        name: [replace(one, numbers={**one.numbers, "overlap": overlap(one.found, wanted)}) for one in rounds]
        for name, rounds in done.items()
    }
