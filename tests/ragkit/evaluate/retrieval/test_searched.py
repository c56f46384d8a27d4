from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import ir_measures
import pytest

from ragkit.encoder import Encoder, EncoderCard, Vectors
from ragkit.errors import ConfigError, InputError
from ragkit.evaluate.data.retrieval import load_retrieval
from ragkit.evaluate.reports.content import Cases, Curve
from ragkit.evaluate.retrieval.inflation import Inflation
from ragkit.evaluate.retrieval.searched import Watch, evaluate_retrieval


class Stopping:
    """An encoder that fails at the n-th block of queries, as a kill would."""

    def __init__(self, inner: Encoder, after: int) -> None:
        self.inner, self.left = inner, after

    @property
    def card(self) -> EncoderCard:
        return self.inner.card

    def encode_documents(self, texts: Sequence[str]) -> Vectors:
        return self.inner.encode_documents(texts)

    def encode_queries(self, texts: Sequence[str]) -> Vectors:
        if self.left == 0:
            raise KeyboardInterrupt
        self.left -= 1
        return self.inner.encode_queries(texts)

    def count_tokens(self, text: str) -> int:
        return self.inner.count_tokens(text)


@pytest.mark.parametrize("mode", ["hybrid", "dense", "bm25"])
def test_scores_are_those_of_the_run_that_was_written(
    garden: Path, tmp_path: Path, encoder: Encoder, mode: str
) -> None:
    done = evaluate_retrieval(load_retrieval(garden), encoder, tmp_path / "out", mode=mode, k=5)
    qrels = {query: dict(judged) for query, judged in load_retrieval(garden).qrels.items()}
    wanted = ir_measures.calc_aggregate(
        [ir_measures.parse_measure(name) for name in done.estimates],
        qrels,
        list(ir_measures.read_trec_run(str(tmp_path / "out" / "run.trec"))),
    )
    assert {str(measure): value for measure, value in wanted.items()} == pytest.approx(
        {name: estimate.value for name, estimate in done.estimates.items()}
    )
    assert done.estimates["RR@10"].value > 0.6
    assert done.metrics["dataset"] == "garden/test: closed corpus, 8 documents"
    assert done.metrics["config"]["mode"] == mode


def test_the_report_shows_the_worst_queries_with_texts_and_what_cannot_be_found(
    garden: Path, tmp_path: Path, encoder: Encoder
) -> None:
    done = evaluate_retrieval(load_retrieval(garden), encoder, tmp_path / "out", mode="bm25", k=2)
    assert "1 documents have no text and can never be found." in done.report.notes
    (cases,) = [section for section in done.report.sections if isinstance(section, Cases)]
    scores = [row.outcomes["nDCG@10"] for row in done.rows]
    assert cases.cases[0].facts["query"] == done.rows[scores.index(min(scores))].id
    assert any("frost" in item for case in cases.cases for item in case.items)
    usage = json.loads((tmp_path / "out" / "usage.json").read_text())
    assert usage["latency_s"].keys() == {"query, alone", "query, in a batch"}


def test_a_stopped_run_goes_on_and_ends_in_the_same_bytes(garden: Path, tmp_path: Path, encoder: Encoder) -> None:
    data = load_retrieval(garden)
    evaluate_retrieval(data, encoder, tmp_path / "straight", block=1, mode="dense")
    with pytest.raises(KeyboardInterrupt):
        evaluate_retrieval(data, Stopping(encoder, 2), tmp_path / "stopped", block=1, mode="dense")
    encoder.asked.clear()  # type: ignore[attr-defined]
    evaluate_retrieval(data, encoder, tmp_path / "stopped", block=1, mode="dense")
    assert encoder.asked[:2] == [data.queries["q3"], data.queries["q4"]]  # type: ignore[attr-defined]
    for name in ("run.trec", "metrics.json", "per_query.jsonl", "config.json"):
        assert (tmp_path / "stopped" / name).read_bytes() == (tmp_path / "straight" / name).read_bytes()


def test_a_store_is_shared_by_runs(garden: Path, tmp_path: Path, encoder: Encoder) -> None:
    data = load_retrieval(garden)
    told: list[tuple[int, int]] = []
    watch = Watch(queries=lambda done, total: told.append((done, total)))
    for mode in ("dense", "bm25"):
        evaluate_retrieval(data, encoder, tmp_path / mode, mode=mode, store=tmp_path / "store", watch=watch)
    assert not (tmp_path / "dense" / "store").exists()
    assert told == [(0, 4), (4, 4)] * 2


def test_a_query_that_is_a_document_does_not_find_itself(garden: Path, tmp_path: Path, encoder: Encoder) -> None:
    data = load_retrieval(garden)
    twins = replace(data, queries={"bean": "Runner beans climb"}, qrels={"bean": {"hop": 1}}, ignore_identical_ids=True)
    done = evaluate_retrieval(twins, encoder, tmp_path / "out", k=3, mode="dense")
    assert "bean" not in done.rows[0].details["top"]
    assert done.rows[0].details["retrieved"] == 3
    assert "A document with the id of its query was dropped." in done.report.notes


