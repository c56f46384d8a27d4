"""The values that travel between rooms: `Hit`, `Citation`, `Answer`.

Offsets count Unicode code points of a document's stored text, so that `text[start:end]` is the quoted slice.
Scores are higher-is-better and order the hits of one query only; ranks count from 1.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import date, datetime
from typing import Any, TypeAlias

__all__ = ["Answer", "AnswerSentence", "ArmScore", "Citation", "Hit", "MetadataValue"]

MetadataValue: TypeAlias = (
    "str | int | float | bool | date | datetime | list[MetadataValue] | dict[str, MetadataValue] | None"
)
"""What a document's metadata may hold; dates are stored as ISO 8601 text."""


@dataclass(frozen=True, slots=True)
class ArmScore:
    """What one retrieval arm said of a hit, before fusion."""

    score: float
    """The arm's raw score: cosine in [-1, 1], or BM25 >= 0."""
    rank: int
    """Rank in that arm's own list, from 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """One retrieved chunk.

    Example:
        >>> Hit(doc_id="a", score=0.5, rank=1).doc_id
        'a'
    """

    doc_id: str
    """The document, unique in its collection."""
    score: float
    """Higher is better; comes from the last step of the retrieval, comparable within one query only."""
    rank: int
    """From 1."""
    chunk_id: str = ""
    """The chunk, unique in its collection."""
    text: str = ""
    """The chunk: exactly `document_text[start:end]`."""
    source: str = ""
    """Where the document came from: the path as it was given, or what the caller said."""
    title: str = ""
    """The document's title; empty where it has none."""
    start: int = 0
    """First character of the chunk in the document's stored text."""
    end: int = 0
    """One past the last character."""
    page: int | None = None
    """Page on which the chunk starts, from 1; None where the format has no pages."""
    metadata: Mapping[str, Any] = field(default_factory=dict)
    """The document's metadata."""
    arms: Mapping[str, ArmScore] = field(default_factory=dict)
    """Raw score and rank per arm (`"dense"`, `"bm25"`); an arm that did not find the chunk is absent."""

    def as_dict(self) -> dict[str, Any]:
        """Give the hit as the JSON of `ragkit search --json`."""
        return {
            "rank": self.rank,
            "score": self.score,
            "doc_id": self.doc_id,
            "chunk_id": self.chunk_id,
            "source": self.source,
            "title": self.title,
            "start": self.start,
            "end": self.end,
            "page": self.page,
            "text": self.text,
            "metadata": dict(self.metadata),
            "arms": {name: asdict(arm) for name, arm in self.arms.items()},
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Citation:
    """A quote that stands in a document: `text[start:end] == quote`, always."""

    marker: str
    """The marker in the answer's text, such as `[1]`."""
    doc_id: str
    """The document quoted."""
    source: str
    """Where the document came from."""
    page: int | None
    """Page on which the quote starts, from 1; None where the format has no pages."""
    start: int
    """First character of the quote in the document's stored text."""
    end: int
    """One past the last character."""
    quote: str
    """The quoted slice, unchanged."""
    support: float
    """How well the quote supports the sentence that cites it, a fraction from 0 to 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerSentence:
    """One sentence of an answer and whether the sources support it."""

    text: str
    """The sentence, without its markers."""
    supported: bool
    """Whether `support` reaches the answerer's threshold."""
    support: float
    """A fraction from 0 to 1."""
    citations: tuple[str, ...] = ()
    """Markers of the citations that support it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What was asked, what can be said from the documents, and where it stands in them."""

    question: str
    """The question as the user wrote it."""
    text: str
    """The answer with its markers; when abstained, a sentence that says so."""
    abstained: bool
    """True when the documents do not answer the question."""
    reason: str | None = None
    """Why it abstained, one of `ragkit.answer.REASONS`; None for an answer."""
    citations: tuple[Citation, ...] = ()
    """In order of their markers."""
    sentences: tuple[AnswerSentence, ...] = ()
    """In the order of `text`."""
    usage: Mapping[str, int] = field(default_factory=dict)
    """Tokens in and out of a model; zeros where no model was asked."""
    timings: Mapping[str, float] = field(default_factory=dict)
    """Seconds per step: `retrieve_s`, `answer_s`, `total_s`."""

    def as_dict(self) -> dict[str, Any]:
        """Give the answer as the JSON of `ragkit ask --json`."""
        return {
            "question": self.question,
            "text": self.text,
            "abstained": self.abstained,
            "reason": self.reason,
            "citations": [asdict(citation) for citation in self.citations],
            "sentences": [{**asdict(sentence), "citations": list(sentence.citations)} for sentence in self.sentences],
            "usage": dict(self.usage),
            "timings": dict(self.timings),
        }
