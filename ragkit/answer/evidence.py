"""Sentences that might answer a question, each with the numbers that tell whether it does.

A `Candidate` is an exact slice of a document. `features` gives one row per candidate; the columns are named in
`FEATURES` and weighed in `extractive.py`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ragkit.answer.question import AnswerKind, expected_kind, holds_kind, particulars, subject, wants_definition
from ragkit.encoder import Encoder
from ragkit.text.sentences import split_sentences
from ragkit.types import Hit

__all__ = ["FEATURES", "Candidate", "candidates", "features"]

FEATURES = (
    "cosine",
    "cosine_in_context",
    "chunk_cosine",
    "coverage",
    "coverage_in_context",
    "chunk_coverage",
    "kind_missing",
    "kind_held",
    "particulars_missing",
    "definition",
    "reciprocal_rank",
)
"""What `features` computes, in the order of its columns; every value lies between -1 and 1."""

_FEWEST_WORDS = 3
_HEADING = ("#", "==")  # Markdown, and what encyclopaedias leave in their text
_CODE = ("```", "~~~")
_REFERENCES = re.compile(
    r"\b(?:sources|references|bibliography|further reading|external links|see also)\W*$", re.IGNORECASE
)
_CLOSE = 3  # characters between two sentences of one paragraph: white space and perhaps a line end
_POINTS_BACK = re.compile(r"(?:It|He|She|They|This|These|Those|That|Such|His|Her|Its|Their)\b")
_LIST_MARKER = re.compile(r"(?:[-*+•]|\d{1,3}[.)])[ \t]+")


@dataclass(frozen=True, slots=True)
class Candidate:
    """One sentence of a hit."""

    hit: Hit
    """The chunk it stands in, the best ranked one where chunks overlap."""
    start: int
    """First character in the document's stored text."""
    end: int
    """One past the last."""
    text: str
    """The sentence: exactly `document_text[start:end]`."""
    before: str
    """The sentence before it in the chunk; empty at the start. Pronouns point there."""

    def leads_to(self, other: Candidate) -> bool:
        """Say whether `other` follows this sentence and opens with a word that points back to it."""
        gap = other.start - self.end
        return (
            self.hit.doc_id == other.hit.doc_id
            and 0 <= gap <= _CLOSE
            and other.before == self.text
            and bool(_POINTS_BACK.match(other.text))
        )


def candidates(hits: Sequence[Hit], contexts: Mapping[str, str]) -> list[Candidate]:
    """Split hits into the sentences that can be quoted, each once, best hit first.

    Headings, code, questions, and fragments of fewer than three words say nothing by themselves and are left out, and
    so is what stands under a heading such as `References`.

    Args:
        hits: Best first.
        contexts: Title and headings of a chunk by `chunk_id`, where it has any.
    """
    found: dict[tuple[str, int, int], Candidate] = {}
    for hit in hits:
        heading, before = contexts.get(hit.chunk_id, ""), ""
        for span in split_sentences(hit.text):
            marker = _LIST_MARKER.match(hit.text, span.start, span.end)
            start = marker.end() if marker else span.start
            text = hit.text[start : span.end]
            place = (hit.doc_id, hit.start + start, hit.start + span.end)
            if text.startswith(_HEADING):
                heading = text.splitlines()[0]
            elif _can_be_quoted(text) and not _REFERENCES.search(heading):
                found.setdefault(place, Candidate(hit, place[1], place[2], text, before))
            before = text
    return list(found.values())


def _can_be_quoted(unit: str) -> bool:
    return not unit.startswith(_CODE) and not unit.endswith("?") and len(unit.split()) >= _FEWEST_WORDS


def features(
    question: str,
    found: Sequence[Candidate],
    contexts: Mapping[str, str],
    *,
    encoder: Encoder | None,
    analyse: Callable[[str], list[str]],
    weigh: Callable[[Sequence[str]], Mapping[str, float]],
) -> NDArray[np.float64]:
    """Compute one row of `FEATURES` per candidate.

    Args:
        question: As the user wrote it.
        found: At least one candidate.
        contexts: Title and headings of a chunk by `chunk_id`, where it has any.
        encoder: Gives the cosines; without one they are 0.
        analyse: The collection's analyser, text to terms.
        weigh: Inverse document frequency of terms in the collection.

    Returns:
        Shape `(len(found), len(FEATURES))`, float64.
    """
    asked = _Question.read(question, analyse, weigh)
    cosine, in_context = _cosines(question, found, encoder)
    rows = []
    for number, candidate in enumerate(found):
        hit = candidate.hit
        context = contexts.get(hit.chunk_id, "")
        near = set(analyse(f"{context}\n{candidate.before}"))
        own = set(analyse(candidate.text))
        chunk = set(analyse(f"{context}\n{hit.text}"))
        dense = hit.arms.get("dense")
        held = holds_kind(asked.kind, candidate.text, question)
        rows.append(
            (
                cosine[number],
                in_context[number],
                dense.score if dense else cosine[number],
                asked.coverage(own),
                asked.coverage(own | near),
                asked.coverage(chunk),
                float(asked.kind != "any" and not held),
                float(asked.kind != "any" and held),
                asked.particulars_missing(chunk),
                asked.defines(candidate.text, analyse),
                1.0 / hit.rank,
            )
        )
    return np.asarray(rows, dtype=np.float64)


@dataclass(frozen=True, slots=True)
class _Question:
    text: str
    kind: AnswerKind
    weights: Mapping[str, float]
    particulars: frozenset[str]
    definition: bool

    @classmethod
    def read(
        cls, question: str, analyse: Callable[[str], list[str]], weigh: Callable[[Sequence[str]], Mapping[str, float]]
    ) -> _Question:
        terms = list(dict.fromkeys(analyse(question)))
        named = frozenset(term for name in particulars(question) for term in analyse(name))
        return cls(question, expected_kind(question), weigh(terms), named, wants_definition(question))

    def coverage(self, terms: set[str]) -> float:
        """Share of the question's terms found, each weighed by its inverse document frequency."""
        total = math.fsum(self.weights.values())
        return math.fsum(weight for term, weight in self.weights.items() if term in terms) / total if total else 0.0

    def particulars_missing(self, terms: set[str]) -> float:
        """Share of the question's names and numbers that are not there."""
        return len(self.particulars - terms) / len(self.particulars) if self.particulars else 0.0

    def defines(self, sentence: str, analyse: Callable[[str], list[str]]) -> float:
        """Say how far a wanted definition opens with what is asked: Jaccard index of its subject and the question."""
        opening = set(analyse(subject(sentence))) if self.definition else set()
        return len(opening & self.weights.keys()) / len(opening | self.weights.keys()) if opening else 0.0


def _cosines(
    question: str, found: Sequence[Candidate], encoder: Encoder | None
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    if encoder is None:
        nothing = np.zeros(len(found), dtype=np.float32)
        return nothing, nothing
    asked = encoder.encode_queries([question])[0]
    texts = [candidate.text for candidate in found]
    texts += [f"{candidate.before} {candidate.text}" if candidate.before else candidate.text for candidate in found]
    scores = encoder.encode_documents(texts) @ asked
    return scores[: len(found)], scores[len(found) :]
