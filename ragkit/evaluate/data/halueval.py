"""HaluEval: right answers beside ones that ChatGPT was told to make up, and what people found in its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ragkit.evaluate.data.records import Record, distinct, json_records
from ragkit.evaluate.data.supported import GroundednessRow, labelled_row, marked_spans

__all__ = ["halueval_dialogue", "halueval_general", "halueval_qa", "halueval_summarization"]


def halueval_qa(path: Path) -> Iterator[GroundednessRow]:
    """Read HaluEval QA: of each official pair a right and a hallucinated answer.

    Length alone tells them apart in more than 90 % of cases: show a number beside such a baseline or not at all.

    Raises:
        LoadError: With the line's number, if a row has another form.
    """
    return _pairs(path, "knowledge", "question", "right_answer", "hallucinated_answer")


def halueval_dialogue(path: Path) -> Iterator[GroundednessRow]:
    """Read HaluEval dialogue, otherwise as `halueval_qa`; the question is the history."""
    return _pairs(path, "knowledge", "dialogue_history", "right_response", "hallucinated_response")


def halueval_summarization(path: Path) -> Iterator[GroundednessRow]:
    """Read HaluEval summarization, otherwise as `halueval_qa`; there is no question."""
    return _pairs(path, "document", "", "right_summary", "hallucinated_summary")


def _pairs(path: Path, context: str, question: str, right: str, wrong: str) -> Iterator[GroundednessRow]:
    def rows() -> Iterator[tuple[str, GroundednessRow]]:
        for number, record in enumerate(json_records(path), start=1):
            if "label" in record.values:
                if (labelled := labelled_row(record)) is not None:
                    yield record.place, labelled
                continue
            asked = record.text(question) if question else ""
            for name, supported in ((right, True), (wrong, False)):
                row_id = f"{number}-{'right' if supported else 'hallucinated'}"
                yield record.place, GroundednessRow(row_id, asked, record.text(context), record.text(name), supported)

    return distinct(rows())


def halueval_general(path: Path) -> Iterator[GroundednessRow]:
    """Read HaluEval general: ChatGPT's answers without context; people marked the hallucinated passages of some.

    Ids are line numbers, because the set's own repeat and one is empty. A marked passage that is no exact quote of the
    answer gives no span.

    Raises:
        LoadError: With the line's number, if a row has another form.
    """
    for number, record in enumerate(json_records(path), start=1):
        if "user_query" in record.values:
            yield _general_row(str(number), record)
        elif (row := labelled_row(Record(record.place, {**record.values, "id": number}))) is not None:
            yield row


def _general_row(row_id: str, record: Record) -> GroundednessRow:
    response = record.text("chatgpt_response")
    verdict = record.text("hallucination")
    if verdict not in {"yes", "no"}:
        raise record.error(f"field 'hallucination' must be yes or no, got {verdict!r}.")
    spans = marked_spans(record, record.values.get("hallucination_spans"), response)
    return GroundednessRow(row_id, record.text("user_query"), "", response, verdict == "no", spans)
