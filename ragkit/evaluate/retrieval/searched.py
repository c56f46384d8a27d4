"""`ragkit eval retrieval`: a corpus is indexed with the library itself, searched, and the hits are scored."""

from __future__ import annotations

import shutil
import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from ragkit.evaluate.measures.retrieval import canonical, default_measures
from ragkit.evaluate.reports.content import Report
from ragkit.evaluate.retrieval.corpus import Survey, index_passages, survey
from ragkit.evaluate.retrieval.findings import by_rank, spread, too_deep, worst
from ragkit.evaluate.retrieval.inflation import Inflation, nested_parts, part_of, sections
from ragkit.evaluate.retrieval.judging import Judgments
from ragkit.evaluate.retrieval.rankings import Rankings
from ragkit.evaluate.retrieval.scored import Evaluation
from ragkit.evaluate.retrieval.stream import read_blocks
from ragkit.evaluate.runs import RunFolder
from ragkit.evaluate.statistics.estimate import estimates
from ragkit.retrieve.options import as_mode
from ragkit.retrieve.search import SearchOptions, search, search_ids
from ragkit.store.collection import Collection

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from ragkit.encoder import Encoder
    from ragkit.evaluate.data.retrieval import RetrievalData
    from ragkit.evaluate.outcome import Row
    from ragkit.evaluate.reports.content import Section
    from ragkit.ingest.progress import Progress

__all__ = ["Watch", "evaluate_retrieval"]

_TIMED = 50
"""Queries asked one by one, for the latency that a person would see."""


@dataclass(frozen=True, slots=True)
class Watch:
    """Who is told how far the work is; both called often."""

    indexing: Callable[[Progress], None] | None = None
    queries: Callable[[int, int], None] | None = None
    """Queries done, and all."""


@dataclass(frozen=True, slots=True)
class _System:
    """What answers the queries."""

    collection: Collection
    mode: str
    k: int
    options: SearchOptions = field(default_factory=lambda: SearchOptions(unit="document"))

    def rankings(self, queries: Sequence[str], *, at: Collection | None = None) -> list[list[str]]:
        """Give the ids of the best documents for each query; `at` a part of the corpus, if one is given."""
        where = at or self.collection
        return search_ids(where, where.encoder, queries, k=self.k, mode=self.mode, options=self.options)

    def seconds_alone(self, query: str) -> float:
        """Search as a user does, hits with their texts, and give the seconds."""
        started = time.perf_counter()
        search(
            self.collection, self.collection.encoder, [query], k=min(self.k, 10), mode=self.mode, options=self.options
        )
        return time.perf_counter() - started


def evaluate_retrieval(
    data: RetrievalData,
    encoder: Encoder | None,
    out: Path,
    *,
    mode: str = "hybrid",
    k: int = 100,
    store: Path | None = None,
    measures: Sequence[str] = (),
    options: SearchOptions = SearchOptions(unit="document"),  # noqa: B008  # frozen
    inflation: Inflation | None = None,
    block: int = 256,
    seed: int = 0,
    watch: Watch = Watch(),  # frozen
) -> Evaluation:
    """Index a test collection, search it, and write `run.trec`, `metrics.json`, `per_query.jsonl`, `report.html`.

    A document ranks by its best chunk. Indexing goes on where it was stopped; so does searching, block by block.

    Args:
        data: From `load_retrieval`.
        encoder: The embedding model of the collection; None only for a `store` that has none and `mode="bm25"`.
        out: Of this run; resumed or refused as `RunFolder.open` says.
        mode: `hybrid`, `dense` or `bm25`.
        k: Documents per query, at least 1. Above `options.pool` a hybrid search looks deeper than it does for a user.
        store: Folder of the collection, which other runs may share; None for one below `out`.
        measures: Names of `ir_measures`; none for `default_measures`.
        options: How to search; `unit` should stay `document`.
        inflation: Also search parts of the corpus and draw what they score; None to leave it.
        block: Queries answered together, and lost together by a kill.
        seed: Of the bootstrap.
        watch: Told about progress.

    Raises:
        ConfigError: If a measure is unknown, `out` holds another run, or `store` another corpus.
        InputError: If the mode is unknown or `k` < 1.
        LoadError: If a file of the collection is wrong; names file and line.
    """
    as_mode(mode)
    known = survey(data)
    usual = default_measures(relevant_from=data.relevant_from, depth=min(k, known.size))
    judgments = _judgments(known, canonical(measures or usual))
    config = _config(judgments, encoder, mode=mode, k=k, options=options, inflation=inflation)
    inputs = {**data.files} | ({"hard": inflation.hard} if inflation and inflation.hard else {})
    seeds = {"bootstrap": seed} | ({"inflation": inflation.seed} if inflation else {})
    with RunFolder.open(
        out, command="eval retrieval", dataset=known.sentence, config=config, inputs=inputs, seeds=seeds
    ) as folder:
        place = store or out / "store"
        with Collection.open(place, encoder) as collection:
            beside = place.with_name(f"{place.name}.corpus.jsonl")
            index_passages(collection, known.data.passages, beside=beside, progress=watch.indexing)
            system = _System(collection, mode, k, options)
            rows = _search(folder, system, judgments, block, watch)
            extra = _inflated(folder, system, judgments, inflation, known, rows, seed) if inflation else []
            found = estimates(rows, seed=seed)
            report = _report(known, system, judgments, rows, extra)
            alone = [system.seconds_alone(query) for query in list(known.data.queries.values())[:_TIMED]]
            taken = folder.usage()
            taken = replace(taken, latencies_s={"query, alone": alone, "query, in a batch": taken.latencies_s["row"]})
            metrics = folder.finish(rows, found, report, usage=taken)
    return Evaluation(rows=rows, estimates=found, report=report, metrics=metrics)


