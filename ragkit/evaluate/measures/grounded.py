"""Answers and contexts weighed by verdicts: faithfulness, context precision and recall, noise sensitivity, relevancy.

Each measure is a function of verdicts, from 0 to 1 or `Unscored`; a missing verdict leaves the row without a number,
for a mean over the others would favour what the judge fails on. `judge_support` asks any `Judge` for the verdicts.
Definitions: RAGAS (Es et al., EACL 2024) and RAGChecker (Ru et al., NeurIPS 2024).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate

from ragkit.evaluate.judge import Claim, Judge
from ragkit.evaluate.outcome import Outcome, Unscored

__all__ = [
    "context_precision",
    "context_recall",
    "faithfulness",
    "judge_relevance",
    "judge_support",
    "noise_sensitivity",
]


def faithfulness(verdicts: Sequence[Outcome], *, supported_from: float = 0.5) -> Outcome:
    """Give the share of an answer's statements that its context supports (RAGAS: an undecided one is not supported).

    Args:
        verdicts: One per statement.
        supported_from: Smallest verdict that counts as supported.

    Returns:
        From 0 to 1; `Unscored` for an answer without statements (DeepEval gives 1) or with a missing verdict.
    """
    return _share(verdicts, supported_from, nothing="no statements")


def context_recall(verdicts: Sequence[Outcome], *, supported_from: float = 0.5) -> Outcome:
    """Give the share of the gold answer's statements that the retrieved context supports.

    Args:
        verdicts: One per statement of the gold answer.
        supported_from: Smallest verdict that counts as supported.

    Returns:
        From 0 to 1; `Unscored` for a gold answer without statements or with a missing verdict.
    """
    return _share(verdicts, supported_from, nothing="no statements in the gold answer")


def context_precision(verdicts: Sequence[Outcome], *, relevant_from: float = 0.5) -> Outcome:
    """Give the average precision of the retrieved list: are the relevant chunks at its head?

    The mean of precision@k over the ranks k that hold a relevant chunk; what was not retrieved does not count.

    Args:
        verdicts: Relevance by rank, best first.
        relevant_from: Smallest verdict that counts as relevant.

    Returns:
        From 0 to 1; 0.0 where nothing relevant was retrieved, `Unscored` with a missing verdict.
    """
    found = _flags(verdicts, relevant_from)
    if isinstance(found, Unscored):
        return found
    hits = list(accumulate(found))
    at = [hits[place] / (place + 1) for place, relevant in enumerate(found) if relevant]
    return sum(at) / len(at) if at else 0.0


def noise_sensitivity(
    correct: Sequence[Outcome],
    by_relevant: Sequence[Outcome],
    by_irrelevant: Sequence[Outcome] | None = None,
    *,
    supported_from: float = 0.5,
) -> Outcome:
    """Give the share of an answer's statements that are wrong and come from the retrieved chunks; lower is better.

    Args:
        correct: Per statement, whether the gold answer supports it.
        by_relevant: Per statement, whether a relevant chunk does.
        by_irrelevant: Per statement, whether an irrelevant chunk does; given, those count that are wrong and come from
            irrelevant chunks only.
        supported_from: Smallest verdict that counts as supported.

    Returns:
        From 0 to 1; `Unscored` without statements or with a missing verdict.
    """
    if not correct:
        return Unscored("no statements")
    right, near = _flags(correct, supported_from), _flags(by_relevant, supported_from)
    far = _flags(by_irrelevant, supported_from) if by_irrelevant is not None else [True] * len(correct)
    for flags in (right, near, far):
        if isinstance(flags, Unscored):
            return flags
    wanted = by_irrelevant is None
    triples = zip(_known(right), _known(near), _known(far), strict=True)
    return sum(not is_right and is_near is wanted and is_far for is_right, is_near, is_far in triples) / len(correct)


def judge_support(judge: Judge, statements: Sequence[Sequence[str]], contexts: Sequence[str]) -> list[list[Outcome]]:
    """Ask whether each row's context supports each of its statements, all rows in one call.

    Args:
        judge: Any.
        statements: Per row, such as the sentences of the answer.
        contexts: Per row, such as the retrieved chunks joined by blank lines.

    Returns:
        Verdicts by row and statement.
    """
    claims = [
        Claim(claim=text, evidence=context) for row, context in zip(statements, contexts, strict=True) for text in row
    ]
    verdicts = iter(judge.judge(claims) if claims else [])
    return [[next(verdicts) for _ in row] for row in statements]


def judge_relevance(
    judge: Judge, questions: Sequence[str], golds: Sequence[str], retrieved: Sequence[Sequence[str]]
) -> list[list[Outcome]]:
    """Ask of each retrieved chunk whether the gold answer could be drawn from it, all rows in one call.

    Args:
        judge: Any.
        questions: Per row.
        golds: Per row, the gold answer.
        retrieved: Per row the chunks, best first.

    Returns:
        Verdicts by row and rank, for `context_precision`.
    """
    claims = [
        Claim(claim=gold, evidence=chunk, question=question)
        for question, gold, chunks in zip(questions, golds, retrieved, strict=True)
        for chunk in chunks
    ]
    verdicts = iter(judge.judge(claims) if claims else [])
    return [[next(verdicts) for _ in chunks] for chunks in retrieved]


def _share(verdicts: Sequence[Outcome], least: float, *, nothing: str) -> Outcome:
    flags = _flags(verdicts, least)
    if isinstance(flags, Unscored):
        return flags
    return sum(flags) / len(flags) if flags else Unscored(nothing)


def _flags(verdicts: Sequence[Outcome], least: float) -> list[bool] | Unscored:
    flags = []
    for verdict in verdicts:
        if isinstance(verdict, Unscored):
            return verdict
        flags.append(verdict >= least)
    return flags


def _known(flags: list[bool] | Unscored) -> list[bool]:
    return [] if isinstance(flags, Unscored) else flags