def test_inflation_draws_the_same_queries_over_growing_parts(garden: Path, tmp_path: Path, encoder: Encoder) -> None:
    hard = tmp_path / "hard.trec"
    hard.write_text("q1 Q0 dill 1 1 t\nother Q0 carrot 1 1 t\n")
    curve = Inflation(hard=hard, sizes=4)
    done = evaluate_retrieval(load_retrieval(garden), encoder, tmp_path / "out", mode="hybrid", k=5, inflation=curve)
    (drawn,) = [section for section in done.report.sections if isinstance(section, Curve)]
    points = drawn.lines["nDCG@10"]
    assert [size for size, _ in points] == [6.0, 7.0]
    assert points[-1][1] == done.estimates["nDCG@10"].value
    assert "all 5 documents of a positive grade, all 1 that the given run retrieved" in drawn.note
    assert len(done.rows) == 4
    assert len((tmp_path / "out" / "per_query.jsonl").read_text().splitlines()) == 4


def test_parts_hold_what_ndcg_counts_also_below_the_level_of_binary_measures(
    garden: Path, tmp_path: Path, encoder: Encoder
) -> None:
    data = replace(load_retrieval(garden), relevant_from=2)
    done = evaluate_retrieval(data, encoder, tmp_path / "out", mode="bm25", inflation=Inflation(sizes=4))
    (drawn,) = [section for section in done.report.sections if isinstance(section, Curve)]
    assert "all 5 documents of a positive grade" in drawn.note
    assert not (tmp_path / "out" / "part").exists()


def test_a_part_that_a_kill_left_is_made_anew(garden: Path, tmp_path: Path, encoder: Encoder) -> None:
    data, out = load_retrieval(garden), tmp_path / "out"
    with pytest.raises(KeyboardInterrupt):
        evaluate_retrieval(data, Stopping(encoder, 1), out, mode="dense", inflation=Inflation(sizes=4))
    (out / "part").mkdir()
    (out / "part" / "manifest.json").write_text("half")
    done = evaluate_retrieval(data, encoder, out, mode="dense", inflation=Inflation(sizes=4))
    assert any(isinstance(section, Curve) for section in done.report.sections)
    assert not (out / "part").exists()


def test_parts_drop_the_document_of_the_querys_id_as_the_whole_does(
    garden: Path, tmp_path: Path, encoder: Encoder
) -> None:
    data = load_retrieval(garden)
    twins = replace(data, queries={"bean": "Runner beans climb"}, qrels={"bean": {"hop": 1}}, ignore_identical_ids=True)
    curve = Inflation(sizes=4)
    done = evaluate_retrieval(twins, encoder, tmp_path / "out", k=1, mode="dense", measures=["R@1"], inflation=curve)
    (drawn,) = [section for section in done.report.sections if isinstance(section, Curve)]
    assert {score for _, score in drawn.lines["R@1"]} == {1.0}


def test_recall_is_measured_no_deeper_than_the_corpus(garden: Path, tmp_path: Path, encoder: Encoder) -> None:
    data = load_retrieval(garden)
    done = evaluate_retrieval(data, encoder, tmp_path / "out", mode="bm25", k=1000)
    assert [name for name in done.estimates if name.startswith("R@")] == ["R@10"]
    assert done.report.notes[-1].startswith("No query has more than 8 documents: nDCG@10, RR@10,")


def test_wrong_use_is_refused(garden: Path, tmp_path: Path, encoder: Encoder) -> None:
    data = load_retrieval(garden)
    with pytest.raises(InputError, match="mode must be hybrid, dense or bm25, got 'both'"):
        evaluate_retrieval(data, encoder, tmp_path / "a", mode="both")
    with pytest.raises(ConfigError, match="'nDCG10' is no measure"):
        evaluate_retrieval(data, encoder, tmp_path / "b", measures=["nDCG10"])
    with pytest.raises(InputError, match="k must be at least 1, got 0"):
        evaluate_retrieval(data, encoder, tmp_path / "c", k=0)


def test_a_run_deeper_than_a_users_search_says_so(garden: Path, tmp_path: Path, encoder: Encoder) -> None:
    data = load_retrieval(garden)
    deep = evaluate_retrieval(data, encoder, tmp_path / "deep", k=101, store=tmp_path / "store")
    assert any("makes each arm look 101 deep" in note for note in deep.report.notes)
    for k, mode in ((100, "hybrid"), (101, "bm25")):
        done = evaluate_retrieval(data, encoder, tmp_path / mode, k=k, mode=mode, store=tmp_path / "store")
        assert not any("deep" in note for note in done.report.notes)


def test_binary_measures_of_graded_judgments_say_their_level(garden: Path, tmp_path: Path, encoder: Encoder) -> None:
    data = replace(load_retrieval(garden), relevant_from=2)
    done = evaluate_retrieval(data, encoder, tmp_path / "out", mode="bm25")
    assert "Binary measures count documents from grade 2 on as relevant." in done.report.notes
    assert "RR(rel=2)@10" in done.estimates
