"""Do the cited passages carry the sentences that cite them? Citation recall and precision as ALCE defines them.

Source: Gao et al., EMNLP 2023, and `compute_autoais` of their code, which by default reads the first three citations of
a sentence; here all are read. The paper's entailment model is TRUE (T5-11B); any `Judge` takes its place, so name it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ragkit.evaluate.judge import Claim, Judge
from ragkit.evaluate.outcome import Outcome, Unscored
from ragkit.text.sentences import split_sentences

__all__ = [
    "MARKER",
    "CitedSentence",
    "JudgedSentence",
    "citation_precision",
    "citation_recall",
    "cited_sentences",
    "judge_citations",
    "quote_correctness",
]

MARKER = re.compile(r"\s*\[(\d+(?:\s*,\s*\d+)*)\]")
"""A citation in a text: `[1]`, or `[1, 2]` for two."""

_BEHIND = re.compile(rf"([.!?]+[\"'”’)]*)((?:{MARKER.pattern})+)")


@dataclass(frozen=True, slots=True)
class CitedSentence:
    """A sentence of an answer and what it cites."""

    text: str
    """Without its markers."""
    passages: tuple[str | None, ...]
    """The text of each citation, in order; None for one that points nowhere."""

    @classmethod
    def from_text(cls, text: str, passages: Mapping[str, str]) -> CitedSentence:
        """Read markers such as `[1]` out of a sentence; one without a passage points nowhere.

        Example:
            >>> CitedSentence.from_text("It is hot [1, 7].", {"1": "The core is hot."})
            CitedSentence(text='It is hot.', passages=('The core is hot.', None))
        """
        marks = [mark.strip() for match in MARKER.finditer(text) for mark in match[1].split(",")]
        return cls(MARKER.sub("", text).strip(), tuple(passages.get(mark) for mark in marks))


def cited_sentences(text: str, passages: Mapping[str, str]) -> list[CitedSentence]:
    """Cut an answer into sentences with what each cites; a marker behind a full stop belongs to what stands before.

    Args:
        text: The answer, with its markers.
        passages: By marker, without brackets.

    Example:
        >>> [len(one.passages) for one in cited_sentences("It is hot. [1][2] It is far.", {"1": "", "2": ""})]
        [2, 0]
    """
    inside = _BEHIND.sub(lambda match: match[2] + match[1], text)
    return [CitedSentence.from_text(inside[start:end], passages) for start, end in split_sentences(inside)]


@dataclass(frozen=True, slots=True)
class JudgedSentence:
    """What entails a sentence; verdicts that ALCE does not ask for are left out."""

    citations: int
    """How many passages it cites."""
    together: Outcome
    """Whether all of them joined entail it; 0.0 without any, or if one points nowhere."""
    alone: tuple[Outcome, ...] = ()
    """Whether each passage alone does; empty for fewer than two."""
    without: tuple[Outcome, ...] = field(default=())
    """Whether the others without it do; empty for fewer than two."""
    dangling: bool = False
    """Whether a citation points nowhere: such a sentence has recall 0, and its citations are not counted."""


def citation_recall(sentences: Sequence[JudgedSentence], *, entailed_from: float = 0.5) -> Outcome:
    """Give the share of sentences that their cited passages, joined, entail.

    Args:
        sentences: Of one answer.
        entailed_from: Smallest verdict that counts as entailed.

    Returns:
        From 0 to 1. `Unscored` for an answer without sentences, and with the judge's reason if a verdict is missing.
    """
    if not sentences:
        return Unscored("no sentences")
    if (reason := _first_reason([one.together for one in sentences])) is not None:
        return reason
    return sum(_holds(one.together, entailed_from) for one in sentences) / len(sentences)


def citation_precision(sentences: Sequence[JudgedSentence], *, entailed_from: float = 0.5) -> Outcome:
    """Give the share of citations that are needed.

    A citation counts if its sentence is entailed by all its passages and either the passage alone entails it, or the
    others without it do not.

    Args:
        sentences: Of one answer.
        entailed_from: Smallest verdict that counts as entailed.

    Returns:
        From 0 to 1; 0.0 for an answer that cites nothing, as in ALCE. `Unscored` as in `citation_recall`.
    """
    if not sentences:
        return Unscored("no sentences")
    needed = [one for one in sentences if one.citations and not one.dangling]
    if (reason := _first_reason([verdict for one in needed for verdict in _asked(one, entailed_from)])) is not None:
        return reason
    counted = sum(one.citations for one in needed)
    return sum(_needed(one, entailed_from) for one in needed) / counted if counted else 0.0


def _needed(sentence: JudgedSentence, entailed_from: float) -> int:
    if not _holds(sentence.together, entailed_from):
        return 0
    if sentence.citations == 1:
        return 1
    pairs = zip(sentence.alone, sentence.without, strict=True)
    return sum(_holds(alone, entailed_from) or not _holds(without, entailed_from) for alone, without in pairs)


def _asked(sentence: JudgedSentence, entailed_from: float) -> list[Outcome]:
    """Give the verdicts that decide: not of the others where a passage alone is enough, nothing where all fail."""
    if isinstance(sentence.together, Unscored) or not _holds(sentence.together, entailed_from):
        return [sentence.together]
    pairs = zip(sentence.alone, sentence.without, strict=True)
    return [
        alone if isinstance(alone, Unscored) or _holds(alone, entailed_from) else without for alone, without in pairs
    ]


def _holds(verdict: Outcome, entailed_from: float) -> bool:
    return not isinstance(verdict, Unscored) and verdict >= entailed_from


def _first_reason(verdicts: Sequence[Outcome]) -> Unscored | None:
    return next((verdict for verdict in verdicts if isinstance(verdict, Unscored)), None)


def judge_citations(
    judge: Judge, answers: Sequence[Sequence[CitedSentence]], *, entailed_from: float = 0.5
) -> list[list[JudgedSentence]]:
    """Ask `judge` what ALCE asks, in three rounds over all answers; no claim that decides nothing is asked.

    Args:
        judge: Takes the part of the entailment model.
        answers: For each answer its sentences with what they cite.
        entailed_from: Smallest verdict that counts as entailed.
    """
    cited = [one for answer in answers for one in answer]
    whole = _ask(judge, {(place, -1): _claim(one) for place, one in enumerate(cited) if _sound(one)})
    several = {
        place: one
        for place, one in enumerate(cited)
        if len(one.passages) > 1 and _sound(one) and _holds(whole[place, -1], entailed_from)
    }
    spots = [(place, spot) for place, one in several.items() for spot in range(len(one.passages))]
    alone = _ask(judge, {(place, spot): _claim(cited[place], only=spot) for place, spot in spots})
    failed = [key for key, verdict in alone.items() if not isinstance(verdict, Unscored) and verdict < entailed_from]
    without = _ask(judge, {(place, spot): _claim(cited[place], but=spot) for place, spot in failed})
    judged = iter(
        JudgedSentence(
            citations=len(one.passages),
            together=whole.get((place, -1), 0.0),
            alone=tuple(alone[place, spot] for spot in range(len(one.passages))) if place in several else (),
            without=tuple(without.get((place, spot), 0.0) for spot in range(len(one.passages)))
            if place in several
            else (),
            dangling=None in one.passages,
        )
        for place, one in enumerate(cited)
    )
    return [[next(judged) for _ in answer] for answer in answers]


def _sound(sentence: CitedSentence) -> bool:
    return bool(sentence.passages) and None not in sentence.passages


def _claim(sentence: CitedSentence, *, only: int | None = None, but: int | None = None) -> Claim:
    kept = [
        passage or ""
        for spot, passage in enumerate(sentence.passages)
        if (only is None or spot == only) and spot != but
    ]
    return Claim(claim=sentence.text, evidence="\n".join(kept))


def _ask(judge: Judge, claims: Mapping[tuple[int, int], Claim]) -> dict[tuple[int, int], Outcome]:
    return dict(zip(claims, judge.judge(list(claims.values())), strict=True)) if claims else {}


def quote_correctness(quotes: Sequence[tuple[str, str | None]]) -> Outcome:
    """Give the share of citations whose quote stands where they say it does.

    Args:
        quotes: Per citation its quote and `text[start:end]` of the cited document, None where there is no such place.

    Returns:
        From 0 to 1; `Unscored` without citations.
    """
    if not quotes:
        return Unscored("no citations")
    return sum(quote == found for quote, found in quotes) / len(quotes)
