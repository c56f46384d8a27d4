from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import ragkit
from ragkit.answer.evidence import FEATURES
from ragkit.answer.extractive import ExtractiveAnswerer, SupportModel
from ragkit.answer.reasons import REASONS
from ragkit.errors import ConfigError, InputError, WhereError
from ragkit.settings import Settings


@pytest.mark.parametrize(
    ("question", "quote"),
    [
        ("Who was the first person to walk on the Moon?", "Neil Armstrong was the first person to walk on the Moon."),
        ("In how many days does the Moon orbit the Earth?", "The Moon orbits the Earth in 27.3 days."),
        ("What is the F1 score?", "The F1 score is the harmonic mean of precision and recall."),
        ("What does the Sun turn hydrogen into?", "The Sun turns hydrogen into helium\nin its core."),
    ],
)
def test_the_sentence_that_answers_comes_first(rag: ragkit.Rag, question: str, quote: str) -> None:
    answer = rag.ask(question)
    assert not answer.abstained
    assert answer.citations[0].quote == quote


def test_every_citation_is_an_exact_slice(rag: ragkit.Rag) -> None:
    for question in ("Who walked on the Moon?", "What does the Sun turn hydrogen into?", "What is the F1 score?"):
        for citation in rag.ask(question).citations:
            assert rag.collection.text(citation.doc_id, citation.start, citation.end) == citation.quote


def test_what_a_pronoun_points_to_is_quoted_before_it(rag: ragkit.Rag) -> None:
    quotes = [citation.quote for citation in rag.ask("In which month and year was the landing?").citations]
    assert quotes[:2] == ["Neil Armstrong was the first person to walk on the Moon.", "He landed in July 1969."]


def test_line_wraps_are_undone_in_the_answer_and_kept_in_the_quote(rag: ragkit.Rag) -> None:
    answer = rag.ask("What does the Sun turn hydrogen into?")
    assert "into helium in its core. [1]" in answer.text
    assert "helium\nin" in answer.citations[0].quote


def test_list_markers_are_not_quoted(rag: ragkit.Rag) -> None:
    answer = rag.ask("What does micro F1 count?")
    assert answer.citations[0].quote == "Micro F1 counts every decision once."


def test_markers_number_the_citations_and_the_sentences_name_them(rag: ragkit.Rag) -> None:
    answer = rag.ask("Who was the first person to walk on the Moon and when did he land?")
    assert [citation.marker for citation in answer.citations] == [f"[{n + 1}]" for n in range(len(answer.citations))]
    assert [sentence.citations for sentence in answer.sentences] == [(c.marker,) for c in answer.citations]
    assert answer.text == " ".join(f"{s.text} {s.citations[0]}" for s in answer.sentences)


def test_support_is_a_fraction_and_the_best_reaches_the_threshold(rag: ragkit.Rag) -> None:
    answer = rag.ask("Who was the first person to walk on the Moon?")
    supports = [citation.support for citation in answer.citations]
    assert supports
    assert all(0.0 <= support <= 1.0 for support in supports)


def test_a_sentence_that_only_explains_a_pronoun_is_not_called_supported(rag: ragkit.Rag) -> None:
    strict = SupportModel(weights=rag.answerer.model.weights, bias=rag.answerer.model.bias, threshold=0.5)
    answerer = ExtractiveAnswerer(collection=rag.collection, model=strict)
    question = "When did he land, in which month of 1969?"
    answer = answerer.answer(question, rag.search(question))
    assert [sentence.supported for sentence in answer.sentences] == [
        sentence.support >= 0.5 for sentence in answer.sentences
    ]


@pytest.mark.parametrize(
    "question", ["How much is a train ticket from Paris to Berlin?", "Who won the chess championship?", "xyzzy plugh"]
)
def test_what_is_not_there_is_declined(rag: ragkit.Rag, question: str) -> None:
    answer = rag.ask(question)
    assert (answer.abstained, answer.reason, answer.citations) == (True, "not_in_documents", ())
    assert answer.text == REASONS["not_in_documents"]


def test_the_same_question_gets_the_same_answer(rag: ragkit.Rag) -> None:
    one, two = rag.ask("What raises the tides?"), rag.ask("What raises the tides?")
    assert (one.text, one.citations) == (two.text, two.citations)


def test_a_filter_narrows_what_is_read(rag: ragkit.Rag) -> None:
    assert rag.ask("Who was the first person to walk on the Moon?", where="year < 2000").reason == "nothing_retrieved"
    assert not rag.ask("Who was the first person to walk on the Moon?", where={"year": 2021}).abstained


def test_an_unknown_field_is_named(rag: ragkit.Rag) -> None:
    with pytest.raises(WhereError, match="did you mean 'year'"):
        rag.ask("Who?", where="yaer = 1")


def test_an_empty_collection_says_so(tmp_path: Path, settings: Settings) -> None:
    with ragkit.open(tmp_path / "store", settings=settings) as empty:
        assert empty.ask("What is BM25?").reason == "empty_collection"


def test_an_empty_question_is_refused(rag: ragkit.Rag) -> None:
    with pytest.raises(InputError, match="the question is empty"):
        rag.ask("  ")


def test_without_an_embedding_model_words_answer_alone(rag: ragkit.Rag) -> None:
    with ragkit.Collection.open(rag.collection.folder, read_only=True) as words:
        answer = ragkit.Rag(words).ask("Who was the first person to walk on the Moon?")
    assert answer.citations[0].quote == "Neil Armstrong was the first person to walk on the Moon."


def test_usage_and_timings_are_there(rag: ragkit.Rag) -> None:
    answer = rag.ask("What raises the tides?")
    assert answer.usage == {"input_tokens": 0, "output_tokens": 0, "total_tokens": 0}
    assert list(answer.timings) == ["retrieve_s", "answer_s", "total_s"]
    assert answer.timings["total_s"] >= answer.timings["answer_s"] > 0


def test_a_model_of_other_features_is_refused() -> None:
    with pytest.raises(ConfigError, match="the support model weighs luck; this version computes cosine"):
        SupportModel.from_json({"bias": 0.0, "threshold": 0.5, "weights": {"luck": 1.0}})


@pytest.mark.parametrize("vectors", [True, False])
def test_the_packaged_models_weigh_what_is_computed(vectors: bool) -> None:
    model = SupportModel.packaged(vectors=vectors)
    assert len(model.weights) == len(FEATURES)
    assert 0.0 < model.threshold < 1.0


def test_support_is_the_logistic_function() -> None:
    model = SupportModel(weights=(2.0, 0.0), bias=-1.0, threshold=0.5)
    assert model.support(np.asarray([[0.5, 9.0], [1.0, 9.0]])) == pytest.approx([0.5, 0.731059], abs=1e-6)


def test_one_sentence_can_be_asked_for(rag: ragkit.Rag) -> None:
    short = ExtractiveAnswerer(collection=rag.collection, model=rag.answerer.model, max_sentences=1)
    question = "Who was the first person to walk on the Moon?"
    assert len(short.answer(question, rag.search(question)).citations) == 1


def test_an_answer_is_json(rag: ragkit.Rag) -> None:
    assert json.loads(json.dumps(rag.ask("What raises the tides?").as_dict()))["question"] == "What raises the tides?"
