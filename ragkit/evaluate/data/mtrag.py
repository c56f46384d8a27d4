"""MTRAG: what people said of answers in conversations, and the tasks of MTRAG-UN, many of which cannot be answered."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ragkit.errors import LoadError
from ragkit.evaluate.data.collection import Passage
from ragkit.evaluate.data.dialogue import Turn
from ragkit.evaluate.data.lines import file_in
from ragkit.evaluate.data.records import Record, json_document, json_records

__all__ = ["HUMAN_MEASURES", "DialogueTask", "RatedAnswer", "mtrag_human", "mtrag_tasks"]

HUMAN_MEASURES = ("faithfulness", "appropriateness", "naturalness", "completeness")
"""What annotators rated, each from 1 (no) to 4 (yes)."""


@dataclass(frozen=True, slots=True)
class DialogueTask:
    """A conversation up to a question, the passages at hand, and what may be said next."""

    id: str
    turns: tuple[Turn, ...]
    """The last one is the question."""
    passages: tuple[Passage, ...]
    """What was retrieved; may be empty."""
    targets: tuple[str, ...]
    """Answers a person wrote or approved."""
    answerability: str
    """`ANSWERABLE`, `PARTIAL`, `UNANSWERABLE`, `UNDERSPECIFIED` or `CONVERSATIONAL`, of the passages at hand."""
    kinds: tuple[str, ...] = ()
    """Kinds of question, such as `Factoid`."""
    collection: str = ""

    @property
    def question(self) -> str:
        """The last thing the user said."""
        return self.turns[-1].text

    @property
    def context(self) -> str:
        """Titles and texts of the passages, divided by empty lines."""
        return "\n\n".join(passage.content for passage in self.passages)


@dataclass(frozen=True, slots=True)
class RatedAnswer:
    """An answer to a task, with what each annotator thought of it."""

    id: str
    """Task and model, such as `f0d2...<::>1|gpt-4o`."""
    task: DialogueTask
    model: str
    """`reference` for an answer that people approved."""
    response: str
    ratings: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    """From 1 to 4, by annotator, by measure of `HUMAN_MEASURES`; two or three annotators per answer."""

    def mean_rating(self, measure: str) -> float:
        """Give the mean of a measure as a fraction: 0 if all said 1 (no), 1 if all said 4 (yes).

        Raises:
            KeyError: If nobody rated the measure.
        """
        values = self.ratings[measure].values()
        return (sum(values) / len(values) - 1) / 3


def mtrag_human(path: Path) -> list[RatedAnswer]:
    """Read the human evaluation of MTRAG: one JSON document with documents, tasks and evaluations, held in memory.

    Args:
        path: `reference_subset_with_human_evaluations.json`, or a folder with it or with `human_eval_raw.jsonl`.

    Raises:
        LoadError: Naming the place, if something is missing or wrong.
    """
    document = json_document(file_in(path, "reference_subset_with_human_evaluations.json", "human_eval_raw.jsonl"))
    if not isinstance(document, dict):
        raise LoadError(str(path), "is not the human evaluation of MTRAG: expected one JSON object.")
    record = Record(str(path), document)
    passages = {row.identifier("document_id"): _passage(row) for row in record.rows("documents")}
    tasks = {task.id: task for task in (_task(row, passages) for row in record.rows("tasks"))}
    return [_rated(row, tasks) for row in record.rows("evaluations")]


def mtrag_tasks(path: Path) -> Iterator[DialogueTask]:
    """Stream the generation tasks of MTRAG or MTRAG-UN (`reference.jsonl`), contexts included.

    Args:
        path: The file, or a folder with `reference.jsonl` or `mtragun_reference.jsonl`.

    Raises:
        LoadError: With the line's number, if a row has another form.
    """
    for record in json_records(file_in(path, "reference.jsonl", "mtragun_reference.jsonl")):
        yield _task(record, {})


def _passage(row: Record) -> Passage:
    title, text = row.text("title", default=""), row.text("text")
    # Most texts begin with their title already.
    return Passage(row.identifier("document_id"), "" if text.startswith(title) else title, text)


def _task(row: Record, passages: Mapping[str, Passage]) -> DialogueTask:
    turns = tuple(Turn(turn.text("speaker"), turn.text("text")) for turn in row.rows("input"))
    if not turns or turns[-1].speaker != "user":
        raise row.error("the conversation must end with a turn of the user.")
    labels = row.texts("answerability", "Answerability")
    if len(labels) != 1:
        raise row.error(f"expected one label of answerability, got {labels}.")
    return DialogueTask(
        id=row.identifier("task_id"),
        turns=turns,
        passages=tuple(_context(context, passages) for context in row.rows("contexts")),
        targets=tuple(target.text("text") for target in row.rows("targets")),
        answerability=labels[0],
        kinds=tuple(row.texts("Question Type", default=[])),
        collection=row.text("Collection", default=""),
    )


def _context(context: Record, passages: Mapping[str, Passage]) -> Passage:
    if "text" in context.values:
        return _passage(context)
    doc_id = context.identifier("document_id")
    if doc_id not in passages:
        raise context.error(f"document {doc_id!r} is not among the documents of the file.")
    return passages[doc_id]


def _rated(row: Record, tasks: Mapping[str, DialogueTask]) -> RatedAnswer:
    task_id, model = row.identifier("task_id"), row.identifier("model_id")
    if task_id not in tasks:
        raise row.error(f"task {task_id!r} is not among the tasks of the file.")
    notes = row.row("annotations")
    ratings = {measure: _ratings(notes.row(measure)) for measure in HUMAN_MEASURES if measure in notes.values}
    return RatedAnswer(f"{task_id}|{model}", tasks[task_id], model, row.text("model_response"), ratings)


def _ratings(measure: Record) -> dict[str, int]:
    ratings = {annotator: measure.row(annotator).whole("value") for annotator in measure.values}
    if wrong := [value for value in ratings.values() if not 1 <= value <= 4]:
        raise measure.error(f"ratings go from 1 to 4, got {wrong[0]}.")
    return ratings
