from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ragkit.encoder import EncoderCard, Vectors
from ragkit.errors import ConfigError, InputError
from ragkit.evaluate.data.retrieval import Passage, RetrievalData
from ragkit.evaluate.reports.content import Interval, Table
from ragkit.evaluate.rerank import EncoderReranker, evaluate_rerank, reordered

TEXTS = {"a": "sea", "b": "sea salt", "c": "salt of the sea", "d": "a mountain"}
QUERIES = {"q1": "salt", "q2": "mountain"}
QRELS = {"q1": {"c": 1, "x": 1}, "q2": {"d": 1}}
RUN = "q1 Q0 a 1 9 t\nq1 Q0 b 2 8 t\nq1 Q0 x 3 7 t\nq1 Q0 c 4 6 t\nq2 Q0 a 1 2 t\nq2 Q0 d 2 1 t\nq9 Q0 a 1 1 t\n"


class Longest:
    """Prefers long texts; stops after some calls, as a kill would."""

    def __init__(self, calls: int = 99) -> None:
        self.left = calls
        self.pairs: list[tuple[str, str]] = []

    @property
    def card(self) -> Mapping[str, Any]:
        return {"kind": "longest"}

    def scores(self, pairs: Sequence[tuple[str, str]]) -> Sequence[float]:
        self.left -= 1
        if self.left < 0:
            raise KeyboardInterrupt
        self.pairs += pairs
        return [float(len(text)) for _, text in pairs]


class Letters:
    """Counts letters, rows unit length."""

    card = EncoderCard(model="letters", dim=26, revision="1")

    def __init__(self) -> None:
        self.texts: list[str] = []

    def encode_documents(self, texts: Sequence[str]) -> Vectors:
        self.texts += texts
        rows = np.array([[text.count(chr(97 + place)) for place in range(26)] for text in texts], dtype=np.float32)
        unit: Vectors = rows / np.linalg.norm(rows, axis=1, keepdims=True)
        return unit

    def encode_queries(self, texts: Sequence[str]) -> Vectors:
        return self.encode_documents(texts)

    def count_tokens(self, text: str) -> int:
        return len(text)


@pytest.fixture
def collection(tmp_path: Path) -> RetrievalData:
    (tmp_path / "qrels.txt").write_text("any")
    return RetrievalData(
        name="sea/test",
        queries=QUERIES,
        qrels=QRELS,
        passages=lambda: (Passage(name, "", text) for name, text in TEXTS.items()),
        files={"qrels": tmp_path / "qrels.txt"},
    )


@pytest.fixture
def run(tmp_path: Path) -> Path:
    (tmp_path / "run.trec").write_text(RUN)
    return tmp_path / "run.trec"


def order(out: Path) -> list[list[str]]:
    return [line.split()[0:3:2] for line in (out / "run.trec").read_text().splitlines()]


def test_candidates_take_the_order_of_the_new_scores(collection: RetrievalData, run: Path, tmp_path: Path) -> None:
    done = evaluate_rerank(collection, run, Longest(), tmp_path / "out")
    assert order(tmp_path / "out") == [["q1", "c"], ["q1", "b"], ["q1", "a"], ["q1", "x"], ["q2", "d"], ["q2", "a"]]
    assert done.estimates["RR@10"].value == 1.0
    assert done.metrics["dataset"] == "sea/test: top 100 of run.trec re-ranked"
    assert "1 candidates are not in the corpus at hand; they keep their order at the end." in done.report.notes


def test_what_lies_below_the_depth_keeps_its_place(collection: RetrievalData, run: Path, tmp_path: Path) -> None:
    reranker = Longest()
    evaluate_rerank(collection, run, reranker, tmp_path / "out", depth=2)
    assert order(tmp_path / "out")[:4] == [["q1", "b"], ["q1", "a"], ["q1", "x"], ["q1", "c"]]
    assert len(reranker.pairs) == 4


def test_the_report_compares_with_the_order_before(collection: RetrievalData, run: Path, tmp_path: Path) -> None:
    done = evaluate_rerank(collection, run, Longest(), tmp_path / "out", measures=["RR@10"])
    table = done.report.sections[0]
    assert isinstance(table, Table)
    (line,) = table.rows
    assert line[:3] == ("RR@10", pytest.approx((1 / 3 + 1 / 2) / 2), 1.0)
    assert isinstance(line[3], Interval)
    assert line[3].value == pytest.approx(1 - (1 / 3 + 1 / 2) / 2)


def test_a_bi_encoder_scores_by_cosine_and_embeds_each_text_once() -> None:
    encoder = Letters()
    found = EncoderReranker(encoder).scores([("ab", "a"), ("ab", "ab"), ("b", "a")])
    assert found == pytest.approx([0.5**0.5, 1.0, 0.0], abs=1e-6)
    assert encoder.texts == ["ab", "b", "a", "ab"]
    assert EncoderReranker(encoder).card == {"kind": "bi-encoder", "model": "letters", "revision": "1"}


def test_a_finished_run_is_not_worked_again_and_has_the_same_bytes(
    collection: RetrievalData, run: Path, tmp_path: Path
) -> None:
    with pytest.raises(KeyboardInterrupt):
        evaluate_rerank(collection, run, Longest(calls=0), tmp_path / "out")
    evaluate_rerank(collection, run, Longest(), tmp_path / "out")
    first = (tmp_path / "out" / "metrics.json").read_bytes()
    evaluate_rerank(collection, run, Longest(calls=0), tmp_path / "out")
    assert (tmp_path / "out" / "metrics.json").read_bytes() == first
    assert json.loads(first)["config"]["reranker"] == {"kind": "longest"}


def test_wrong_use_is_refused(collection: RetrievalData, run: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="depth must be at least 1, got 0"):
        evaluate_rerank(collection, run, Longest(), tmp_path / "a", depth=0)
    run.write_text("q1 Q0 nowhere 1 1 t\n")
    with pytest.raises(InputError, match="none of the 1 candidates is in the corpus of sea/test"):
        evaluate_rerank(collection, run, Longest(), tmp_path / "b")
    with pytest.raises(ConfigError, match="'best' is no measure"):
        evaluate_rerank(collection, run, Longest(), tmp_path / "c", measures=["best"])


@given(st.lists(st.sampled_from("abcdef"), unique=True), st.dictionaries(st.sampled_from("abcdef"), st.integers(0, 2)))
@settings(max_examples=50, deadline=None)
def test_reordering_keeps_every_document_once_and_never_puts_a_lower_score_first(
    documents: list[str], scores: dict[str, float]
) -> None:
    found = reordered(documents, scores)
    assert sorted(found) == sorted(documents)
    values = [scores.get(name, -1.0) for name in found]
    assert values == sorted(values, reverse=True)
    equal = reordered(documents, dict.fromkeys(documents, 1.0))
    assert equal == documents


def test_binary_measures_of_graded_judgments_say_their_level(
    collection: RetrievalData, run: Path, tmp_path: Path
) -> None:
    done = evaluate_rerank(replace(collection, relevant_from=2), run, Longest(), tmp_path / "out")
    assert "Binary measures count documents from grade 2 on as relevant." in done.report.notes
    assert done.estimates["RR(rel=2)@10"].value == 0.0
