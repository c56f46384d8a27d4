"""The extractive answerer: quotes the sentences that answer, or says that they are not there.

No model writes anything: every sentence of the answer is an exact slice of a document. Each candidate sentence gets a
support, the probability that it answers, from a logistic model over the features of `evidence.py`; its few numbers are
read from `support.json`, which `python -m evals.extractive --fit` writes. Below the threshold the answer is withheld.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ragkit.answer.evidence import FEATURES, Candidate, candidates, features
from ragkit.answer.reasons import EMPTY_COLLECTION, NOT_IN_DOCUMENTS, NOTHING_RETRIEVED, REASONS
from ragkit.errors import ConfigError, DocumentNotFoundError
from ragkit.store.records import page_at
from ragkit.types import Answer, AnswerSentence, Citation, Hit

if TYPE_CHECKING:
    from ragkit.store.collection import Collection

__all__ = ["ExtractiveAnswerer", "SupportModel"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SupportModel:
    """Logistic model of "this sentence answers the question"."""

    weights: tuple[float, ...]
    """One per name in `ragkit.answer.evidence.FEATURES`."""
    bias: float
    """Log odds where every feature is 0."""
    threshold: float
    """Support below which the answer is withheld, a fraction from 0 to 1."""

    @classmethod
    def packaged(cls, *, vectors: bool = True) -> SupportModel:
        """Read the model that ships with ragkit; without `vectors`, the one that sees words alone."""
        return _packaged("vectors" if vectors else "words")

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> SupportModel:
        """Read a model from one entry of a `support.json`.

        Raises:
            ConfigError: If it weighs other features than this version computes.
        """
        if tuple(document["weights"]) != FEATURES:
            raise ConfigError(
                f"the support model weighs {', '.join(document['weights'])}; this version computes "
                f"{', '.join(FEATURES)}: fit it again."
            )
        return cls(weights=tuple(document["weights"].values()), bias=document["bias"], threshold=document["threshold"])

    def support(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        """Give the probability of each row of features: shape `(n,)`, from 0 to 1."""
        logits = rows @ np.asarray(self.weights) + self.bias
        return np.asarray(1.0 / (1.0 + np.exp(-logits)))


@cache
def _packaged(kind: str) -> SupportModel:
    return SupportModel.from_json(json.loads((files("ragkit.answer") / "support.json").read_bytes())[kind])


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtractiveAnswerer:
    """Answers from hits by quoting sentences.

    Answers come back without timings; `Rag.ask` adds them.
    """

    collection: Collection
    """Where the hits come from."""
    model: SupportModel
    """Weighs the evidence."""
    pool: int = 10
    """Chunks to read."""
    max_sentences: int = 3
    """Longest answer."""
    ratio: float = 0.4
    """A further sentence needs at least this share of the best one's support."""

    def answer(self, question: str, hits: Sequence[Hit]) -> Answer:
        """Quote the sentences of `hits` that answer `question`, or abstain with a reason.

        The sentence with the most support comes first; where it opens with a pronoun, the one before it goes ahead.
        """
        if not len(self.collection):
            return _abstention(question, EMPTY_COLLECTION)
        found, support = self.weigh(question, hits)
        if not found:
            return _abstention(question, NOTHING_RETRIEVED)
        if support.max() < self.model.threshold:
            return _abstention(question, NOT_IN_DOCUMENTS)
        chosen = [pair for pair in self._pick(found, support) if self._stands(pair[0])]
        return self._quote(question, chosen) if chosen else _abstention(question, NOTHING_RETRIEVED)

    def weigh(self, question: str, hits: Sequence[Hit]) -> tuple[list[Candidate], NDArray[np.float64]]:
        """Give every candidate sentence with its support, shape `(n,)`."""
        found, rows = self.evidence(question, hits)
        return found, self.model.support(rows)

    def evidence(self, question: str, hits: Sequence[Hit]) -> tuple[list[Candidate], NDArray[np.float64]]:
        """Give every candidate sentence with its features, shape `(n, len(FEATURES))`."""
        contexts = self.collection.contexts({hit.chunk_id for hit in hits})
        found = candidates(hits, contexts)
        if not found:
            return [], np.empty((0, len(FEATURES)))
        rows = features(
            question,
            found,
            contexts,
            encoder=self.collection.encoder,
            analyse=self.collection.analyser,
            weigh=self.collection.inverse_document_frequencies,
        )
        return found, rows

    def _pick(self, found: Sequence[Candidate], support: NDArray[np.float64]) -> list[tuple[Candidate, float]]:
        """Choose the best sentence and those nearly as good, best first; what `He` or `It` points to goes before it."""
        pairs = [(found[index], float(support[index])) for index in np.argsort(-support, kind="stable")]
        floor = max(self.model.threshold, self.ratio * pairs[0][1])
        chosen: dict[str, tuple[Candidate, float]] = {}
        for pair in pairs:
            if pair[1] >= floor and len(chosen) < self.max_sentences:
                chosen.setdefault(_flat(pair[0].text), pair)
        best, *others = chosen.values()
        antecedent = next((pair for pair in pairs if pair[0].leads_to(best[0])), None)
        if antecedent is None or self.max_sentences == 1:
            return [best, *others]
        rest = [pair for pair in others if _flat(pair[0].text) != _flat(antecedent[0].text)]
        return [antecedent, best, *rest][: self.max_sentences]

    def _stands(self, candidate: Candidate) -> bool:
        """Say whether the quote still stands in its document: another process may have changed it since the search."""
        try:
            stored = self.collection.text(candidate.hit.doc_id, candidate.start, candidate.end)
        except DocumentNotFoundError:
            return False
        return stored == candidate.text

    def _quote(self, question: str, chosen: Sequence[tuple[Candidate, float]]) -> Answer:
        citations, sentences = [], []
        for number, (candidate, support) in enumerate(chosen, start=1):
            marker, hit = f"[{number}]", candidate.hit
            citations.append(
                Citation(
                    marker=marker,
                    doc_id=hit.doc_id,
                    source=hit.source,
                    page=page_at(self.collection.get(hit.doc_id).pages, candidate.start),
                    start=candidate.start,
                    end=candidate.end,
                    quote=candidate.text,
                    support=round(support, 4),
                )
            )
            text = _flat(candidate.text)
            sentences.append(
                AnswerSentence(
                    text=text, supported=support >= self.model.threshold, support=round(support, 4), citations=(marker,)
                )
            )
        text = " ".join(f"{sentence.text} {sentence.citations[0]}" for sentence in sentences)
        return Answer(
            question=question, text=text, abstained=False, citations=tuple(citations), sentences=tuple(sentences)
        )


def _abstention(question: str, reason: str) -> Answer:
    return Answer(question=question, text=REASONS[reason], abstained=True, reason=reason)


def _flat(text: str) -> str:
    """Undo line wraps: an answer is read, its quote is compared."""
    return " ".join(text.split())
