"""Questions with reference answers, in our own form."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ragkit.evaluate.data.records import Record, distinct, json_records

__all__ = ["AnswerRow", "read_answers"]


@dataclass(frozen=True, slots=True)
class AnswerRow:
    """A question and the answers that count as right."""

    id: str
    """Unique in its set."""
    question: str
    answers: tuple[str, ...]
    """Any of them is right; empty if the question cannot be answered from the context."""
    context: str = ""
    """What the question is to be answered from; empty where the set gives none."""
    metadata: Mapping[str, Any] = field(default_factory=dict)
    """What else the set says."""


_FIELDS = {"id", "_id", "question", "answers", "answer", "context"}


def read_answers(path: Path) -> Iterator[AnswerRow]:
    """Stream rows of `{"id","question","answers":[...]}`, perhaps with `context`; other fields become metadata.

    An empty list says that the question cannot be answered; `answer` may give a single one.

    Raises:
        LoadError: With the line's number, if a field is missing or wrong, or an id repeats.
    """
    return distinct((record.place, _row(record)) for record in json_records(path))


def _row(record: Record) -> AnswerRow:
    single = record.values.get("answer")
    listed = isinstance(record.values.get("context"), list)
    return AnswerRow(
        id=record.identifier("id", "_id"),
        question=record.text("question"),
        answers=(single,) if isinstance(single, str) else tuple(record.texts("answers")),
        context="\n\n".join(record.texts("context") if listed else [record.text("context", default="")]),
        metadata={name: value for name, value in record.values.items() if name not in _FIELDS},
    )
