from __future__ import annotations

import gzip
import json
import math
from pathlib import Path

import ir_measures
import pytest

from ragkit.errors import ConfigError, InputError, LoadError
from ragkit.evaluate.retrieval.scored import evaluate_run, usual_level

QRELS = "q1 0 a 1\nq1 0 b 0\nq2 0 c 1\nq3 0 d 1\n"
RUN = "q1 Q0 b 1 2.0 t\nq1 Q0 a 2 1.0 t\nq2 Q0 c 1 5.0 t\nq9 Q0 c 1 5.0 t\n"
PUBLISHED = {
    "BM25": 0.5058,
    "SPLADE_P_P_ENSEMBLE_DISTIL": 0.7308,
    "D_BERT_KD_TASB": 0.7210,
    "REP_LLAMA": 0.7439,
}


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    (tmp_path / "qrels.txt").write_text(QRELS)
    (tmp_path / "run.trec").write_text(RUN)
    return tmp_path / "run.trec", tmp_path / "qrels.txt"


@pytest.mark.parametrize(("name", "published"), PUBLISHED.items())
def test_published_runs_have_their_published_ndcg(data: Path, tmp_path: Path, name: str, published: float) -> None:
    folder = data / "msmarco_passage"
    run, qrels = folder / "runs" / f"run.dl19.{name}.top100.trec.gz", folder / "2019qrels-pass.txt"
    done = evaluate_run(run, qrels, tmp_path / "out")
    assert round(done.estimates["nDCG@10"].value, 4) == published
    assert done.estimates["nDCG@10"].n == 43
    # what is written gives the same numbers to who reads it with other tools
    judged = list(ir_measures.read_trec_qrels(str(qrels)))
    names = list(done.estimates)
    again = ir_measures.calc_aggregate(
        [ir_measures.parse_measure(name) for name in names],
        judged,
        list(ir_measures.read_trec_run(str(tmp_path / "out" / "run.trec"))),
    )
    assert {str(measure): value for measure, value in again.items()} == pytest.approx(
        {name: done.estimates[name].value for name in names}
    )


def test_means_are_over_all_judged_queries(files: tuple[Path, Path], tmp_path: Path) -> None:
    done = evaluate_run(*files, tmp_path / "out", measures=["RR@10", "nDCG@10"])
    assert done.estimates["RR@10"].value == pytest.approx((0.5 + 1 + 0) / 3)
    assert done.estimates["nDCG@10"].value == pytest.approx((1 / math.log2(3) + 1) / 3)
    assert done.report.notes == (
        "Means are over all 3 queries of the judgments.",
        "1 judged queries have no results in the run and count 0.",
        "1 queries of the run have no judgments and are left out.",
        "No query has more than 2 documents: RR@10, nDCG@10 can count those only.",
    )


def test_recall_is_measured_no_deeper_than_the_run_unless_asked_for(files: tuple[Path, Path], tmp_path: Path) -> None:
    run, qrels = files
    run.write_text("".join(f"q1 Q0 d{rank} {rank} {-rank} t\n" for rank in range(1, 101)))
    done = evaluate_run(run, qrels, tmp_path / "out")
    assert [name for name in done.estimates if name.startswith("R@")] == ["R@10", "R@100"]
    assert list(done.rows[0].outcomes) == list(done.estimates)
    assert not any("No query has more" in note for note in done.report.notes)
    asked = evaluate_run(run, qrels, tmp_path / "asked", measures=["R@1000", "R@100", "AP"])
    assert list(asked.estimates) == ["R@1000", "R@100", "AP"]
    assert asked.report.notes[-1] == "No query has more than 100 documents: R@1000 can count those only."


def test_the_document_dropped_for_its_id_does_not_make_a_run_shallower(
    files: tuple[Path, Path], tmp_path: Path
) -> None:
    run, qrels = files
    run.write_text("q1 Q0 q1 1 1 t\n" + "".join(f"q1 Q0 d{rank} {rank} {-rank} t\n" for rank in range(2, 101)))
    done = evaluate_run(run, qrels, tmp_path / "out", ignore_identical_ids=True)
    assert "R@100" in done.estimates


