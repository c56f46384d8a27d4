"""`ragkit eval rerank`: the candidates of a run put into another order, and whether that order is better.

Scores are comparable with published ones where candidates and judgments are the same: what was retrieved is given, so
the size of the corpus does not matter here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from ragkit.errors import InputError
from ragkit.evaluate.measures.retrieval import canonical, default_measures
from ragkit.evaluate.outcome import Unscored
from ragkit.evaluate.reports.content import Differences, Interval, Report, Table
from ragkit.evaluate.retrieval.findings import by_rank, spread, too_deep, worst
from ragkit.evaluate.retrieval.judging import Judgments
from ragkit.evaluate.retrieval.rankings import Rankings
from ragkit.evaluate.retrieval.scored import Evaluation
from ragkit.evaluate.retrieval.stream import read_blocks
from ragkit.evaluate.runs import RunFolder
from ragkit.evaluate.statistics.estimate import estimates
from ragkit.evaluate.statistics.paired import compare_paired

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from ragkit.encoder import Encoder
    from ragkit.evaluate.data.retrieval import RetrievalData
    from ragkit.evaluate.outcome import Row
    from ragkit.evaluate.reports.content import Section

__all__ = ["EncoderReranker", "Reranker", "evaluate_rerank", "reordered"]

_BLOCK = 64


class Reranker(Protocol):
    """Whatever says how well texts answer a query; a cross-encoder is one too."""

    @property
    def card(self) -> Mapping[str, Any]:
        """What decides its scores, as JSON: model, revision."""
        ...

    def scores(self, pairs: Sequence[tuple[str, str]]) -> Sequence[float]:
        """Give one score for each `(query, text)`, higher is better, comparable within one query."""
        ...


@dataclass(frozen=True, slots=True)
class EncoderReranker:
    """The cosine of query and text under an embedding model: a bi-encoder as a re-ranker."""

    encoder: Encoder

    @property
    def card(self) -> Mapping[str, Any]:
        """The model and the sha256 of its weights."""
        return {"kind": "bi-encoder", "model": self.encoder.card.model, "revision": self.encoder.card.revision}

    def scores(self, pairs: Sequence[tuple[str, str]]) -> Sequence[float]:
        """Give the cosine of each pair; every text and query of the call is embedded once."""
        queries = {query: place for place, query in enumerate(dict.fromkeys(query for query, _ in pairs))}
        texts = {text: place for place, text in enumerate(dict.fromkeys(text for _, text in pairs))}
        by_query = self.encoder.encode_queries(list(queries))[[queries[query] for query, _ in pairs]]
        by_text = self.encoder.encode_documents(list(texts))[[texts[text] for _, text in pairs]]
        found: list[float] = np.einsum("ij,ij->i", by_query, by_text, dtype=np.float64).tolist()
        return found


def reordered(documents: Sequence[str], scores: Mapping[str, float]) -> list[str]:
    """Put documents in the order of new scores; equal ones keep theirs, and those without a score come last.

    Example:
        >>> reordered(["a", "b", "c"], {"a": 0.1, "c": 0.7})
        ['c', 'a', 'b']
    """
    known = sorted((document for document in documents if document in scores), key=lambda name: -scores[name])
    return [*known, *(document for document in documents if document not in scores)]


def evaluate_rerank(
    data: RetrievalData,
    run: Path,
    reranker: Reranker,
    out: Path,
    *,
    depth: int = 100,
    measures: Sequence[str] = (),
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> Evaluation:
    """Re-rank a run and write `run.trec`, `metrics.json`, `per_query.jsonl` and `report.html` into `out`.

    All published judgments count, also of documents that the corpus at hand lacks, as in published re-ranking scores.
    A run that was killed goes on at the queries not done yet.

    Args:
        data: Queries, judgments, and the texts of the candidates; those of `depth` per query are held in memory.
        run: The first stage, TREC or MS MARCO form, plain or packed.
        reranker: Gives the new scores.
        out: Of this run; resumed or refused as `RunFolder.open` says.
        depth: How many of each query's documents are scored; the others keep their order below them.
        measures: Names of `ir_measures`; none for `default_measures`.
        seed: Of the bootstrap and the permutations.
        progress: Told the queries done and all.

    Raises:
        InputError: If `depth` < 1 or no candidate's text is in the corpus.
        LoadError: If a file cannot be read; names file and line.
        ConfigError: If `out` holds another run.
    """
    if depth < 1:
        raise InputError(f"depth must be at least 1, got {depth}.")
    names = canonical(measures or default_measures(relevant_from=data.relevant_from, depth=depth))
    judgments = Judgments(
        qrels=data.qrels,
        measures=names,
        relevant_from=data.relevant_from,
        ignore_identical_ids=data.ignore_identical_ids,
        queries=data.queries,
    )
    sentence = f"{data.name}: top {depth} of {run.name} re-ranked"
    config = {"reranker": dict(reranker.card), "depth": depth, "measures": list(names)}
    inputs = {**data.files, "run": run}
    with RunFolder.open(
        out, command="eval rerank", dataset=sentence, config=config, inputs=inputs, seeds={"bootstrap": seed}
    ) as folder:
        before = _candidates(run, judgments)
        texts = _texts(data, before, depth)
        order = _Reordering(judgments, before, texts, reranker, depth, Rankings(out / "run.trec"))
        rows = folder.work(list(data.qrels), order.block, block=_BLOCK, progress=progress)
        found = estimates(rows, seed=seed)
        report = _report(sentence, judgments, judgments.rows(before), rows, order, seed)
        metrics = folder.finish(rows, found, report)
    return Evaluation(rows=rows, estimates=found, report=report, metrics=metrics)


@dataclass(frozen=True, slots=True)
class _Reordering:
    judgments: Judgments
    before: Mapping[str, Sequence[str]]
    texts: Mapping[str, str]
    reranker: Reranker
    depth: int
    target: Rankings

    def block(self, ids: Sequence[str]) -> list[Row]:
        asked = [(query, name) for query in ids for name in self._scored(query)]
        queries = self.judgments.queries or {}
        scores = self.reranker.scores([(queries[query], self.texts[name]) for query, name in asked])
        by_query: dict[str, dict[str, float]] = {query: {} for query in ids}
        for (query, name), score in zip(asked, scores, strict=True):
            by_query[query][name] = score
        after = {query: self._after(query, by_query[query]) for query in ids}
        self.target.append(after)  # durable before the rows are
        return self.judgments.rows(after)

    def _scored(self, query: str) -> list[str]:
        return [name for name in self.before[query][: self.depth] if name in self.texts]

    def _after(self, query: str, scores: Mapping[str, float]) -> list[str]:
        documents = self.before[query]
        return [*reordered(documents[: self.depth], scores), *documents[self.depth :]]

    @property
    def textless(self) -> int:
        """Candidates whose text is not in the corpus."""
        return sum(name not in self.texts for run in self.before.values() for name in run[: self.depth])


def _candidates(run: Path, judgments: Judgments) -> dict[str, Sequence[str]]:
    found = {query: documents for block in read_blocks(run) for query, documents in block.items()}
    return {query: judgments.kept(query, found.get(query, [])) for query in judgments.qrels}


def _texts(data: RetrievalData, candidates: Mapping[str, Sequence[str]], depth: int) -> dict[str, str]:
    wanted = {name for documents in candidates.values() for name in documents[:depth]}
    texts = {passage.doc_id: passage.content for passage in data.passages() if passage.doc_id in wanted}
    if not texts:
        raise InputError(
            f"none of the {len(wanted):,} candidates is in the corpus of {data.name}: expected the run and the corpus "
            "of one collection."
        )
    return texts


def _report(
    sentence: str, judgments: Judgments, before: Sequence[Row], rows: Sequence[Row], order: _Reordering, seed: int
) -> Report:
    notes = ["Candidates and judgments are those of the run given: scores compare with others of the same candidates."]
    if order.textless:
        notes.append(f"{order.textless:,} candidates are not in the corpus at hand; they keep their order at the end.")
    if judgments.relevant_from > 1:
        notes.append(f"Binary measures count documents from grade {judgments.relevant_from} on as relevant.")
    notes += too_deep(judgments.measures, max(row.details["retrieved"] for row in rows))
    first = judgments.measures[0]
    gains = [b - a for a, b in zip(_values(before, first), _values(rows, first), strict=True)]
    sections: list[Section] = [
        _against(before, rows, judgments.measures, seed),
        Differences(f"{first}, query by query", f"{first}, re-ranked - before", gains),
        *spread(rows, [first]),
        by_rank(rows),
        worst(rows, first, lambda name: order.texts.get(name, "(not in the corpus)")),
    ]
    return Report(title="Re-ranking", dataset=sentence, notes=tuple(notes), sections=tuple(sections))


def _against(before: Sequence[Row], rows: Sequence[Row], measures: Sequence[str], seed: int) -> Table:
    was, now = estimates(before, seed=seed), estimates(rows, seed=seed)
    lines = []
    for name in measures:
        paired = compare_paired(_values(before, name), _values(rows, name), seed=seed)
        gain = Interval(paired.difference, paired.low, paired.high, signed=True)
        lines.append((name, was[name].value, now[name].value, gain, paired.p))
    columns = ("measure", "before", "re-ranked", "difference, paired", "p")
    return Table("Against the order of the run", columns, tuple(lines))


def _values(rows: Sequence[Row], name: str) -> list[float]:
    return [0.0 if isinstance(value := row.outcomes[name], Unscored) else value for row in rows]