def _judgments(known: Survey, measures: tuple[str, ...]) -> Judgments:
    return Judgments(
        qrels=known.data.qrels,
        measures=measures,
        relevant_from=known.data.relevant_from,
        ignore_identical_ids=known.data.ignore_identical_ids,
        queries=known.data.queries,
    )


def _config(
    judgments: Judgments,
    encoder: Encoder | None,
    *,
    mode: str,
    k: int,
    options: SearchOptions,
    inflation: Inflation | None,
) -> dict[str, Any]:
    card = encoder.card if encoder else None
    return {
        "mode": mode,
        "k": k,
        "options": {
            name: getattr(options, name) for name in ("weight", "fusion", "pool", "diversity", "unit", "exact")
        },
        "model": card.model if card else None,
        "revision": card.revision if card else None,
        "measures": list(judgments.measures),
        "relevant_from": judgments.relevant_from,
        "ignore_identical_ids": judgments.ignore_identical_ids,
        "inflation": inflation.sizes if inflation else None,
    }


def _search(folder: RunFolder, system: _System, judgments: Judgments, block: int, watch: Watch) -> list[Row]:
    target = Rankings(folder.folder / "run.trec")

    def answer(ids: Sequence[str]) -> list[Row]:
        kept = _found(system, judgments, ids)
        target.append(kept)  # durable before the rows are
        return judgments.rows(kept)

    return folder.work(list(judgments.qrels), answer, block=block, progress=watch.queries)


def _found(
    system: _System, judgments: Judgments, queries: Sequence[str], *, at: Collection | None = None
) -> dict[str, Sequence[str]]:
    """Give the documents that count for each query, k of them also where one is dropped for its id."""
    texts = judgments.queries or {}
    deeper = replace(system, k=system.k + 1) if judgments.ignore_identical_ids else system
    found = deeper.rankings([texts[query] for query in queries], at=at)
    return {query: judgments.kept(query, run)[: system.k] for query, run in zip(queries, found, strict=True)}


def _inflated(
    folder: RunFolder,
    system: _System,
    judgments: Judgments,
    inflation: Inflation,
    known: Survey,
    rows: Sequence[Row],
    seed: int,
) -> list[Section]:
    # whatever nDCG counts: a part without it would score low for what it lacks
    relevant = {name for grades in judgments.qrels.values() for name, grade in grades.items() if grade > 0}
    hard = _documents_of(inflation.hard, set(judgments.qrels)) if inflation.hard else set[str]()
    corpus = [passage.doc_id for passage in known.data.passages() if passage.doc_id in system.collection]
    parts = nested_parts(corpus, relevant | hard, sizes=inflation.sizes, seed=inflation.seed)
    curve = {len(parts[-1]): list(rows)}
    for part in parts[:-1]:
        curve[len(part)] = _rows_of_part(folder, system, judgments, part)
    note = f"Every part holds all {len(relevant & set(corpus)):,} documents of a positive grade"
    note += f", all {len(hard & set(corpus)):,} that the given run retrieved" if hard else ""
    return sections(curve, judgments.measures[:3], f"{note}, and others drawn at random.", seed=seed)


def _rows_of_part(folder: RunFolder, system: _System, judgments: Judgments, part: Sequence[str]) -> list[Row]:
    names = {f"{len(part)} documents: {query}": query for query in judgments.qrels}

    def block(ids: Sequence[str]) -> list[Row]:
        place = folder.folder / "part"
        shutil.rmtree(place, ignore_errors=True)  # what a kill left
        try:
            with part_of(system.collection, part, str(place)) as at:
                scored = judgments.rows(_found(system, judgments, [names[name] for name in ids], at=at))
        finally:
            shutil.rmtree(place, ignore_errors=True)
        return [replace(row, id=name, details={}) for name, row in zip(ids, scored, strict=True)]

    return folder.work(list(names), block, block=len(names))


def _documents_of(run: Path, queries: set[str]) -> set[str]:
    return {name for block in read_blocks(run) for query, names in block.items() if query in queries for name in names}


def _report(
    known: Survey, system: _System, judgments: Judgments, rows: Sequence[Row], extra: Sequence[Section]
) -> Report:
    def text_of(doc_id: str) -> str:
        return system.collection.text(doc_id, 0, 600) if doc_id in system.collection else "(no text)"

    missing = known.size - len(system.collection)
    notes = list(known.notes)
    if missing:
        notes.append(f"{missing:,} documents have no text and can never be found.")
    if system.mode == "hybrid" and system.k > system.options.pool:
        notes.append(
            f"Asking for {system.k:,} documents makes each arm look {system.k:,} deep: a search for fewer looks "
            f"{system.options.pool:,} deep, and may order its hits otherwise."
        )
    if judgments.relevant_from > 1:
        notes.append(f"Binary measures count documents from grade {judgments.relevant_from} on as relevant.")
    if judgments.ignore_identical_ids:
        notes.append("A document with the id of its query was dropped.")
    notes += too_deep(judgments.measures, min(system.k, known.size))
    first = judgments.measures[0]
    found = (*spread(rows, judgments.measures[:2]), by_rank(rows), *extra, worst(rows, first, text_of))
    return Report(title=f"Retrieval, {system.mode}", dataset=known.sentence, notes=tuple(notes), sections=found)
