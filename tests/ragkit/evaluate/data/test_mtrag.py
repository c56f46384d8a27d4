from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ragkit.errors import LoadError
from ragkit.evaluate.data.collection import Passage
from ragkit.evaluate.data.dialogue import Turn
from ragkit.evaluate.data.mtrag import DialogueTask, RatedAnswer, mtrag_human, mtrag_tasks

Write = Callable[..., Path]

USER = {"speaker": "user", "text": "Can I?"}


def task(**fields: Any) -> dict[str, Any]:
    return {
        "task_id": "c<::>1",
        "input": [USER],
        "contexts": [{"document_id": "d1"}],
        "targets": [{"speaker": "agent", "text": "Yes."}],
        "Answerability": ["ANSWERABLE"],
        "Question Type": ["Factoid"],
        "Collection": "govt",
    } | fields


def document(task_fields: dict[str, Any] | None = None, **fields: Any) -> str:
    said = {"a1": {"value": "4"}, "a2": {"value": 1}}
    evaluation = {"task_id": "c<::>1", "model_id": "gpt-4o", "model_response": "You may."}
    return json.dumps(
        {
            "documents": [{"document_id": "d1", "title": "Law", "text": "Law\nYes."}],
            "tasks": [task(**(task_fields or {}))],
            "evaluations": [evaluation | {"annotations": {"faithfulness": said, "RougeL": {"system": {}}}} | fields],
        }
    )


TASK = DialogueTask(
    "c<::>1",
    (Turn("user", "Can I?"),),
    (Passage("d1", "", "Law\nYes."),),
    ("Yes.",),
    "ANSWERABLE",
    ("Factoid",),
    "govt",
)


def test_what_each_annotator_said_is_kept(write: Write) -> None:
    (answer,) = mtrag_human(write("h.json", document()))
    assert answer == RatedAnswer("c<::>1|gpt-4o", TASK, "gpt-4o", "You may.", {"faithfulness": {"a1": 4, "a2": 1}})
    assert answer.mean_rating("faithfulness") == 0.5
    with pytest.raises(KeyError, match="naturalness"):
        answer.mean_rating("naturalness")
    assert (answer.task.question, answer.task.context) == ("Can I?", "Law\nYes.")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[]", "is not the human evaluation of MTRAG: expected one JSON object."),
        (document(task_id="other"), "evaluations[0]: task 'other' is not among the tasks of the file."),
        (document({"contexts": [{"document_id": "d9"}]}), "document 'd9' is not among the documents of the file."),
        (document(annotations={"faithfulness": {"a": {"value": 5}}}), "ratings go from 1 to 4, got 5."),
        (document({"input": []}), "the conversation must end with a turn of the user."),
        (document({"input": [USER, {"speaker": "agent", "text": "x"}]}), "must end with a turn of the user."),
        (document({"Answerability": []}), "expected one label of answerability, got []."),
    ],
)
def test_a_wrong_evaluation_is_named(write: Write, content: str, message: str) -> None:
    with pytest.raises(LoadError, match=rf"h\.json.*{re.escape(message)}"):
        mtrag_human(write("h.json", content))


def test_tasks_carry_their_contexts(write: Write) -> None:
    context = {"document_id": "d7", "title": "T", "text": "\nx"}
    path = write("t/reference.jsonl", task(contexts=[context], answerability=["UNANSWERABLE"]))
    (found,) = mtrag_tasks(path.parent)
    assert found.answerability == "UNANSWERABLE"
    assert found.passages == (Passage("d7", "T", "\nx"),)
    assert found.context == "T \nx"


def test_real_human_ratings_have_their_counts(data: Path) -> None:
    answers = mtrag_human(data / "mtrag")
    assert (len(answers), len({answer.task.id for answer in answers})) == (477, 159)
    ratings = [rating for answer in answers for rating in answer.ratings["faithfulness"].values()]
    assert Counter(ratings) == {4: 890, 3: 261, 2: 159, 1: 109}
    assert Counter(answer.model for answer in answers) == dict.fromkeys(
        ("reference", "llama-3.1-405b-instruct", "gpt-4o"), 159
    )
    assert len({passage.doc_id for answer in answers for passage in answer.task.passages}) == 350


def test_real_tasks_have_their_counts(data: Path) -> None:
    labels = Counter(task.answerability for task in mtrag_tasks(data / "mtrag"))
    assert labels == {"ANSWERABLE": 285, "UNANSWERABLE": 97, "UNDERSPECIFIED": 78, "PARTIAL": 47}
