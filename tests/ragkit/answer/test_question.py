from __future__ import annotations

import pytest

from ragkit.answer.question import AnswerKind, expected_kind, holds_kind, names, subject, wants_definition


@pytest.mark.parametrize(
    ("question", "kind"),
    [
        ("How many moons does Mars have?", "number"),
        ("What percentage of voters agreed?", "number"),
        ("How long is the bridge?", "number"),
        ("When did the war end?", "date"),
        ("In what year was the church built?", "date"),
        ("Who wrote the letter?", "person"),
        ("To whom was it sent?", "person"),
        ("Where was Tesla born?", "place"),
        ("In which country is Lyon?", "place"),
        ("Why is the sky blue?", "reason"),
        ("What does ALU stand for?", "expansion"),
        ("What is a bi-encoder?", "any"),
        ("Wann endete der Krieg?", "any"),
    ],
)
def test_the_question_word_tells_the_kind(question: str, kind: AnswerKind) -> None:
    assert expected_kind(question) == kind


@pytest.mark.parametrize(
    ("kind", "sentence", "question", "held"),
    [
        ("number", "Mars has two moons.", "How many moons does Mars have?", True),
        ("number", "Mars has moons.", "How many moons does Mars have?", False),
        ("date", "It ended in May 1945.", "When did it end?", True),
        ("date", "It ended badly.", "When did it end?", False),
        ("date", "In 1945 there was peace.", "What happened when in 1945?", False),
        ("person", "Neil Armstrong landed first.", "Who landed first?", True),
        ("person", "The first landing was a surprise.", "Who made The first landing?", False),
        ("place", "He was born in Smiljan.", "Where was he born?", True),
        ("place", "He was born early.", "Where was he born?", False),
        ("reason", "It is blue because of scattering.", "Why is it blue?", True),
        ("reason", "It is blue.", "Why is it blue?", False),
        ("expansion", "The Arithmetic Logic Unit (ALU) adds.", "What does the ALU stand for?", True),
        ("expansion", "ALU (arithmetic logic unit) adds.", "What does the ALU stand for?", True),
        ("expansion", "BM25 stands for Best Matching 25.", "What does BM25 stand for?", True),
        ("expansion", "The ALU adds.", "What does the ALU stand for?", False),
        ("any", "Anything.", "What is it?", True),
    ],
)
def test_a_sentence_holds_the_kind_only_with_something_new(
    kind: AnswerKind, sentence: str, question: str, held: bool
) -> None:
    assert holds_kind(kind, sentence, question) is held


def test_the_first_word_of_a_question_is_no_name() -> None:
    assert names("Did Ada Lovelace know NASA?") == ["Ada", "Lovelace", "NASA"]
    assert names("Ada Lovelace wrote.", skip_first=False) == ["Ada", "Lovelace"]


@pytest.mark.parametrize(
    ("question", "wanted"),
    [
        ("What is BM25?", True),
        ("Who was Ada Lovelace?", True),
        ("Explain dropout.", True),
        ("What does MMR mean?", True),
        ("How many layers has it?", False),
        ("When was it built?", False),
    ],
)
def test_a_definition_is_wanted_by_what_is(question: str, wanted: bool) -> None:
    assert wants_definition(question) is wanted


def test_the_subject_stands_before_the_verb_of_being() -> None:
    assert subject("The F1 score is the harmonic mean.") == "The F1 score "
    assert subject("Inverse document frequency, IDF, counts.") == "Inverse document frequency"
    assert subject("Counting works.") == ""
