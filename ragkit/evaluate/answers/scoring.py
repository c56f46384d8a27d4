"""What one answer is worth. Text is compared here and now; citations are judged for all rows together, afterwards."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from ragkit.evaluate.answers.said import Said
from ragkit.evaluate.data.answers import AnswerRow
from ragkit.evaluate.judge import Judge
from ragkit.evaluate.measures.citations import (
    MARKER,
    CitedSentence,
    JudgedSentence,
    citation_precision,
    citation_recall,
    cited_sentences,
    judge_citations,
    quote_correctness,
)
from ragkit.evaluate.measures.exact import contains, exact_match, token_f1
from ragkit.evaluate.measures.rouge import Rouge
from ragkit.evaluate.outcome import Outcome, Row, Unscored

__all__ = ["ROW_MEASURES", "bare_text", "score_answer", "score_citations"]

ROW_MEASURES = ("correct", "exact_match", "f1", "match", "rougeL", "abstained", "support", "quotes")
"""What `score_answer` gives of a row; `score_citations` adds `citation_recall` and `citation_precision`."""

_ABSTAINED = Unscored("abstained")
_UNSAID = Unscored("no prediction")
_NO_GOLD = Unscored("no gold answer")


def bare_text(text: str) -> str:
    """Give an answer without its markers such as `[1]`, white space squeezed.

    Example:
        >>> bare_text("It turns  hydrogen [1] into helium. [2]")
        'It turns hydrogen into helium.'
    """
    return " ".join(MARKER.sub("", text).split())


def score_answer(row: AnswerRow, said: Said | None, rouge: Rouge) -> Row:
    """Score one answer by its text.

    - `correct`: a gold answer is contained in the answer (normalised as in SQuAD); declined, where there is none
    - `exact_match`, `f1`: of the text without markers, a refusal counting as empty, as the SQuAD script 2.0
    - `match` (a gold answer is contained), `rougeL`: unscored where there is no gold answer
    - `support`: the mean over its sentences; `quotes`: share of citations whose quote stands at its place

    The details hold `label` (whether there is an answer), `score` (the confidence) and `right_if_answered` (whether
    the answer given, or the one it kept back, is right; null where it is not known).
    """
    details: dict[str, Any] = {"question": row.question, "gold": list(row.answers), "label": bool(row.answers)}
    if said is None:
        return Row(id=row.id, outcomes=dict.fromkeys(ROW_MEASURES, _UNSAID), details=details)
    answer = said.answer
    text = "" if answer.abstained else bare_text(answer.text)
    right = contains(text, row.answers)
    outcomes: dict[str, Outcome] = {
        "correct": float(answer.abstained) if not row.answers else right,
        "exact_match": exact_match(text, row.answers),
        "f1": token_f1(text, row.answers),
        "match": right if row.answers else _NO_GOLD,
        "rougeL": rouge.score(text, row.answers)["rougeL"] if row.answers else _NO_GOLD,
        "abstained": float(answer.abstained),
        "support": _support(said),
        "quotes": _quotes(said),
    }
    return Row(id=row.id, outcomes=outcomes, details=details | _details(row, said))


def _support(said: Said) -> Outcome:
    if said.answer.abstained:
        return _ABSTAINED
    supports = [sentence.support for sentence in said.answer.sentences]
    return sum(supports) / len(supports) if supports else Unscored("no sentences given")


def _quotes(said: Said) -> Outcome:
    if said.answer.abstained:
        return _ABSTAINED
    if said.standing is None:
        return Unscored("no documents to look quotes up in")
    return quote_correctness([(one.quote, said.standing.get(one.marker)) for one in said.answer.citations])


def _details(row: AnswerRow, said: Said) -> dict[str, Any]:
    answer = said.answer
    kept_back = bare_text(said.instead) if answer.abstained and said.instead is not None else None
    given = None if answer.abstained else bare_text(answer.text)
    meant = given if given is not None else kept_back
    known = None if meant is None else float(bool(row.answers) and bool(contains(meant, row.answers)))
    retrieved = {} if said.retrieved is None else {"retrieved": list(said.retrieved)}
    return retrieved | {
        "answer": answer.text,
        "abstained": answer.abstained,
        "reason": answer.reason,
        "instead": kept_back,
        "score": said.confidence,
        "right_if_answered": known,
        "citations": [
            {name: getattr(one, name) for name in ("marker", "doc_id", "start", "end", "quote", "support")}
            for one in answer.citations
        ]
        if said.cites
        else None,
        "sentences": [{"text": one.text, "citations": list(one.citations)} for one in answer.sentences],
    }


def score_citations(rows: Sequence[Row], judge: Judge, *, entailed_from: float = 0.5) -> list[Row]:
    """Add ALCE's `citation_recall` and `citation_precision`, with `judge` in the part of the entailment model.

    What a citation quotes is its passage. Answers without sentences of their own are cut into sentences, whose
    markers are their citations.

    Args:
        rows: As `score_answer` made them.
        judge: Is asked what decides something, in three rounds.
        entailed_from: Smallest verdict of `judge` that counts as entailed.
    """
    cited = [_cited(row.details) for row in rows]
    given = [sentences for sentences in cited if sentences is not None]
    judged = iter(judge_citations(judge, given, entailed_from=entailed_from))
    found = [
        _unjudged(row) if sentences is None else _both(next(judged), entailed_from)
        for row, sentences in zip(rows, cited, strict=True)
    ]
    return [
        dataclasses.replace(row, outcomes={**row.outcomes, "citation_recall": recall, "citation_precision": precision})
        for row, (recall, precision) in zip(rows, found, strict=True)
    ]


def _both(judged: Sequence[JudgedSentence], entailed_from: float) -> tuple[Outcome, Outcome]:
    recall = citation_recall(judged, entailed_from=entailed_from)
    return recall, citation_precision(judged, entailed_from=entailed_from)


def _unjudged(row: Row) -> tuple[Outcome, Outcome]:
    if "abstained" not in row.details:
        return _UNSAID, _UNSAID
    reason = _ABSTAINED if row.details["abstained"] else Unscored("what was cited is not known")
    return reason, reason


def _cited(details: Mapping[str, Any]) -> list[CitedSentence] | None:
    """Give the sentences of an answer with what they cite; None for a refusal, no answer, or citations unknown."""
    if details.get("abstained", True) or details["citations"] is None:
        return None
    quotes = {one["marker"].strip("[]"): one["quote"] for one in details["citations"]}
    if details["sentences"]:
        return [
            CitedSentence(one["text"], tuple(quotes.get(marker.strip("[]")) for marker in one["citations"]))
            for one in details["sentences"]
        ]
    return cited_sentences(details["answer"], quotes)
