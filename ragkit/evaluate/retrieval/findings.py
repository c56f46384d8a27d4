"""What a person should look at in a run: how the queries are spread, and the worst with what was retrieved."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ragkit.errors import shorten
from ragkit.evaluate.measures.retrieval import cutoff
from ragkit.evaluate.outcome import Unscored
from ragkit.evaluate.reports.content import Case, Cases, Histogram, Table

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ragkit.evaluate.outcome import Row
    from ragkit.evaluate.reports.content import Section

__all__ = ["by_rank", "spread", "too_deep", "worst"]

_WORST = 20
_SHOWN = 5
_CHARS = 300
_BINS = ((1, 1), (2, 3), (4, 10), (11, 100), (101, 1000), (1001, None))


def spread(rows: Sequence[Row], measures: Sequence[str]) -> list[Section]:
    """Give a histogram of each of some measures over all queries."""
    return [Histogram(f"{name} per query", name, _values(rows, name), note="") for name in measures]


def _values(rows: Sequence[Row], name: str) -> list[float]:
    return [value for row in rows if not isinstance(value := row.outcomes[name], Unscored)]


def too_deep(measures: Sequence[str], depth: int) -> list[str]:
    """Say which measures promise by their names to look deeper than lists of a depth go: one sentence, or none."""
    deep = [name for name in measures if (cutoff(name) or 0) > depth]
    return [f"No query has more than {depth:,} documents: {', '.join(deep)} can count those only."] if deep else []


def by_rank(rows: Sequence[Row]) -> Table:
    """Count queries by the rank of their first relevant document: where a re-ranker, or a deeper pool, would help."""
    ranks = [row.details["first_relevant_rank"] for row in rows]
    lines: list[tuple[str, int, float]] = []
    for low, high in _BINS:
        count = sum(rank is not None and low <= rank and (high is None or rank <= high) for rank in ranks)
        name = str(low) if low == high else f"{low} to {high}" if high else f"{low} or deeper"
        lines.append((name, count, count / len(ranks)))
    missing = sum(rank is None for rank in ranks)
    lines.append(("not retrieved", missing, missing / len(ranks)))
    kept = tuple(line for line in lines if line[1])
    return Table("Rank of the first relevant document", ("rank", "queries", "fraction"), kept)


def worst(rows: Sequence[Row], measure: str, text_of: Callable[[str], str] | None = None) -> Cases:
    """Show the queries with the lowest score, those with most to find first, and what was retrieved for them.

    Args:
        rows: As `ragkit.evaluate.retrieval.judging` makes them.
        measure: The score.
        text_of: Gives a document's text, where texts are at hand.
    """

    def badness(row: Row) -> tuple[float, int, str]:
        value = row.outcomes[measure]
        return (0.0 if isinstance(value, Unscored) else value, -int(row.details["relevant"]), row.id)

    cases = tuple(_case(row, measure, text_of) for row in sorted(rows, key=badness)[:_WORST])
    return Cases(f"Queries with the lowest {measure}", cases, note="What was retrieved, best first.")


def _case(row: Row, measure: str, text_of: Callable[[str], str] | None) -> Case:
    about = row.details
    ranks = about["relevant_ranks"]
    facts = {
        "query": row.id,
        measure: f"{row.outcomes[measure]:.4f}",
        "relevant": f"{about['found']} of {about['relevant']} retrieved",
        "at ranks": ", ".join(str(rank) for rank in ranks.values()) or "none",
    }
    if about["missed"]:
        facts["not retrieved"] = ", ".join(about["missed"][:_SHOWN])
    items = [_item(name, " (relevant)" if name in ranks else "", text_of) for name in about["top"][:_SHOWN]]
    if text_of:
        items += [_item(name, " (relevant, not retrieved)", text_of) for name in about["missed"][:1]]
    return Case(about.get("query") or row.id, facts, tuple(items))


def _item(name: str, mark: str, text_of: Callable[[str], str] | None) -> str:
    text = f": {shorten(' '.join(text_of(name).split()), _CHARS)}" if text_of else ""
    return f"{name}{mark}{text}"
