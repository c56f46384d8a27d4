"""The handbook, 139 questions to it, and the rank of the right page for each: by meaning, by words, by both."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from ragkit.compose import encoder_for
from ragkit.encoder import Encoder, Vectors
from ragkit.evaluate.outcome import Row
from ragkit.ingest.sync import sync
from ragkit.retrieve.search import SearchOptions, search
from ragkit.settings import Settings
from ragkit.store.collection import Collection
from ragkit.text.analyse import Analyser

HANDBOOK = Path(__file__).parents[2] / "apps" / "handbook"
QUESTIONS = [json.loads(line) for line in Path(__file__).with_name("questions.jsonl").read_bytes().splitlines()]

Measure = Callable[..., list[Row]]


@pytest.fixture(scope="session")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Encoder:
    folder = tmp_path_factory.mktemp("encoder")
    found = encoder_for(folder, settings=Settings(cache=folder / "cache"))
    assert found is not None
    return found


@pytest.fixture(scope="session")
def vectors(encoder: Encoder) -> Vectors:
    """The questions embedded, `(questions, dim)`."""
    return encoder.encode_queries([question["question"] for question in QUESTIONS])


@pytest.fixture(scope="session")
def indexed(encoder: Encoder, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Collection]:
    """Give a function that indexes a folder of pages."""

    def index(folder: Path = HANDBOOK, analyser: Analyser | None = None) -> Collection:
        collection = Collection.open(tmp_path_factory.mktemp("store") / "store", encoder, analyser=analyser)
        assert sync(collection, encoder, folder).failed == ()
        return collection

    return index


@pytest.fixture(scope="session")
def handbook(indexed: Callable[..., Collection]) -> Collection:
    return indexed()


@pytest.fixture(scope="session")
def measure(encoder: Encoder, vectors: Vectors) -> Measure:
    """Give a function that ranks the pages of a collection for each question."""

    def rows(collection: Collection, vectors: Vectors = vectors) -> list[Row]:
        modes = ("hybrid", "dense", "bm25")
        ranks = {f"RR@10 {mode}": _reciprocal_ranks(collection, encoder, mode, vectors) for mode in modes}
        return [
            Row(id=question["id"], outcomes={name: column[place] for name, column in ranks.items()})
            for place, question in enumerate(QUESTIONS)
        ]

    return rows


def _reciprocal_ranks(collection: Collection, encoder: Encoder, mode: str, vectors: Vectors) -> list[float]:
    texts = [question["question"] for question in QUESTIONS]
    options = SearchOptions(unit="document")
    results = search(collection, encoder, texts, k=10, mode=mode, options=options, vectors=np.asarray(vectors))
    return [
        next((1 / hit.rank for hit in hits if Path(hit.doc_id).name == question["page"]), 0.0)
        for question, hits in zip(QUESTIONS, results, strict=True)
    ]
