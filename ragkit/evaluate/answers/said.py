"""What a system said to a question: asked of a collection, or read from a file of predictions."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from ragkit.errors import DocumentNotFoundError, InputError, LoadError, shorten
from ragkit.evaluate.data.records import Record, json_document, json_records
from ragkit.types import Answer, AnswerSentence, Citation

if TYPE_CHECKING:
    from ragkit.answer.rag import Rag
    from ragkit.evaluate.data.answers import AnswerRow

__all__ = ["Answers", "CollectionAnswers", "Predictions", "Said"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """An answer, with what an evaluation must know besides."""

    answer: Answer
    confidence: float | None = None
    """How sure the system was that its answer would be right, given or not: from 0 to 1; None where it did not say."""
    instead: str | None = None
    """What it would have answered had it not abstained, empty for nothing at all; None where that is not known."""
    standing: Mapping[str, str | None] | None = field(default=None)
    """By marker, what stands at the cited place (None: no such document); None where nobody can look."""
    retrieved: tuple[str, ...] | None = None
    """The passages that the answer was to come from, best first; None where they are not known."""
    cites: bool = True
    """Whether it is known what the answer cites, be it nothing."""


class Answers(Protocol):
    """Whoever answers the questions of a run."""

    @property
    def card(self) -> Mapping[str, Any]:
        """What decides the answers, as JSON: part of what makes a run this run."""
        ...

    def to(self, row: AnswerRow) -> Said | None:
        """Answer one question; None where there is no answer at hand, not even a refusal."""
        ...


class CollectionAnswers:
    """Answers of a collection, as `Rag.ask` gives them.

    A question that is declined is answered a second time without the threshold: the best sentence's support is the
    confidence, and the risk at every coverage can be told.
    """

    def __init__(self, rag: Rag, *, where: Callable[[AnswerRow], Mapping[str, Any] | None] = lambda row: None) -> None:
        """Ask `rag`.

        Args:
            rag: Open while questions are asked.
            where: Gives the filter of the documents that may answer a row.
        """
        self._rag = rag
        self._where = where
        answerer = rag.answerer
        self._always = dataclasses.replace(answerer, model=dataclasses.replace(answerer.model, threshold=0.0))

    @property
    def card(self) -> Mapping[str, Any]:
        """The documents as one sha256, how they were cut and embedded, and the answerer's parameters."""
        collection, answerer = self._rag.collection, self._rag.answerer
        contents = sorted((doc_id, content) for doc_id, (_, content) in collection.fingerprints().items())
        manifest = collection.manifest
        return {
            "documents": hashlib.sha256(json.dumps(contents).encode()).hexdigest(),
            "chunker": dict(manifest.chunker),
            "analyser": manifest.analyser.name,
            "embeddings": [manifest.card.model, manifest.card.revision] if manifest.card else None,
            "answerer": "extractive",
            "support": {**dataclasses.asdict(answerer.model), "weights": list(answerer.model.weights)},
            "pool": answerer.pool,
            "max_sentences": answerer.max_sentences,
            "ratio": answerer.ratio,
        }

    def to(self, row: AnswerRow) -> Said:
        """Ask the collection; always gives an answer or a refusal."""
        where, rag = self._where(row), self._rag
        answer = rag.ask(row.question, where=where)
        # `ask` does not tell what it read: the same search finds the same.
        mode = "hybrid" if rag.collection.encoder is not None else "bm25"
        hits = rag.search(row.question, k=rag.answerer.pool, mode=mode, where=where)
        retrieved = tuple(hit.text for hit in hits)
        if not answer.abstained:
            standing = {citation.marker: self._slice(citation) for citation in answer.citations}
            return Said(answer=answer, confidence=_best_support(answer), standing=standing, retrieved=retrieved)
        forced = self._always.answer(row.question, hits)
        said = "" if forced.abstained else forced.text
        return Said(answer=answer, confidence=_best_support(forced), instead=said, standing={}, retrieved=retrieved)

    def _slice(self, citation: Citation) -> str | None:
        try:
            return self._rag.collection.text(citation.doc_id, citation.start, citation.end)
        except DocumentNotFoundError:
            return None


def _best_support(answer: Answer) -> float:
    return max((sentence.support for sentence in answer.sentences), default=0.0)


