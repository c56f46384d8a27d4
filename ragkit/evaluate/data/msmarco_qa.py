"""MS MARCO question answering: version 2.1 as one object of columns or as lines, and reference answers as lines."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ragkit.evaluate.data.answers import AnswerRow
from ragkit.evaluate.data.columns import columns_as_records, starts_with_columns
from ragkit.evaluate.data.records import Record, json_records

__all__ = ["NO_ANSWER", "QaPassage", "QaQuestion", "msmarco_qa", "reference_answers"]

NO_ANSWER = "No Answer Present."
"""What judges wrote where no passage answers the question."""


@dataclass(frozen=True, slots=True)
class QaPassage:
    """One of about ten passages that Bing found for a question."""

    text: str
    url: str
    selected: bool
    """Whether a judge used it to write the answer."""


@dataclass(frozen=True, slots=True)
class QaQuestion:
    """One question of MS MARCO QA."""

    id: str
    question: str
    kind: str
    """LOCATION, NUMERIC, PERSON, DESCRIPTION or ENTITY, by a classifier."""
    answers: tuple[str, ...]
    """In the judges' own words; empty if no passage answers the question, and in the evaluation part."""
    well_formed: tuple[str, ...]
    """Answers rewritten to be whole sentences; mostly empty."""
    passages: tuple[QaPassage, ...]

    def row(self) -> AnswerRow:
        """Give the question with all its passages as context, divided by empty lines."""
        context = "\n\n".join(passage.text for passage in self.passages)
        metadata = {"kind": self.kind, "well_formed": self.well_formed}
        return AnswerRow(self.id, self.question, self.answers, context, metadata)


def msmarco_qa(path: Path) -> Iterator[QaQuestion]:
    """Stream version 2.1, plain or packed: the official object of columns (`{"answers": {"0": ...}, ...}`) or lines.

    The object is read once to find its columns and then by several readers side by side, one per column, so that one
    question is held at a time, not the 4 GB of the training part.

    Raises:
        LoadError: Naming the line or the question, if something is missing or wrong.
    """
    records = columns_as_records(path) if starts_with_columns(path) else json_records(path)
    return map(_question, records)


def _question(record: Record) -> QaQuestion:
    answers = [answer for answer in record.texts("answers", default=[]) if answer != NO_ANSWER]
    return QaQuestion(
        id=record.identifier("query_id"),
        question=record.text("query"),
        kind=record.text("query_type", default=""),
        answers=tuple(answers),
        well_formed=tuple(_well_formed(record)),
        passages=tuple(map(_passage, record.rows("passages"))),
    )


def _passage(passage: Record) -> QaPassage:
    selected = passage.values.get("is_selected", 0)
    return QaPassage(passage.text("passage_text"), passage.text("url", default=""), selected == 1)


def _well_formed(record: Record) -> list[str]:
    # Where there is none the official files have the text "[]" in place of a list.
    if record.values.get("wellFormedAnswers") == "[]":
        return []
    return record.texts("wellFormedAnswers", default=[])


def reference_answers(path: Path) -> dict[str, tuple[str, ...]]:
    """Read a file of references or candidates of the official evaluation: lines of `{"query_id", "answers"}`.

    Returns:
        The answers by question, as written (`NO_ANSWER` included: the official script compares it too).

    Raises:
        LoadError: With the line's number, if a line has another form or repeats a question.
    """
    references: dict[str, tuple[str, ...]] = {}
    for record in json_records(path):
        query_id = record.identifier("query_id")
        if query_id in references:
            raise record.error(f"question {query_id!r} stands here a second time.")
        references[query_id] = tuple(record.texts("answers"))
    return references
