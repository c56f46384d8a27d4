from __future__ import annotations

from collections.abc import Sequence

from ragkit.evaluate.data.answers import AnswerRow
from ragkit.evaluate.robustness.cases import cases_of, holds, in_pairs, with_false_answers

CONTEXT = "Armstrong landed in 1969."
ROWS = [
    AnswerRow("1", "When did he land?", ("1969", "July 1969", "1969"), CONTEXT),
    AnswerRow("2", "Who ran?", ("Ada King",)),
    AnswerRow("3", "Who sang?", ()),
    AnswerRow("4", "Who sat?", ("Bob Stone",)),
]
FOUND = {
    "When did he land?": ["The year 1969 was hot.", CONTEXT, "The moon is far.", "Flight 19690 was late."],
    "Who ran?": ["The moon is far.", "Then ada king ran.", "He landed in 1969."],
    "Who sat?": ["Nobody sat."],
}


def retrieve(questions: Sequence[str]) -> list[list[str]]:
    return [FOUND[question] for question in questions]


def test_passages_are_told_apart_by_the_answers_they_hold() -> None:
    first, second = cases_of(ROWS, retrieve)
    assert first.positives == ((CONTEXT, "The year 1969 was hot."),)
    assert first.negatives == ("The moon is far.", "Flight 19690 was late.")
    assert first.answers == (("1969", "July 1969"),)
    assert second.id == "2"
    assert second.positives == (("Then ada king ran.",),)


def test_an_answer_stands_in_a_passage_as_whole_words() -> None:
    assert holds("In C++ and C.", ["C++"])
    assert not holds("A party.", ["art"])
    assert not holds("Anything.", ["", " "])


def test_two_questions_are_asked_as_one() -> None:
    (pair,) = in_pairs(cases_of(ROWS, retrieve))
    assert set(pair.id.split("+")) == {"1", "2"}
    assert len(pair.answers) == len(pair.positives) == 2
    assert "When did he land?" in pair.question
    assert "Who ran?" in pair.question
    assert not any("1969." in text for text in pair.negatives)


def test_false_passages_say_another_answer() -> None:
    (case,) = with_false_answers(cases_of(ROWS[:1], retrieve))
    assert case.false_answer not in {"1969", ""}
    assert case.false_positives == (
        f"Armstrong landed in {case.false_answer}.",
        f"The year {case.false_answer} was hot.",
    )


def test_an_answer_that_cannot_be_swapped_gives_no_case() -> None:
    assert list(with_false_answers(cases_of(ROWS[1:2], retrieve))) == []
