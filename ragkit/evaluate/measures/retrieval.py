"""What a ranked list is worth: nDCG, RR, R, AP, P, Success, Judged, under the names and by the code of `ir_measures`.

Three traps are shut here. Engines break ties each in their own way (trec_eval by falling document id, others by
dictionary order, and pytrec_eval sees 32-bit scores), so a list is put in one order first (`ranked`), the one its
system meant, and handed over with scores that fall strictly from rank to rank. A query of the judgments without
results counts 0, as `trec_eval -c` counts it. And `RR@10` means what the official MS MARCO script computes: the first
10, divided by all judged queries.
"""

from __future__ import annotations

from collections import Counter
from operator import gt
from typing import TYPE_CHECKING, Any

from ragkit._optional import require
from ragkit.errors import ConfigError, InputError, shorten

with require(feature="Scoring retrieval", package="ir_measures", extra="eval"):
    import ir_measures
with require(feature="Scoring retrieval", package="pytrec_eval", extra="eval"):
    import pytrec_eval  # noqa: F401  # ir_measures looks for it late, and falls back to engines with other rules

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["canonical", "cutoff", "default_measures", "ranked", "score_rankings"]

_KINDS = ("AP", "Bpref", "Judged", "P", "R", "RR", "Rprec", "Success", "nDCG")
"""Fractions from 0 to 1 whose mean over queries says something."""
_ENGINES: Any = ir_measures.providers.FallbackProvider(  # type: ignore[no-untyped-call]  # it types a part of itself
    [ir_measures.pytrec_eval, ir_measures.judged, ir_measures.msmarco]
)
_SHALLOW = 100
"""Cutoffs up to this one are scored on lists cut there: what lies deeper cannot change them."""


def default_measures(*, relevant_from: int = 1, depth: int = 1000) -> tuple[str, ...]:
    """Give the measures that a test collection is reported with.

    Args:
        relevant_from: Lowest grade that the binary measures count, 2 for TREC Deep Learning. nDCG uses every grade.
        depth: Documents retrieved per query; recall is measured no deeper.

    Example:
        >>> default_measures(relevant_from=2, depth=100)[:3]
        ('nDCG@10', 'RR(rel=2)@10', 'AP(rel=2)')
    """
    level = "" if relevant_from == 1 else f"(rel={relevant_from})"
    recalls = [f"R{level}@{cut}" for cut in (10, 100, 1000) if cut <= max(depth, 10)]
    shallow = [f"P{level}@10", f"Success{level}@1", f"Success{level}@10", "Judged@10"]
    return ("nDCG@10", f"RR{level}@10", f"AP{level}", *recalls, *shallow)


def canonical(names: Sequence[str]) -> tuple[str, ...]:
    """Give measures under the names that `ir_measures` prints, each once, in the order given.

    Raises:
        ConfigError: If one cannot be read or is not among those this harness means and intervals are made for.

    Example:
        >>> canonical(["NDCG@10", "RR(rel=2)@10", "MAP"])
        ('nDCG@10', 'RR(rel=2)@10', 'AP')
    """
    return tuple(dict.fromkeys(str(_parsed(name)) for name in names))


def _parsed(name: str) -> Any:  # Any: a measure of ir_measures, which ships no types
    advice = f"expected one of {', '.join(_KINDS)} in the form of ir_measures, such as nDCG@10 or RR(rel=2)@10."
    try:
        measure = ir_measures.parse_measure(name)
        # parsing is lazy: an assertion is how ir_measures refuses a cutoff that is missing or no number
        supported = measure.NAME in _KINDS and _ENGINES.supports(measure)
    except (ValueError, NameError, AssertionError, SyntaxError, KeyError) as error:
        raise ConfigError(f"{shorten(name)!r} is no measure: {advice}") from error
    if not supported or min(measure.params.get("cutoff", 1), measure.params.get("rel", 1)) < 1:
        raise ConfigError(f"{shorten(name)!r} cannot be measured: {advice}")
    return measure


def cutoff(name: str) -> int | None:
    """Give the rank below which a measure does not look; None where it looks at the whole list.

    Example:
        >>> cutoff("RR(rel=2)@10"), cutoff("AP")
        (10, None)
    """
    depth: int | None = _parsed(name).params.get("cutoff")
    return depth


def ranked(
    query_id: str, documents: Sequence[str], scores: Sequence[float], ranks: Sequence[int | str] | None = None
) -> list[str]:
    """Give the documents of one query in order: by falling score, ties by the rank that the run states.

    Published runs have rounded scores, and the stated rank is what is left of the order the system meant: it gives
    RepLLaMA's run of TREC DL 2019 its published nDCG@10 of 0.7439, while trec_eval, which orders ties by falling
    document id alone, gives 0.7384. Ties that ranks do not break are ordered as trec_eval does; ids are compared as
    UTF-8 bytes, which order as code points do.

    Args:
        query_id: For messages.
        documents: In any order.
        scores: One for each document, higher is better.
        ranks: One whole number for each document, lower is better, perhaps as text; None where there are none.

    Raises:
        InputError: If a document stands there twice or a score is NaN.
    """
    if len(set(documents)) < len(documents):
        twice = next(name for name, count in Counter(documents).items() if count > 1)
        raise InputError(
            f"query {shorten(query_id)!r} lists document {shorten(twice)!r} more than once: expected each document "
            "once, so remove the lower of the two."
        )
    if all(map(gt, scores, scores[1:])):
        return list(documents)
    if any(score != score for score in scores):
        raise InputError(f"query {shorten(query_id)!r} has a score that is not a number: expected finite scores.")
    stated = [-int(rank) for rank in ranks] if ranks is not None else [0] * len(documents)
    return [document for *_, document in sorted(zip(scores, stated, documents, strict=True), reverse=True)]


def score_rankings(
    rankings: Mapping[str, Sequence[str]], qrels: Mapping[str, Mapping[str, int]], measures: Sequence[str]
) -> dict[str, dict[str, float]]:
    """Score ranked lists: a fraction from 0 to 1 for every query of `qrels` and every measure.

    Args:
        rankings: Document ids by query id, best first, each once; queries without judgments are left out, and a query
            that is missing or empty scores 0.
        qrels: Grade by document id, by query id; all that are known of a query, relevant or not.
        measures: As `canonical` gives them.

    Returns:
        By query id in the order of `qrels`, then by measure in the order given.
    """
    found: dict[str, dict[str, float]] = {query: dict.fromkeys(measures, 0.0) for query in qrels}
    retrieved = {query: documents for query, documents in rankings.items() if documents and query in qrels}
    judged = {query: dict(qrels[query]) for query in retrieved}
    for depth, names in _by_depth(measures).items() if retrieved else ():
        parsed = {_parsed(name): name for name in names}
        # Whole numbers below 2 ** 24 are exact in 32 bits, so no two of them become a tie.
        run = {query: _falling(documents, depth) for query, documents in retrieved.items()}
        for metric in _ENGINES.evaluator(parsed, judged).iter_calc(run):
            found[metric.query_id][parsed[metric.measure]] = float(metric.value)
    return found


def _by_depth(measures: Sequence[str]) -> dict[int | None, list[str]]:
    groups: dict[int | None, list[str]] = {}
    for name in measures:
        depth = cutoff(name)
        groups.setdefault(_SHALLOW if depth is not None and depth <= _SHALLOW else None, []).append(name)
    return groups


def _falling(documents: Sequence[str], depth: int | None) -> dict[str, float]:
    kept = documents[:depth]
    return dict(zip(kept, map(float, range(len(kept), 0, -1)), strict=True))
