"""Conversations: questions that lean on what was said before, with how a person wrote them to stand alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ragkit.errors import LoadError
from ragkit.evaluate.data.lines import find_file
from ragkit.evaluate.data.records import Record, json_document, json_records
from ragkit.evaluate.data.trec import read_topics

__all__ = ["Rewrite", "Turn", "canard", "mtrag_rewrites"]

_USER = "|user|: "


@dataclass(frozen=True, slots=True)
class Turn:
    """One thing said."""

    speaker: str
    """`user` or `agent`."""
    text: str


@dataclass(frozen=True, slots=True)
class Rewrite:
    """A question of a conversation, and the same question as it would be asked alone."""

    id: str
    history: tuple[Turn, ...]
    """What was said before, oldest first."""
    question: str
    rewrite: str
    """By a person."""
    title: str = ""
    """What the conversation is about, where the set says so."""


def canard(path: Path) -> Iterator[Rewrite]:
    """Read CANARD: the official JSON list, or one object per line.

    The history of the files begins with the title of the article and of its section; both become `title`.

    Raises:
        LoadError: Naming the place, if a row has another form.
    """
    records = json_records(path) if ".jsonl" in path.name else _list(path)
    return map(_rewrite, records)


def _list(path: Path) -> Iterator[Record]:
    document = json_document(path)
    if not isinstance(document, list) or not all(isinstance(row, dict) for row in document):
        raise LoadError(str(path), "expected a JSON list of objects.")
    return (Record(f"{path} row {number}", row) for number, row in enumerate(document))


def _rewrite(record: Record) -> Rewrite:
    title, said = record.texts("History")[:2], record.texts("History")[2:]
    speakers = ("user", "agent")
    return Rewrite(
        id=f"{record.text('QuAC_dialog_id')}#{record.whole('Question_no')}",
        history=tuple(Turn(speakers[at % 2], text) for at, text in enumerate(said)),
        question=record.text("Question"),
        rewrite=record.text("Rewrite"),
        title=", ".join(title),
    )


def mtrag_rewrites(folder: Path) -> Iterator[Rewrite]:
    """Read one retrieval task of MTRAG: `<name>_questions.jsonl` and `<name>_rewrite.jsonl`, joined by id.

    The history has the user's turns only; what the agent said is not in these files.

    Raises:
        LoadError: If a file is missing, or a question has no rewrite.
    """
    files = {kind: find_file(folder, f"{folder.name}_{kind}.jsonl") for kind in ("questions", "rewrite")}
    for kind, file in files.items():
        if file is None:
            raise LoadError(str(folder), f"has no {folder.name}_{kind}.jsonl.")
    questions, rewrites = (read_topics(file) for file in files.values() if file is not None)
    for query_id, text in questions.items():
        if query_id not in rewrites:
            raise LoadError(str(folder), f"question {query_id!r} has no rewrite.")
        # A turn may have line breaks of its own: turns are divided by their marks.
        turns = text.removeprefix(_USER).split(f"\n{_USER}")
        history = tuple(Turn("user", turn) for turn in turns[:-1])
        yield Rewrite(query_id, history, turns[-1], rewrites[query_id].removeprefix(_USER))
