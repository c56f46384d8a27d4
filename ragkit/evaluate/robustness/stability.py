"""What changes when a question is written otherwise: the answer, its support, and what is retrieved."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ragkit.evaluate.measures.exact import normalise, token_f1
from ragkit.evaluate.outcome import Outcome, Row, Unscored
from ragkit.evaluate.robustness.agreement import jaccard, rank_biased_overlap
from ragkit.evaluate.robustness.reading import Observed, Observer, Reading, shown
from ragkit.evaluate.robustness.rgb import is_right

__all__ = ["compare_readings", "same_answer", "stability_row"]


def stability_row(
    row_id: str,
    question: str,
    variant: str,
    observe: Observer,
    *,
    answers: Sequence[Sequence[str]] = (),
) -> Row:
    """Ask a question twice, as it is and written otherwise.

    Args:
        row_id: Of the row.
        question: As it is.
        variant: The same, written otherwise; it may be another question, to see how far answers to those agree.
        observe: The system asked.
        answers: Groups of aliases of the right answer, where it is known.

    Returns:
        Outcomes `same_answer`, `answer_f1`, `retrieval_rbo`, `retrieval_jaccard` (1 where nothing changes),
        `support_change` (of the variant, less that of the question), and with `answers` `right_change` (1, 0 or -1).
    """
    before, after = observe(question), observe(variant)
    outcomes = compare_readings(before, after)
    if answers:
        outcomes["right_change"] = _both(
            before, after, lambda one, two: is_right(two.reading.text, answers) - is_right(one.reading.text, answers)
        )
    details = {"question": question, "variant": variant, "said": [_text(before), _text(after)]}
    return Row(id=row_id, outcomes=outcomes, details=details)


def compare_readings(before: Observed | Unscored, after: Observed | Unscored) -> dict[str, Outcome]:
    """Measure how far two observations agree; see `stability_row`."""
    return {
        "same_answer": _both(before, after, lambda one, two: same_answer(one.reading, two.reading)),
        "answer_f1": _both(before, after, lambda one, two: token_f1(two.reading.text, [one.reading.text])),
        "retrieval_rbo": _both(before, after, lambda one, two: rank_biased_overlap(one.retrieved, two.retrieved)),
        "retrieval_jaccard": _both(before, after, lambda one, two: jaccard(one.retrieved, two.retrieved)),
        "support_change": _both(before, after, lambda one, two: _support_change(one.reading, two.reading)),
    }


def same_answer(one: Reading, other: Reading) -> bool:
    """Say whether two readings say the same: both decline, or their words are the same, normalised as for SQuAD."""
    if one.abstained or other.abstained:
        return one.abstained and other.abstained
    return normalise(one.text) == normalise(other.text)


def _support_change(before: Reading, after: Reading) -> float | None:
    return None if before.support is None or after.support is None else after.support - before.support


def _both(
    before: Observed | Unscored, after: Observed | Unscored, measure: Callable[[Observed, Observed], float | None]
) -> Outcome:
    for side in (before, after):
        if isinstance(side, Unscored):
            return side
    value = measure(before, after)  # type: ignore[arg-type]  # neither is unscored here
    return Unscored("the reader gives no support") if value is None else float(value)


def _text(side: Observed | Unscored) -> str | None:
    return None if isinstance(side, Unscored) else shown(side.reading)
