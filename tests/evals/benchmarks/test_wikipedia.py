from __future__ import annotations

import gzip
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from evals.benchmarks.peer import Peers
from evals.benchmarks.setup import QUICK, Setup
from evals.benchmarks.wikipedia import MissingDataError, wikipedia
from ragkit.embed.model_files import find_model

ARTICLES = {
    "Moon": "The Moon orbits the Earth in 27.3 days. It has no air.",
    "Tides": "Tides rise and fall twice a day. The pull of the Moon makes them.",
    "Bread": "Bread is baked from flour and water.",
}
QUESTIONS = ["How long does the Moon take?", "What makes the tides?", "What makes the tides?"]


@pytest.fixture
def setup(tmp_path: Path) -> Setup:
    data = tmp_path / "data" / "wiki2024_hallurag"
    data.mkdir(parents=True)
    with gzip.open(data / "articles.jsonl.gz", "wt", encoding="utf-8") as file:
        for title, text in ARTICLES.items():
            row = {"url": f"https://example.org/wiki/{title}", "title": title, "content": text, "created_en": "2024"}
            file.write(json.dumps(row) + "\n")
    with gzip.open(data / "qna_per_passage.json.gz", "wt", encoding="utf-8") as file:
        json.dump([{"question": question} for question in QUESTIONS], file)
    return Setup(
        sizes=replace(QUICK, chunks=10),
        threads=1,
        data=tmp_path / "data",
        cache=tmp_path / "cache",
        work=tmp_path,
        model=find_model().folder,
        peers=Peers(tmp_path / "peers"),
    )


def test_articles_are_embedded_once_and_each_question_is_asked_once(setup: Setup) -> None:
    corpus = wikipedia(setup)
    queries, vectors = corpus.queries(10)
    assert queries == QUESTIONS[:2]
    texts = corpus.texts(10)
    nearest = [texts[place] for place in (vectors @ np.asarray(corpus.vectors).T).argmax(axis=1)]
    assert "27.3 days" in nearest[0]
    assert "pull of the Moon" in nearest[1]
    (setup.data / "wiki2024_hallurag" / "articles.jsonl.gz").write_bytes(b"not read again")
    assert wikipedia(setup) == corpus


def test_a_collection_that_is_given_takes_the_place_of_the_articles(setup: Setup) -> None:
    made = wikipedia(setup)
    store = setup.cache / "wikipedia-10" / "store"
    given = wikipedia(replace(setup, cache=setup.cache / "other", collection=store))
    assert given.chunks == made.chunks
    assert "a collection that was given" in given.source
    assert not (setup.cache / "other" / "wikipedia-10").exists()


def test_fewer_chunks_than_there_are_can_be_taken(setup: Setup) -> None:
    store = (wikipedia(setup), setup.cache / "wikipedia-10" / "store")[1]
    few = wikipedia(replace(setup, sizes=replace(setup.sizes, chunks=2), collection=store))
    assert few.chunks == 2


def test_missing_data_is_named(setup: Setup) -> None:
    (setup.data / "wiki2024_hallurag" / "articles.jsonl.gz").unlink()
    with pytest.raises(MissingDataError, match=r"lacks articles\.jsonl\.gz: set RAGKIT_DATA"):
        wikipedia(setup)
