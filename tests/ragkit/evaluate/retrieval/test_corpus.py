from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from ragkit.encoder import Encoder
from ragkit.errors import ConfigError
from ragkit.evaluate.data.retrieval import Passage, load_retrieval
from ragkit.evaluate.retrieval.corpus import index_passages, survey
from ragkit.store.collection import Collection


def nothing() -> Iterator[Passage]:
    return iter(())


def test_a_corpus_says_how_large_it_is(garden: Path) -> None:
    known = survey(load_retrieval(garden))
    assert (known.size, known.sentence) == (8, "garden/test: closed corpus, 8 documents")
    assert known.notes == ("Judgments: all that were published.",)


def test_a_part_of_a_known_corpus_is_never_called_the_corpus(garden: Path) -> None:
    whole = load_retrieval(garden)
    qrels = {**whole.qrels, "q9": {"nowhere": 1}}
    part = replace(whole, full_size=1000, qrels=qrels, queries={**whole.queries, "q9": "?"})
    known = survey(part)
    assert known.sentence == "garden/test: closed corpus, 8 of 1,000 passages"
    assert list(known.data.qrels) == ["q1", "q2", "q3", "q4"]
    assert known.notes[-1] == "4 of 5 judged queries have a relevant passage here and count."
    assert "never with a score of the full corpus" in known.notes[-2]


def test_a_whole_known_corpus_keeps_every_judgment(garden: Path) -> None:
    known = survey(replace(load_retrieval(garden), full_size=8))
    assert known.sentence == "garden/test: full corpus, 8 passages"


def test_an_empty_corpus_and_one_that_meets_no_query_are_refused(garden: Path) -> None:
    data = load_retrieval(garden)
    with pytest.raises(ConfigError, match="garden/test has no documents"):
        survey(replace(data, passages=nothing))
    with pytest.raises(ConfigError, match="no query has a relevant document"):
        survey(replace(data, full_size=1000, qrels={"q1": {"nowhere": 1}}, queries={"q1": "?"}))


def test_passages_become_documents_once_and_a_text_less_one_none(
    garden: Path, tmp_path: Path, encoder: Encoder
) -> None:
    data = load_retrieval(garden)
    told: list[object] = []
    with Collection.open(tmp_path / "store", encoder) as collection:
        for _ in range(2):
            index_passages(collection, data.passages, beside=tmp_path / "rows.jsonl", progress=told.append)
        assert len(collection) == 7
        assert "empty" not in collection
        assert collection.get("fig").title == "Fig"
        assert collection.sequence == 1
    assert told
    assert not (tmp_path / "rows.jsonl").exists()


def test_a_collection_of_something_else_is_refused(garden: Path, tmp_path: Path, encoder: Encoder) -> None:
    with Collection.open(tmp_path / "store", encoder) as collection:
        collection.add_texts(["A stranger."], doc_ids=["stranger"])
        with pytest.raises(ConfigError, match="holds 1 documents that are not of this corpus, such as 'stranger'"):
            index_passages(collection, load_retrieval(garden).passages, beside=tmp_path / "rows.jsonl")
