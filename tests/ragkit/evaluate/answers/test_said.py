from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

import ragkit
from ragkit.errors import InputError, LoadError
from ragkit.evaluate.answers.said import CollectionAnswers, Predictions
from ragkit.evaluate.data.answers import AnswerRow
from ragkit.settings import Settings
from ragkit.types import Answer, Citation

DOCUMENTS = {
    "moon.txt": "The Moon orbits the Earth in 27.3 days. Neil Armstrong was the first person to walk on the Moon.\n",
    "sun.txt": "The Sun turns hydrogen into helium in its core.\n",
}
WALKED = AnswerRow("walked", "Who was the first person to walk on the Moon?", ("Neil Armstrong",))
UNKNOWN = AnswerRow("unknown", "Which fee does the harbour master of Rotterdam charge?", ())


@pytest.fixture(scope="module")
def rag(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ragkit.Rag]:
    folder = tmp_path_factory.mktemp("said")
    for name, text in DOCUMENTS.items():
        (folder / name).write_text(text, encoding="utf-8")
    with ragkit.open(folder / "store", settings=Settings(cache=folder / "cache")) as rag:
        rag.sync([folder / name for name in DOCUMENTS])
        yield rag


def predictions(tmp_path: Path, *lines: object) -> Predictions:
    path = tmp_path / "predictions.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return Predictions(path)


def test_an_answer_of_a_collection_comes_with_its_confidence_and_what_stands_at_its_quotes(rag: ragkit.Rag) -> None:
    said = CollectionAnswers(rag).to(WALKED)
    assert not said.answer.abstained
    assert said.confidence == max(sentence.support for sentence in said.answer.sentences)
    assert said.standing == {citation.marker: citation.quote for citation in said.answer.citations}
    assert said.instead is None
    assert said.retrieved is not None
    assert DOCUMENTS["moon.txt"].strip() in said.retrieved


def test_a_refusal_says_what_it_kept_back(rag: ragkit.Rag) -> None:
    said = CollectionAnswers(rag).to(UNKNOWN)
    assert said.answer.abstained
    assert said.instead
    assert said.confidence is not None
    assert said.confidence < rag.answerer.model.threshold


def test_a_filter_takes_documents_away(rag: ragkit.Rag) -> None:
    without = CollectionAnswers(rag, where=lambda row: {"doc_id": {"!=": "moon.txt"}}).to(WALKED)
    assert without.answer.abstained
    assert "Armstrong" not in (without.instead or "")


class Stale(ragkit.Rag):
    """Answers with a quote from a document that another process has deleted since."""

    def ask(self, question: str, *, where: str | Mapping[str, Any] | None = None) -> Answer:
        cited = Citation(marker="[1]", doc_id="gone.txt", source="", page=None, start=0, end=2, quote="It", support=0.9)
        return Answer(question=question, text="It [1]", abstained=False, citations=(cited,))


def test_a_quote_from_a_document_that_is_gone_stands_nowhere(rag: ragkit.Rag) -> None:
    said = CollectionAnswers(Stale(rag.collection)).to(WALKED)
    assert said.standing == {"[1]": None}


def test_nothing_retrieved_is_kept_back_as_nothing(rag: ragkit.Rag) -> None:
    said = CollectionAnswers(rag, where=lambda row: {"doc_id": "no such document"}).to(WALKED)
    assert (said.answer.abstained, said.instead, said.confidence) == (True, "", 0.0)


def test_the_card_changes_with_the_documents(tmp_path: Path, rag: ragkit.Rag) -> None:
    card = CollectionAnswers(rag).card
    assert card == json.loads(json.dumps(card))
    assert card["answerer"] == "extractive"
    (tmp_path / "one.txt").write_text("Another document.", encoding="utf-8")
    with ragkit.open(tmp_path / "store", settings=Settings(cache=tmp_path / "cache")) as other:
        other.sync(tmp_path / "one.txt")
        assert CollectionAnswers(other).card["documents"] != card["documents"]
        assert CollectionAnswers(other).card["support"] == card["support"]


