"""What a person sees of a groundedness run: the shortcuts it must beat, how well it is calibrated, its worst rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ragkit.evaluate.judges.responses import judged
from ragkit.evaluate.measures import detection
from ragkit.evaluate.measures.calibration import reliability_bins
from ragkit.evaluate.outcome import Estimate, Row
from ragkit.evaluate.reports.content import (
    Case,
    Cases,
    Cell,
    Histogram,
    Interval,
    Reliability,
    ReliabilityBin,
    Report,
    Section,
    Table,
)
from ragkit.evaluate.statistics.estimate import estimate_statistic

__all__ = ["groundedness_report", "shortcuts"]

_CASES = 10
_HEADING = 80  # characters


def groundedness_report(
    rows: Sequence[Row],
    *,
    dataset: str,
    judge: str,
    threshold: float,
    threshold_from: str,
    notes: Sequence[str] = (),
    seed: int = 0,
    draws: int = 2_000,
) -> Report:
    """Describe a run of `judge_responses`.

    Args:
        rows: All rows, with the unscored.
        dataset: What was judged, for the head.
        judge: Who judged.
        threshold: Support below which a response is called unsupported.
        threshold_from: Where it was chosen.
        notes: Sentences to stand on top, such as published numbers.
        seed: Of the bootstrap of the shortcuts.
        draws: Bootstrap samples of the shortcuts.
    """
    scored = judged(rows)
    unsupported = sum(row.details["label"] for row in rows)
    share = f"{unsupported / len(rows):.1%}" if rows else "none"
    head = (
        f"{dataset}: {len(rows):,} response{'s' * (len(rows) != 1)}, {unsupported:,} of them unsupported ({share}, the "
        "natural prevalence: F1 and precision move with it)."
    )
    said = f"Judge: {judge}. A response with support below {threshold:g} is called unsupported; {threshold_from}."
    sections: list[Section] = [shortcuts(rows, seed=seed, draws=draws)] if scored else []
    sections += [
        Reliability(
            "Is the support a probability?",
            _reliability(scored),
            "Responses by their support; as often as it says, people should find them supported.",
        ),
        Histogram("Support of supported responses", "support", _supports(scored, label=0)),
        Histogram("Support of unsupported responses", "support", _supports(scored, label=1)),
        Cases(
            "Worst calls",
            tuple(map(_case, _worst(scored)[:_CASES])),
            "The responses on which judge and people differ most.",
        ),
    ]
    return Report(title="Groundedness", dataset=head, notes=(said, *notes), sections=tuple(sections))


def shortcuts(rows: Sequence[Row], *, seed: int = 0, draws: int = 2_000) -> Table:
    """Compare the detector with what needs no detector, on the same scored rows.

    Length (long responses are unsupported) and word overlap are cut so that as many are called unsupported as there
    are, which favours them; a coin at the prevalence reaches it as its F1.
    """
    scored = [row for row in judged(rows) if row.details["shortcuts"]["overlap"] is not None]
    labels = [bool(row.details["label"]) for row in scored]
    scores = [float(row.details["score"]) for row in scored]
    length = [float(row.details["shortcuts"]["length"]) for row in scored]
    overlap = [1 - float(row.details["shortcuts"]["overlap"]) for row in scored]
    prevalence = sum(labels) / len(labels) if labels else 0.0

    def cell(statistic: detection.Statistic) -> Interval:
        found: Estimate = estimate_statistic(statistic, len(scored), seed=seed, draws=draws)
        return Interval(found.value, found.low, found.high)

    def line(name: str, values: Sequence[float], calls: Sequence[bool]) -> tuple[Cell, ...]:
        return name, cell(detection.f1(labels, calls)), cell(detection.auroc(labels, values))

    lines: list[tuple[Cell, ...]] = [line("this judge", scores, [bool(row.details["predicted"]) for row in scored])]
    lines.append(line("length alone, cut at the prevalence", length, _most(length, sum(labels))))
    lines.append(
        line("word overlap of the whole response, cut at the prevalence", overlap, _most(overlap, sum(labels)))
    )
    lines.append(("always unsupported", 2 * prevalence / (1 + prevalence), 0.5))
    lines.append(("a coin at the prevalence", prevalence, 0.5))
    note = f"On the {len(scored):,} scored responses. A judge is worth what it adds to the shortcuts."
    if any(labels):
        best = detection.best_cut(labels, scores)
        note += (
            f" Best-threshold F1 of this judge (optimistic, chosen on this data, not a result): {best.f1:.3f} "
            f"at support {1 - best.threshold:.3f}."
        )
    return Table("Beside the shortcuts", ("", "F1", "AUROC"), tuple(lines), note)


def _most(values: Sequence[float], count: int) -> list[bool]:
    """Mark the `count` highest values, the earlier of two that tie."""
    chosen = set(sorted(range(len(values)), key=lambda place: -values[place])[:count])
    return [place in chosen for place in range(len(values))]


def _reliability(scored: Sequence[Row]) -> tuple[ReliabilityBin, ...]:
    supports = [1 - row.details["score"] for row in scored]
    bins = reliability_bins(supports, [1.0 - row.details["label"] for row in scored])
    return tuple(ReliabilityBin(one.confidence, one.accuracy, one.count) for one in bins)


def _supports(scored: Sequence[Row], *, label: int) -> list[float]:
    return [1 - row.details["score"] for row in scored if row.details["label"] == label]


def _worst(scored: Sequence[Row]) -> list[Row]:
    wrong = [row for row in scored if row.details["predicted"] != row.details["label"]]
    return sorted(wrong, key=lambda row: (-abs(row.details["score"] - row.details["label"]), row.id))


def _case(row: Row) -> Case:
    label = "unsupported" if row.details["label"] else "supported"
    facts = {"row": row.id, "people": label, "support": f"{1 - row.details['score']:.3f}"}
    heading = row.details["question"] or row.details["response"][:_HEADING]
    return Case(heading, facts, tuple(_line(row.details["response"], claim) for claim in row.details["claims"]))


def _line(response: str, claim: Mapping[str, Any]) -> str:
    support = claim["reason"] if claim["support"] is None else f"{claim['support']:.2f}"
    return f"[{support}] {response[claim['start'] : claim['end']]}"
