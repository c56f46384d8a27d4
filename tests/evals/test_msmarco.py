from __future__ import annotations

from pathlib import Path

import pytest

from evals import msmarco
from evals.msmarco import main, score_given


def test_the_given_runs_have_their_published_scores(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert score_given(data / "msmarco_passage", tmp_path)
    said = capsys.readouterr().out.splitlines()
    assert [line.split("   ")[-1] for line in said[2:]] == [
        "published 0.5058",
        "published 0.7210",
        "published 0.7308",
        "published 0.7439",
    ]
    assert said[2].startswith("  BM25          0.5058 [")


def test_runs_that_are_not_there_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert score_given(tmp_path, tmp_path / "out")
    assert "SPLADE++ ED   is not in the folder" in capsys.readouterr().out


def test_a_missing_folder_is_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--data", str(tmp_path)]) == 1
    assert "msmarco_passage" in capsys.readouterr().err


def test_the_folder_of_the_collection_itself_is_taken_with_the_splits_it_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[Path, str]] = []
    monkeypatch.setattr(msmarco, "search", lambda folder, runs, split, *, curve: asked.append((folder, split)))
    monkeypatch.setattr(msmarco, "rerank", lambda folder, runs: None)
    (tmp_path / "collection.tsv").write_text("0\tThe Moon orbits the Earth.\n", encoding="utf-8")
    (tmp_path / "queries.dl20.tsv").write_text("7\twhat orbits the earth\n", encoding="utf-8")
    (tmp_path / "qrels.dl20.tsv").write_text("7 0 0 3\n", encoding="utf-8")
    assert main(["--data", str(tmp_path)]) == 0
    assert asked == [(tmp_path, "dl20")]
