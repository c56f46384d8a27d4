from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ragkit.errors import LoadError
from ragkit.evaluate.data.answers import AnswerRow
from ragkit.evaluate.data.squad import squad

Write = Callable[..., Path]


def document(*questions: dict[str, Any]) -> str:
    paragraph = {"context": "The Normans came from Normandy.", "qas": questions}
    return json.dumps({"version": "v2.0", "data": [{"title": "Normans", "paragraphs": [paragraph]}]})


def question(**fields: Any) -> dict[str, Any]:
    return {"id": "1", "question": "From where?", "answers": [{"text": "Normandy", "answer_start": 22}]} | fields


def test_equal_answers_count_once_and_know_where_they_stand(write: Write) -> None:
    answers = [
        {"text": "Normandy", "answer_start": 22},
        {"text": "from Normandy", "answer_start": 17},
        {"text": "Normandy", "answer_start": 22},
        {"text": "elsewhere", "answer_start": 3},
    ]
    assert list(squad(write("s.json", document(question(answers=answers))))) == [
        AnswerRow(
            "1",
            "From where?",
            ("Normandy", "from Normandy", "elsewhere"),
            "The Normans came from Normandy.",
            {"title": "Normans", "starts": (22, 17, -1)},
        )
    ]


def test_an_impossible_question_has_no_answer(write: Write) -> None:
    impossible = question(is_impossible=True, answers=[], plausible_answers=[{"text": "x", "answer_start": 0}])
    assert next(squad(write("s.json", document(impossible)))).answers == ()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[]", "is not in the form of SQuAD: expected an object with a list under 'data'."),
        (document(question(id=None)), "s.json data[0] paragraphs[0] qas[0]: has no field 'id'"),
        (document(question(answers="x")), "field 'answers' must be a list of objects, got 'x'."),
        (document(question(is_impossible="no")), "field 'is_impossible' must be true or false, got 'no'."),
        (document(question(), question()), "qas[1]: the id '1' stands here a second time."),
    ],
)
def test_a_wrong_file_is_named(write: Write, content: str, message: str) -> None:
    with pytest.raises(LoadError, match=re.escape(message)):
        list(squad(write("s.json", content)))


@pytest.mark.parametrize("language", ["en", "de", "es"])
def test_real_xquad_has_its_published_count_and_offsets(data: Path, language: str) -> None:
    rows = list(squad(data / f"xquad_en/xquad.{language}.json"))
    assert len(rows) == 1190
    assert len({row.context for row in rows}) == 240
    assert all(row.context[start:].startswith(row.answers[0]) for row in rows for start in row.metadata["starts"][:1])


def test_real_covid_qa_has_234_answers_out_of_place(data: Path) -> None:
    rows = list(squad(data / "covid_qa/200423_covidQA.json"))
    assert len(rows) == 1380
    assert sum(row.metadata["starts"].count(-1) for row in rows) == 234
    assert rows[0].id == "262"
