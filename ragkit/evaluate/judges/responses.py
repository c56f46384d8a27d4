"""Responses as rows of a run: each sentence a claim, and a response as well supported as the least of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from ragkit.errors import ConfigError, InputError
from ragkit.evaluate.data.groundedness import GroundednessRow
from ragkit.evaluate.judge import Claim, Judge
from ragkit.evaluate.judges.overlap import NO_WORDS, OverlapJudge
from ragkit.evaluate.judges.units import claims_nothing, statements
from ragkit.evaluate.measures.detection import span_overlap
from ragkit.evaluate.outcome import Outcome, Row, Unscored
from ragkit.text.spans import Span

__all__ = ["Unit", "judge_responses", "judged"]

Unit: TypeAlias = Literal["sentence", "response"]
"""Whether each sentence of a response is a claim, or the response as a whole."""

_NO_CLAIMS = "no claims"


def judge_responses(
    rows: Sequence[GroundednessRow],
    judge: Judge,
    *,
    threshold: float,
    unit: Unit = "sentence",
) -> list[Row]:
    """Judge responses, all their claims in one call.

    A sentence that only says that the sources do not tell claims nothing and is not judged.

    Args:
        rows: Labelled responses.
        judge: Who judges.
        threshold: A response with less support than this is called unsupported, from 0 to 1.
        unit: What is judged at once; the whole response where it is one claim.

    Returns:
        One row per response with the outcomes `support` and `accuracy` (whether the call is right), unscored with the
        judge's reason if it failed on one claim. Details hold `label` and `predicted` (1 is unsupported), `score`
        (1 - support), each sentence's place and support, the characters marked, and the shortcuts a detector must beat.

    Raises:
        ConfigError: If the threshold is not between 0 and 1.
        InputError: If the judge gives too few or too many verdicts, or one that is not between 0 and 1.
    """
    if not 0 <= threshold <= 1:
        raise ConfigError(f"threshold must be between 0 and 1, got {threshold}.")
    parts = [_claims(row, unit) for row in rows]
    claims = [_claim(row, span) for row, spans in zip(rows, parts, strict=True) for span in spans]
    verdicts = iter(_checked(judge.judge(claims), len(claims)))
    shortcut = OverlapJudge().judge([Claim(row.response, row.context) for row in rows])
    return [
        _row(row, [_Judged(*span, outcome) for span, outcome in zip(spans, verdicts, strict=False)], plain, threshold)
        for row, spans, plain in zip(rows, parts, shortcut, strict=True)
    ]


@dataclass(frozen=True, slots=True)
class _Judged:
    """One claim of a response."""

    start: int
    """First character in the response."""
    end: int
    outcome: Outcome
    """Its support, or why there is none."""

    def as_dict(self) -> dict[str, Any]:
        """Give the claim as JSON: unscored support is null, with its reason."""
        place = {"start": self.start, "end": self.end}
        if isinstance(self.outcome, Unscored):
            return {**place, "support": None, "reason": self.outcome.reason}
        return {**place, "support": self.outcome}


def _claims(row: GroundednessRow, unit: str) -> list[Span]:
    if unit == "response":
        return [Span(0, len(row.response))] if row.response.strip() else []
    return [span for span in statements(row.response) if not claims_nothing(row.response[span.start : span.end])]


def _claim(row: GroundednessRow, span: Span) -> Claim:
    return Claim(row.response[span.start : span.end], row.context, row.question)


def _checked(verdicts: Sequence[Outcome], expected: int) -> Sequence[Outcome]:
    if len(verdicts) != expected:
        raise InputError(f"the judge gave {len(verdicts)} verdicts for {expected} claims: expected one for each.")
    wrong = [value for value in verdicts if not isinstance(value, Unscored) and not 0 <= value <= 1]
    if wrong:
        raise InputError(f"the judge gave the verdict {wrong[0]}: expected one from 0 to 1, or Unscored.")
    return verdicts


def _row(row: GroundednessRow, claims: Sequence[_Judged], overlap: Outcome, threshold: float) -> Row:
    support = _least([claim.outcome for claim in claims])
    label = not row.supported
    details: dict[str, Any] = {
        "question": row.question,
        "response": row.response,
        "label": int(label),
        "claims": [claim.as_dict() for claim in claims],
        "shortcuts": {"length": len(row.response), "overlap": None if isinstance(overlap, Unscored) else overlap},
    }
    if isinstance(support, Unscored):
        return Row(id=row.id, outcomes={"support": support, "accuracy": support}, details=details)
    predicted = support < threshold
    marked = [(claim.start, claim.end) for claim in claims if _below(claim.outcome, threshold)]
    details |= {"score": 1 - support, "predicted": int(predicted)}
    details |= {"span_characters": list(span_overlap(marked, row.spans))} if row.spans or row.supported else {}
    return Row(id=row.id, outcomes={"support": support, "accuracy": float(predicted == label)}, details=details)


def _least(outcomes: Sequence[Outcome]) -> Outcome:
    """Give the least support; a claim without words says nothing, one on which the judge failed spoils the response."""
    failed = [outcome for outcome in outcomes if isinstance(outcome, Unscored) and outcome.reason != NO_WORDS]
    if failed:
        return failed[0]
    return min((outcome for outcome in outcomes if not isinstance(outcome, Unscored)), default=Unscored(_NO_CLAIMS))


def _below(outcome: Outcome, threshold: float) -> bool:
    return not isinstance(outcome, Unscored) and outcome < threshold


def judged(rows: Iterable[Row]) -> list[Row]:
    """Give the rows that were scored."""
    return [row for row in rows if not isinstance(row.outcomes["support"], Unscored)]
