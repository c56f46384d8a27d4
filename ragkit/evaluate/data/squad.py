"""SQuAD 1.1 and 2.0, and sets in their form (XQuAD, COVID-QA)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ragkit.errors import LoadError
from ragkit.evaluate.data.answers import AnswerRow
from ragkit.evaluate.data.records import Record, distinct, json_document

__all__ = ["squad"]


def squad(path: Path) -> Iterator[AnswerRow]:
    """Read a SQuAD file: one row per question, with its paragraph as context.

    The file is one JSON document and is held (40 MB for the training part). Equal answers of several annotators count
    once, in the order of the file; a question marked impossible has none. `metadata["starts"]` has the offset of each
    answer in the context, or -1 where it does not stand where the file says (234 answers of COVID-QA).

    Raises:
        LoadError: Naming the place in the document, if something is missing or wrong, or an id repeats.
    """
    document = json_document(path)
    if not isinstance(document, dict) or not isinstance(document.get("data"), list):
        raise LoadError(str(path), "is not in the form of SQuAD: expected an object with a list under 'data'.")
    return distinct(_rows(Record(str(path), document)))


def _rows(document: Record) -> Iterator[tuple[str, AnswerRow]]:
    for article in document.rows("data"):
        title = article.text("title", default="")
        for paragraph in article.rows("paragraphs"):
            for question in paragraph.rows("qas"):
                yield question.place, _row(question, paragraph.text("context"), title)


def _row(question: Record, context: str, title: str) -> AnswerRow:
    impossible = question.values.get("is_impossible", False)
    if not isinstance(impossible, bool):
        raise question.error(f"field 'is_impossible' must be true or false, got {impossible!r}.")
    found: dict[str, int] = {}
    for answer in () if impossible else question.rows("answers"):
        text, start = answer.text("text"), answer.whole("answer_start")
        found.setdefault(text, start if context.startswith(text, start) else -1)
    return AnswerRow(
        id=question.identifier("id"),
        question=question.text("question"),
        answers=tuple(found),
        context=context,
        metadata={"title": title, "starts": tuple(found.values())},
    )