def test_predictions_are_read_as_ask_prints_them(tmp_path: Path, rag: ragkit.Rag) -> None:
    asked = rag.ask(WALKED.question)
    said = predictions(tmp_path, {"id": "walked", **asked.as_dict(), "confidence": 0.9}).to(WALKED)
    assert said is not None
    assert said.answer.text == asked.text
    assert said.answer.citations == tuple(asked.citations)
    assert said.answer.sentences == asked.sentences
    assert (said.confidence, said.instead, said.standing, said.retrieved) == (0.9, None, None, None)


def test_predictions_may_say_what_was_retrieved(tmp_path: Path) -> None:
    said = predictions(tmp_path, {"id": "walked", "text": "x", "retrieved": ["best", "next"]}).to(WALKED)
    assert said is not None
    assert said.retrieved == ("best", "next")


def test_an_empty_prediction_is_a_refusal_and_a_missing_one_is_none(tmp_path: Path) -> None:
    read = predictions(tmp_path, {"_id": "walked", "answer": " ", "instead": "Buzz Aldrin", "confidence": 0})
    said = read.to(WALKED)
    assert said is not None
    assert (said.answer.abstained, said.instead, said.confidence) == (True, "Buzz Aldrin", 0)
    assert read.to(UNKNOWN) is None
    assert read.card == {"answerer": "predictions"}


def test_predictions_of_squad_are_one_object(tmp_path: Path) -> None:
    path = tmp_path / "predictions.json"
    path.write_text(json.dumps({"walked": "Armstrong", "unknown": ""}), encoding="utf-8")
    read = Predictions(path)
    walked, unknown = read.to(WALKED), read.to(UNKNOWN)
    assert walked is not None
    assert unknown is not None
    assert (walked.answer.text, walked.answer.abstained) == ("Armstrong", False)
    assert unknown.answer.abstained


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ({"id": "a"}, r"predictions.jsonl:1: has no field 'text' or 'answer' or 'prediction'"),
        ({"id": "a", "text": "x", "abstained": "no"}, "field 'abstained' must be true or false, got 'no'"),
        ({"id": "a", "text": "x", "confidence": 2}, "field 'confidence' must be a number from 0 to 1, got 2"),
        ({"id": "a", "text": "x", "confidence": True}, "field 'confidence' must be a number from 0 to 1, got True"),
        ({"id": "a", "text": "x", "citations": [{"marker": "[1]"}]}, "has no field 'quote'"),
        (
            {"id": "a", "text": "x", "sentences": [{"text": "x", "support": "high"}]},
            "field 'support' must be a number, got 'high'",
        ),
    ],
)  # fmt: skip
def test_a_wrong_line_is_named(tmp_path: Path, line: object, message: str) -> None:
    with pytest.raises(LoadError, match=message):
        predictions(tmp_path, line)


def test_a_second_answer_to_a_question_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LoadError, match=r"jsonl:2: the answer to 'a' stands here a second time"):
        predictions(tmp_path, {"id": "a", "text": "x"}, {"id": "a", "text": "y"})


def test_another_json_document_is_no_predictions_file(tmp_path: Path) -> None:
    path = tmp_path / "predictions.json"
    path.write_text('{"a": 1}', encoding="utf-8")
    with pytest.raises(LoadError, match="expected one JSON object of texts by question id"):
        Predictions(path)


def test_predictions_of_other_questions_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "predictions.json"
    path.write_text('{"x9": "Armstrong"}', encoding="utf-8")
    with pytest.raises(InputError, match=r"answers none of the 1 questions: its ids are such as 'x9', .* such as 'q1'"):
        Predictions(path).check([AnswerRow("q1", "Who?", ())])
    Predictions(path).check([AnswerRow("q1", "Who?", ()), AnswerRow("x9", "Who?", ())])
