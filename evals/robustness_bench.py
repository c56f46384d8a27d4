"""What every part of `robustness.py` measures with: questions, collections of passages, readers, runs that resume."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from evals.choosing import spread
from ragkit.encoder import Encoder
from ragkit.evaluate.chat import ChatModel
from ragkit.evaluate.data.answers import AnswerRow
from ragkit.evaluate.data.squad import squad
from ragkit.evaluate.judges.recorded import RecordedModel
from ragkit.evaluate.outcome import Row
from ragkit.evaluate.reports.content import Case, Cases, Report
from ragkit.evaluate.robustness.cases import cases_of
from ragkit.evaluate.robustness.reading import ChatReader, ExtractiveReader, Observer, Reader, searching
from ragkit.evaluate.robustness.rgb import Case as RgbCase
from ragkit.evaluate.runs import RunFolder
from ragkit.evaluate.statistics.estimate import estimates
from ragkit.retrieve.search import search
from ragkit.store.collection import Collection

__all__ = ["Bench", "Reads", "observing"]

_POOL = 20
"""Passages retrieved for each question, to be told apart."""


@dataclass(frozen=True, slots=True)
class Bench:
    """What every part measures with."""

    data: Path
    encoder: Encoder
    questions: int
    scratch: Path
    """Folder for collections, gone afterwards."""
    model: ChatModel | None = None
    out: Path | None = None
    seed: int = 0

    def rows(self) -> list[AnswerRow]:
        """Give the questions, spread evenly over the set."""
        return spread(list(squad(self.data / "xquad_en/xquad.en.json")), self.questions)

    def collection(self, name: str, texts: Mapping[str, str]) -> Collection:
        """Make a collection of texts by id, each one chunk."""
        made = Collection.open(self.scratch / name, self.encoder)
        made.add_texts(list(texts.values()), doc_ids=list(texts))
        return made

    def paragraphs(self) -> Collection:
        """Make a collection of all paragraphs of the set."""
        contexts = dict.fromkeys(row.context for row in squad(self.data / "xquad_en/xquad.en.json"))
        return self.collection("paragraphs", _numbered(contexts))

    def cases(self, collection: Collection) -> list[RgbCase]:
        """Build RGB cases of the questions."""

        def retrieve(questions: Sequence[str]) -> list[list[str]]:
            found = search(collection, self.encoder, list(questions), k=_POOL)
            return [[hit.text for hit in hits] for hits in found]

        return cases_of(self.rows(), retrieve)

    def work(
        self, part: str, ids: Sequence[str], do: Callable[[str, Reader | None], Row], *, made_of: Mapping[str, Any]
    ) -> list[Row]:
        """Work the rows of a part in its run folder; `do` is given the chat reader, or None for the extractive one."""
        card = dict(self.model.card) if self.model else {"reader": "extractive", "model": self.encoder.card.model}
        config = {"reader": card, "rows": len(ids), "seed": self.seed, **made_of}
        folder = (self.out or self.scratch / "runs") / part
        with RunFolder.open(folder, command="evals.robustness", dataset=f"XQuAD {part}", config=config) as run:
            reader = ChatReader(RecordedModel(run.journal, self.model)) if self.model else None
            rows = run.work(ids, lambda block: [do(row_id, reader) for row_id in block], block=1 if self.model else 16)
            shown = Report(f"Robustness: {part}", f"{len(rows):,} rows.", (), (_cases(rows),))
            run.finish(rows, estimates(rows, seed=self.seed), shown)
        return rows


class Reads(AbstractContextManager["Reads"]):
    """The extractive reader over all passages of some cases."""

    def __init__(self, bench: Bench, cases: Sequence[RgbCase]) -> None:
        self._collection = bench.collection("passages", {})
        self.reader = ExtractiveReader(self._collection)
        passages = [text for case in cases for group in case.positives for text in group]
        passages += [text for case in cases for text in (*case.negatives, *case.false_positives)]
        self.reader.add(list(dict.fromkeys(passages)))

    def __exit__(self, *_: object) -> None:
        self._collection.close()


def observing(collection: Collection) -> Callable[[Reader | None], Observer]:
    """Give a maker of observers that ask the same question once: each variant is compared with the same original."""
    return cache(lambda reader: cache(searching(collection, reader=reader)))


def _numbered(texts: Mapping[str, None]) -> dict[str, str]:
    return {str(number): text for number, text in enumerate(texts, start=1)}


def _cases(rows: Sequence[Row]) -> Cases:
    """Give some rows to look at: the first that are not perfect in their first measure."""
    chosen = [row for row in rows if next(iter(row.outcomes.values())) != 1.0][:10]
    facts = [{name: str(value) for name, value in row.outcomes.items()} for row in chosen]
    return Cases(
        "Rows to look at",
        tuple(
            Case(str(row.details["question"]), fact, (str(row.details["said"]),))
            for row, fact in zip(chosen, facts, strict=True)
        ),
    )
