"""Who answers from given passages: the extractive answerer, any chat model, or a caller's own function."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from ragkit.answer.extractive import ExtractiveAnswerer, SupportModel
from ragkit.errors import ModelError
from ragkit.evaluate.chat import Ask, ChatModel
from ragkit.evaluate.judges.langchain import plain_messages
from ragkit.evaluate.outcome import Outcome, Unscored
from ragkit.prompts.library import load_prompt
from ragkit.prompts.prompt import Prompt
from ragkit.retrieve.search import search

if TYPE_CHECKING:
    from ragkit.store.collection import Collection
    from ragkit.types import Hit

__all__ = [
    "ChatReader",
    "ExtractiveReader",
    "Observed",
    "Observer",
    "Reader",
    "Reading",
    "minus",
    "of_reading",
    "packaged_answerer",
    "read_hits",
    "searching",
    "shown",
]

NOT_ENOUGH = "insufficient information"
"""What an answer holds that declines, as in RGB."""
WRONG_FACTS = "factual errors"
"""What an answer holds that says the passages are wrong, as in RGB."""

_MARKER = re.compile(r"\s*\[\d+\]")


@dataclass(frozen=True, slots=True)
class Reading:
    """What was made of a question and some passages."""

    text: str
    """The answer, without citation markers; empty when abstained."""
    abstained: bool = False
    """Whether it says that the passages do not answer."""
    wrong_facts: bool = False
    """Whether it says that the passages are wrong."""
    support: float | None = None
    """Of the best sentence, a fraction from 0 to 1; None where the reader gives none."""


Reader: TypeAlias = Callable[[str, Sequence[str]], "Reading | Unscored"]
"""From a question and passages to a reading, or why there is none."""


def of_reading(reading: Reading | Unscored, measure: Callable[[Reading], float | None]) -> Outcome:
    """Measure a reading; where there is none, or `measure` gives None, the outcome is unscored."""
    if isinstance(reading, Unscored):
        return reading
    value = measure(reading)
    return Unscored("the reader gives none") if value is None else float(value)


def minus(one: Outcome, other: Outcome) -> Outcome:
    """Give the difference of two outcomes of one row; unscored where either is."""
    if isinstance(one, Unscored):
        return one
    return other if isinstance(other, Unscored) else one - other


def shown(reading: Reading | Unscored) -> str | None:
    """Give what a person wants to see of a reading; None where there is none or it declined."""
    return None if isinstance(reading, Unscored) or reading.abstained else reading.text


@dataclass(frozen=True, slots=True)
class Observed:
    """What a whole system did with a question."""

    reading: Reading
    retrieved: tuple[str, ...]
    """Ids of the documents retrieved, best first, each once."""


Observer: TypeAlias = Callable[[str], "Observed | Unscored"]
"""From a question to what the system did, or why nothing can be said of it."""


class ExtractiveReader:
    """Lets the extractive answerer read passages, which a collection of their own holds as documents.

    The passages are searched as a collection would be, with the same two arms; the rarity of words is that of the
    collection, so put a whole evaluation's passages there first with `add`.
    """

    def __init__(self, collection: Collection, *, answerer: ExtractiveAnswerer | None = None) -> None:
        """Read with a collection opened with embeddings, best in a temporary folder."""
        self._collection = collection
        self._answerer = answerer or packaged_answerer(collection)
        self._known: set[str] = set()

    def add(self, passages: Sequence[str]) -> list[str]:
        """Put passages that are not there yet, and give the id of each, in order."""
        ids = [hashlib.sha256(text.encode()).hexdigest() for text in passages]
        new = {doc_id: text for doc_id, text in zip(ids, passages, strict=True) if doc_id not in self._known}
        if new:
            self._collection.add_texts(list(new.values()), doc_ids=list(new))
            self._known |= new.keys()
        return ids

    def __call__(self, question: str, passages: Sequence[str]) -> Reading:
        """Answer from these passages alone; from none of them, abstain."""
        ids = list(dict.fromkeys(self.add(passages)))
        if not ids:
            return Reading("", abstained=True, support=0.0)
        where = {"doc_id": {"in": ids}}
        hits = search(self._collection, self._collection.encoder, [question], k=len(ids), where=where)[0]
        return read_hits(self._answerer, question, hits)


def packaged_answerer(collection: Collection) -> ExtractiveAnswerer:
    """Give the answerer that `ragkit.open` would give this collection."""
    model = SupportModel.packaged(vectors=collection.encoder is not None)
    return ExtractiveAnswerer(collection=collection, model=model)


def read_hits(answerer: ExtractiveAnswerer, question: str, hits: Sequence[Hit]) -> Reading:
    """Answer from hits, with the support of the best sentence also where it was not enough to answer."""
    answer = answerer.answer(question, hits)
    if not answer.abstained:
        return Reading(_MARKER.sub("", answer.text), support=max(sentence.support for sentence in answer.sentences))
    _, support = answerer.weigh(question, hits)
    return Reading("", abstained=True, support=round(float(support.max()), 4) if len(support) else 0.0)


def searching(collection: Collection, *, reader: Reader | None = None, k: int = 10) -> Observer:
    """Give an observer of hybrid search over a collection with a reader behind it.

    Args:
        collection: Opened with embeddings.
        reader: Is given the texts of the hits, best first; None for the extractive answerer of that collection.
        k: Chunks retrieved.
    """
    answerer = packaged_answerer(collection)

    def observe(question: str) -> Observed | Unscored:
        hits = search(collection, collection.encoder, [question], k=k)[0]
        retrieved = tuple(dict.fromkeys(hit.doc_id for hit in hits))
        if reader is None:
            return Observed(read_hits(answerer, question, hits), retrieved)
        reading = reader(question, [hit.text for hit in hits])
        return reading if isinstance(reading, Unscored) else Observed(reading, retrieved)

    return observe


class ChatReader:
    """Lets a chat model read passages, told what to say where they are not enough or wrong.

    An answer that holds `insufficient information` declines, one that holds `factual errors` says that the passages are
    wrong. Source: Chen et al., AAAI 2024 (RGB), section 3; the instruction is our own wording.
    """

    def __init__(self, model: ChatModel, *, prompt: Prompt | None = None) -> None:
        """Ask `model`; pass a recording to pay no question twice.

        Args:
            model: Who is asked.
            prompt: Takes `passages` and `question`; None for `read-passages`.
        """
        self._model = model
        self._prompt = prompt or load_prompt("read-passages")

    def __call__(self, question: str, passages: Sequence[str]) -> Reading | Unscored:
        """Ask once; a model that fails leaves the question unscored."""
        messages = plain_messages(self._prompt.render({"passages": passages, "question": question}, seed=0))
        try:
            text = self._model.reply(Ask(messages=messages)).text.strip()
        except ModelError:
            return Unscored("the model failed")
        said = text.lower()
        abstained = NOT_ENOUGH in said
        return Reading("" if abstained else text, abstained=abstained, wrong_facts=WRONG_FACTS in said)