class Predictions:
    """Answers that some system gave before, read from a file.

    Either JSONL of `{"id","text"}`, perhaps with `abstained` (default: the text is empty), `confidence` (from 0 to 1),
    `instead`, `retrieved` (texts, best first), `citations` and `sentences` as `ragkit ask --json` prints them; or the
    predictions file of SQuAD, one JSON object of texts by id, where an empty text is a refusal. Citations are judged
    only where a row has the field `citations` or `sentences`, be it empty.
    """

    def __init__(self, path: Path) -> None:
        """Read the file.

        Raises:
            LoadError: With the line's number, if a field is missing or wrong, or an id repeats.
        """
        self._path = path
        self._said = dict(_squad_predictions(path)) if ".json" in path.suffixes else _lines(path)

    @property
    def card(self) -> Mapping[str, Any]:
        """Says that answers were read; which, the run knows by the file's sha256."""
        return {"answerer": "predictions"}

    def check(self, rows: Sequence[AnswerRow]) -> None:
        """Check that the file is of these questions.

        Raises:
            InputError: If it answers none of them.
        """
        if not any(row.id in self._said for row in rows):
            theirs, ours = shorten(next(iter(self._said), "none")), shorten(rows[0].id if rows else "none")
            raise InputError(
                f"{self._path} answers none of the {len(rows)} questions: its ids are such as {theirs!r}, those of the "
                f"questions such as {ours!r}. Give the predictions of this set."
            )

    def to(self, row: AnswerRow) -> Said | None:
        """Give what was predicted; None where the file has no such id."""
        return self._said.get(row.id)


def _squad_predictions(path: Path) -> Mapping[str, Said]:
    document = json_document(path)
    if not isinstance(document, dict) or not all(isinstance(text, str) for text in document.values()):
        raise LoadError(str(path), "is no predictions file of SQuAD: expected one JSON object of texts by question id.")
    return {key: Said(answer=_plain(text, abstained=not text.strip()), cites=False) for key, text in document.items()}


def _lines(path: Path) -> dict[str, Said]:
    found: dict[str, Said] = {}
    for record in json_records(path):
        row_id = record.identifier("id", "_id")
        if row_id in found:
            raise record.error(f"the answer to {row_id!r} stands here a second time.")
        found[row_id] = _said(record)
    return found


def _said(record: Record) -> Said:
    text = record.text("text", "answer", "prediction")
    abstained = record.values.get("abstained", not text.strip())
    if not isinstance(abstained, bool):
        raise record.error(f"field 'abstained' must be true or false, got {abstained!r}.")
    confidence = record.values.get("confidence")
    if confidence is not None and not (_is_number(confidence) and 0 <= confidence <= 1):
        raise record.error(f"field 'confidence' must be a number from 0 to 1, got {confidence!r}.")
    instead = record.text("instead", default="") if "instead" in record.values else None
    answer = dataclasses.replace(
        _plain(text, abstained=abstained),
        citations=tuple(_citation(one) for one in _rows(record, "citations")),
        sentences=tuple(_sentence(one) for one in _rows(record, "sentences")),
    )
    retrieved = tuple(record.texts("retrieved")) if "retrieved" in record.values else None
    cites = "citations" in record.values or "sentences" in record.values
    return Said(answer=answer, confidence=confidence, instead=instead, retrieved=retrieved, cites=cites)


def _rows(record: Record, name: str) -> list[Record]:
    return record.rows(name) if name in record.values else []


def _citation(record: Record) -> Citation:
    return Citation(
        marker=record.text("marker"),
        doc_id=record.text("doc_id", default=""),
        source=record.text("source", default=""),
        page=None,
        start=record.whole("start") if "start" in record.values else 0,
        end=record.whole("end") if "end" in record.values else 0,
        quote=record.text("quote"),
        support=_support(record),
    )


def _sentence(record: Record) -> AnswerSentence:
    return AnswerSentence(
        text=record.text("text"),
        supported=bool(record.values.get("supported", True)),
        support=_support(record),
        citations=tuple(record.texts("citations", default=[])),
    )


def _support(record: Record) -> float:
    support = record.values.get("support", 0.0)
    if not _is_number(support):
        raise record.error(f"field 'support' must be a number, got {support!r}.")
    return float(support)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _plain(text: str, *, abstained: bool) -> Answer:
    return Answer(question="", text=text, abstained=abstained)