def test_the_folder_holds_what_was_promised(files: tuple[Path, Path], tmp_path: Path) -> None:
    evaluate_run(*files, tmp_path / "out", measures=["RR@10"])
    metrics = json.loads((tmp_path / "out" / "metrics.json").read_text())
    assert (metrics["dataset"], metrics["n"]) == ("qrels.txt", 3)
    assert metrics["measures"]["RR@10"] | {"low": 0, "high": 0} == {
        "value": 0.5, "low": 0, "high": 0, "n": 3, "coverage": 1.0,
    }  # fmt: skip
    assert (tmp_path / "out" / "run.trec").read_text().splitlines()[0] == "q1 Q0 b 1 2 ragkit"
    rows = [json.loads(line) for line in (tmp_path / "out" / "per_query.jsonl").read_text().splitlines()]
    assert [(row["id"], row["measures"]["RR@10"]) for row in rows] == [("q1", 0.5), ("q2", 1.0), ("q3", 0.0)]
    assert "q3" in (tmp_path / "out" / "report.html").read_text()


def test_same_inputs_give_the_same_bytes(files: tuple[Path, Path], tmp_path: Path) -> None:
    for name in ("one", "two"):
        evaluate_run(*files, tmp_path / name)
    evaluate_run(*files, tmp_path / "two")  # and once more into the same folder
    for name in ("run.trec", "metrics.json", "per_query.jsonl", "config.json"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_an_unusual_run_gives_the_same(files: tuple[Path, Path], tmp_path: Path) -> None:
    run, qrels = files
    scattered = tmp_path / "scattered.trec.gz"
    scattered.write_bytes(
        gzip.compress("".join(sorted(RUN.splitlines(keepends=True), key=lambda line: line[6])).encode())
    )
    one, two = (evaluate_run(path, qrels, tmp_path / path.stem) for path in (run, scattered))
    assert one.estimates == two.estimates


def test_queries_show_their_text_where_it_is_given(files: tuple[Path, Path], tmp_path: Path) -> None:
    (tmp_path / "topics.tsv").write_text("q1\twhat is a\nq3\twhat is d\n")
    done = evaluate_run(*files, tmp_path / "out", queries=tmp_path / "topics.tsv")
    assert [row.details["query"] for row in done.rows] == ["what is a", "q2", "what is d"]


def test_identical_ids_are_dropped_where_asked(files: tuple[Path, Path], tmp_path: Path) -> None:
    run, qrels = files
    run.write_text("q1 Q0 q1 1 3 t\n" + RUN)
    done = evaluate_run(run, qrels, tmp_path / "out", measures=["RR@10"], ignore_identical_ids=True)
    assert done.estimates["RR@10"].value == 0.5
    assert "A document with the id of its query was dropped." in done.report.notes


def test_a_run_of_another_collection_is_refused(files: tuple[Path, Path], tmp_path: Path) -> None:
    files[0].write_text("x1 Q0 a 1 1 t\n")
    with pytest.raises(ConfigError, match=r"no query of .*run\.trec is judged: expected ids such as 'q1'"):
        evaluate_run(*files, tmp_path / "out")


def test_a_folder_with_another_run_is_refused(files: tuple[Path, Path], tmp_path: Path) -> None:
    evaluate_run(*files, tmp_path / "out")
    with pytest.raises(ConfigError, match="holds another run"):
        evaluate_run(*files, tmp_path / "out", measures=["AP"])


def test_a_document_listed_twice_is_named(files: tuple[Path, Path], tmp_path: Path) -> None:
    files[0].write_text(RUN + "q9 Q0 c 2 4.0 t\n")
    with pytest.raises(LoadError, match="lists document 'c' twice for query 'q9'"):
        evaluate_run(*files, tmp_path / "out")


def test_grades_of_deep_learning_count_from_two() -> None:
    graded = {"q": {"a": 3, "b": 0}}
    assert usual_level(Path("2019qrels-pass.txt"), graded) == 2
    assert usual_level(Path("dl20.qrels.present.tsv"), graded) == 2
    assert usual_level(Path("qrels.dl19-passage.txt"), graded) == 2
    assert usual_level(Path("qrels.dev.small.tsv"), {"q": {"a": 1}}) == 1
    assert usual_level(Path("test.tsv"), graded) == 1
    assert usual_level(Path("dl19.tsv"), {"q": {"a": 1}}) == 1


def test_a_level_below_one_is_refused(files: tuple[Path, Path], tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"^relevant documents have at least grade 1, got 0\.$"):
        evaluate_run(*files, tmp_path / "out", relevant_from=0)


def test_the_level_can_be_given(files: tuple[Path, Path], tmp_path: Path) -> None:
    done = evaluate_run(*files, tmp_path / "out", relevant_from=2)
    assert done.estimates["RR(rel=2)@10"].value == 0.0
    assert done.estimates["nDCG@10"].value > 0
    assert "Binary measures count documents from grade 2 on as relevant." in done.report.notes
