"""The value that every labelled response becomes, and the reading that several published sets share."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ragkit.evaluate.data.lines import file_in
from ragkit.evaluate.data.records import Record, distinct, json_records

__all__ = ["GroundednessRow", "checked_spans", "labelled_row", "marked_spans", "rows_of"]


@dataclass(frozen=True, slots=True)
class GroundednessRow:
    """A response, what it was given to stand on, and whether people found that it does."""

    id: str
    """Unique in its set."""
    question: str
    """Empty where the set has none."""
    context: str
    """What the response must follow from; empty where the set gives none."""
    response: str
    supported: bool
    """False if any part of the response does not follow from the context."""
    spans: tuple[tuple[int, int], ...] = ()
    """The unsupported characters of the response, where known, as `response[start:end]`."""
    metadata: Mapping[str, Any] = field(default_factory=dict)
    """What else the set says: the model, the task, the label as it was written."""


def checked_spans(record: Record, spans: object, response: str) -> tuple[tuple[int, int], ...]:
    """Give `[start, end]` pairs as tuples in order.

    Raises:
        LoadError: If they are no pairs of whole numbers inside the response.
    """
    pairs = [tuple(span) if isinstance(span, list) else () for span in spans] if isinstance(spans, list) else [()]
    for pair in pairs:
        fits = len(pair) == 2 and all(isinstance(place, int) and not isinstance(place, bool) for place in pair)
        if not fits or not 0 <= pair[0] < pair[1] <= len(response):
            reason = f"spans must be [start, end] with 0 <= start < end <= {len(response)}, the response's length"
            raise record.error(f"{reason}; got {list(pair) or spans}.")
    return tuple(sorted((pair[0], pair[1]) for pair in pairs))


def rows_of(path: Path, row_of: Callable[[Record], GroundednessRow | None], *names: str) -> Iterator[GroundednessRow]:
    """Stream the rows that `row_of` makes of the objects in a JSONL file, or in the first of `names` in a folder.

    Raises:
        LoadError: With the line's number, if `row_of` refuses an object or an id repeats.
    """
    records = json_records(file_in(path, *names))
    return distinct((record.place, row) for record in records if (row := row_of(record)) is not None)


def labelled_row(record: Record) -> GroundednessRow | None:
    """Read the form with `label` 1 for supported and 0 for not, and the rest under `meta`; None where unlabelled.

    Raises:
        LoadError: With the line's number, if a field is missing or wrong.
    """
    label = record.values.get("label")
    if label is None:
        return None
    if label not in (0, 1):  # a tuple: what JSON holds may have no hash
        raise record.error(f"field 'label' must be 0, 1 or null, got {label!r}.")
    response = record.text("response")
    meta = dict(record.row("meta").values)
    return GroundednessRow(
        id=record.identifier("id"),
        question=record.text("question", default=""),
        context=record.text("context", default=""),
        response=response,
        supported=label == 1,
        spans=marked_spans(record, meta.pop("spans", []), response),
        metadata={"split": record.text("split", default=""), **meta},
    )


def marked_spans(record: Record, marks: object, response: str) -> tuple[tuple[int, int], ...]:
    """Give the spans of marks that are objects with `start` and `end`, or quotes of the response where found in it.

    Raises:
        LoadError: If a span lies outside the response.
    """
    spans: list[Any] = []
    for mark in marks if isinstance(marks, list) else []:
        if isinstance(mark, dict):
            spans.append([mark.get("start"), mark.get("end")])
        elif isinstance(mark, str) and mark and (start := response.find(mark)) >= 0:
            spans.append([start, start + len(mark)])
    return checked_spans(record, spans, response)
