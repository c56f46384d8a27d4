from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from ragkit.evaluate.answers.said import Said
from ragkit.evaluate.answers.scoring import ROW_MEASURES, bare_text, score_answer, score_citations
from ragkit.evaluate.data.answers import AnswerRow
from ragkit.evaluate.judge import Claim
from ragkit.evaluate.measures.rouge import Rouge
from ragkit.evaluate.outcome import Outcome, Row, Unscored
from ragkit.types import Answer, AnswerSentence, Citation

ROW = AnswerRow("q", "Who walked first?", ("Neil Armstrong",))
IMPOSSIBLE = AnswerRow("q", "Who walked last?", ())
ROUGE = Rouge(["rougeL"])


class InIt:
    card: Mapping[str, Any] = {"judge": "in it"}

    def judge(self, claims: Sequence[Claim]) -> list[Outcome]:
        return [
            Unscored("late") if claim.claim == "late" else 0.6 * (claim.claim in claim.evidence) for claim in claims
        ]


def citation(marker: str, quote: str) -> Citation:
    return Citation(
        marker=marker, doc_id="moon", source="", page=None, start=0, end=len(quote), quote=quote, support=0.8
    )


def quoting(*sentences: str, **more: Any) -> Said:
    marks = [f"[{number}]" for number in range(1, len(sentences) + 1)]
    answer = Answer(
        question="",
        text=" ".join(f"{sentence} {mark}" for sentence, mark in zip(sentences, marks, strict=True)),
        abstained=False,
        citations=tuple(citation(mark, sentence) for sentence, mark in zip(sentences, marks, strict=True)),
        sentences=tuple(
            AnswerSentence(text=sentence, supported=True, support=0.8, citations=(mark,))
            for sentence, mark in zip(sentences, marks, strict=True)
        ),
    )
    return Said(answer=answer, **more)


def refusal(**more: Any) -> Said:
    return Said(answer=Answer(question="", text="Not there.", abstained=True, reason="not_in_documents"), **more)


def test_an_answer_that_contains_gold_is_correct_and_its_markers_do_not_count() -> None:
    said = quoting("Neil Armstrong walked.", confidence=0.8, standing={"[1]": "Neil Armstrong walked."})
    row = score_answer(ROW, said, ROUGE)
    assert row.outcomes == {
        "correct": 1.0,
        "exact_match": 0.0,
        "f1": pytest.approx(0.8),
        "match": 1.0,
        "rougeL": pytest.approx(0.8),
        "abstained": 0.0,
        "support": 0.8,
        "quotes": 1.0,
    }
    assert tuple(row.outcomes) == ROW_MEASURES
    assert row.details["right_if_answered"] == 1.0
    assert (row.details["label"], row.details["score"]) == (True, 0.8)


def test_declining_is_correct_only_where_there_is_no_answer() -> None:
    assert score_answer(IMPOSSIBLE, refusal(), ROUGE).outcomes["correct"] == 1.0
    assert score_answer(IMPOSSIBLE, quoting("Neil Armstrong."), ROUGE).outcomes["correct"] == 0.0
    declined = score_answer(ROW, refusal(), ROUGE)
    assert declined.outcomes["correct"] == 0.0
    assert declined.outcomes["f1"] == 0.0
    assert declined.outcomes["quotes"] == Unscored("abstained")
    assert declined.outcomes["support"] == Unscored("abstained")


def test_a_question_without_gold_has_no_match_and_no_rouge() -> None:
    outcomes = score_answer(IMPOSSIBLE, refusal(), ROUGE).outcomes
    assert outcomes["match"] == outcomes["rougeL"] == Unscored("no gold answer")


@pytest.mark.parametrize(
    ("row", "said", "known"),
    [
        (ROW, refusal(instead="Neil Armstrong [1] it was.", confidence=0.1), 1.0),
        (ROW, refusal(instead="", confidence=0.0), 0.0),
        (ROW, refusal(confidence=0.1), None),
        (IMPOSSIBLE, refusal(instead="Neil Armstrong."), 0.0),
        (IMPOSSIBLE, quoting("Neil Armstrong."), 0.0),
    ],
)
def test_what_a_refusal_kept_back_is_judged_too(row: AnswerRow, said: Said, known: float | None) -> None:
    assert score_answer(row, said, ROUGE).details["right_if_answered"] == known


def test_a_missing_prediction_is_unscored_throughout() -> None:
    row = score_answer(ROW, None, ROUGE)
    assert set(row.outcomes.values()) == {Unscored("no prediction")}
    [judged] = score_citations([row], InIt())
    assert judged.outcomes["citation_recall"] == Unscored("no prediction")


def test_a_quote_that_does_not_stand_at_its_place_is_seen() -> None:
    said = quoting("Neil Armstrong walked.", standing={"[1]": "Buzz Aldrin walked."})
    assert score_answer(ROW, said, ROUGE).outcomes["quotes"] == 0.0
    nobody_looks = quoting("Neil Armstrong walked.")
    assert score_answer(ROW, nobody_looks, ROUGE).outcomes["quotes"] == Unscored("no documents to look quotes up in")


def citations_of(said: Said, **options: Any) -> tuple[Outcome, Outcome]:
    [row] = score_citations([score_answer(ROW, said, ROUGE)], InIt(), **options)
    return row.outcomes["citation_recall"], row.outcomes["citation_precision"]


def test_citations_are_judged_by_what_they_quote() -> None:
    assert citations_of(quoting("One walked.", "Two flew.")) == (1.0, 1.0)
    assert citations_of(quoting("One walked.", "Two flew."), entailed_from=0.7) == (0.0, 0.0)
    assert citations_of(quoting("One walked.", "late")) == (Unscored("late"), Unscored("late"))
    assert citations_of(refusal()) == (Unscored("abstained"), Unscored("abstained"))


def test_an_answer_in_one_piece_is_cut_into_sentences_with_their_markers() -> None:
    answer = Answer(
        question="",
        text="One walked [1]. Two flew [2]. Three sat.",
        abstained=False,
        citations=(citation("[1]", "One walked. It is known."), citation("2", "Nobody flew.")),
    )
    recall, precision = citations_of(Said(answer=answer))
    assert (recall, precision) == (pytest.approx(1 / 3), 0.5)


def test_rows_keep_their_order_and_other_measures() -> None:
    rows = [
        score_answer(ROW, refusal(), ROUGE),
        Row(id="2", outcomes={"x": 1.0}, details=score_answer(ROW, quoting("A."), ROUGE).details),
    ]
    judged = score_citations(rows, InIt())
    assert [row.id for row in judged] == ["q", "2"]
    assert judged[1].outcomes == {"x": 1.0, "citation_recall": 1.0, "citation_precision": 1.0}


def test_bare_text_has_no_markers() -> None:
    assert bare_text("The core [1] is\n hot [12]. [a] stays") == "The core is hot. [a] stays"


def test_what_nobody_said_of_citations_is_unscored_and_not_zero() -> None:
    row = score_answer(ROW, quoting("Neil Armstrong.", cites=False), ROUGE)
    assert row.details["citations"] is None
    (scored,) = score_citations([row], InIt())
    assert scored.outcomes["citation_recall"] == Unscored("what was cited is not known")
    assert scored.outcomes["citation_precision"] == Unscored("what was cited is not known")
