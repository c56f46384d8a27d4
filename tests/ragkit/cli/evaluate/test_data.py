from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Command = Callable[..., Any]


@pytest.fixture
def scifact(tmp_path: Path) -> Path:
    folder = tmp_path / "small"
    (folder / "qrels").mkdir(parents=True)
    (folder / "corpus.jsonl").write_text('{"_id": "d1", "title": "", "text": "x"}\n')
    (folder / "queries.jsonl").write_text('{"_id": "q1", "text": "y"}\n')
    (folder / "qrels/test.tsv").write_text("query-id\tcorpus-id\tscore\nq1\td1\t1\n")
    return folder


def test_a_folder_is_counted_as_json(ragkit: Command, scifact: Path) -> None:
    ran = ragkit("eval", "data", "beir", scifact, "--json")
    assert ran.code == 0
    assert ran.json["kind"] == "beir"
    assert ran.json["counts"]["passages"] == 1
    assert ran.json["facts"]["corpus"] == "1 passages"


def test_a_folder_is_counted_for_people(ragkit: Command, scifact: Path) -> None:
    ran = ragkit("eval", "data", "auto", scifact, "--split", "test")
    assert ran.code == 0
    assert f"{scifact}: beir" in ran.out
    assert "           1  queries with judgments" in ran.out
    assert "  corpus: 1 passages" in ran.out


def test_a_wrong_line_is_named_and_the_work_has_failed(ragkit: Command, scifact: Path) -> None:
    (scifact / "corpus.jsonl").write_text('{"_id": "d1"\n')
    ran = ragkit("eval", "data", "beir", scifact)
    assert ran.code == 1
    assert "corpus.jsonl:1: is not JSON" in ran.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["auto"], "name a file or folder: ragkit eval data auto PATH"),
        (["foo", "."], "kind 'foo' is not known"),
        (["beir", "--check", "."], "published files are known of MS MARCO only"),
        (["msmarco", ".", "--check", "."], "published files are known of MS MARCO only"),
        ([], "Missing argument"),
    ],
)
def test_wrong_use_is_explained(ragkit: Command, arguments: list[str], message: str) -> None:
    ran = ragkit("eval", "data", *arguments)
    assert ran.code == 2
    assert message in ran.err
    assert ran.out == ""


def test_missing_and_wrong_files_fail_the_check(ragkit: Command, tmp_path: Path) -> None:
    (tmp_path / "2019qrels-pass.txt").write_text("1 Q0 2 3\n")
    ran = ragkit("eval", "data", "msmarco", "--check", tmp_path, "--json")
    assert ran.code == 1
    assert ran.json["good"] is False
    assert [(file["name"], file["state"]) for file in ran.json["files"]] == [
        ("2019qrels-pass.txt", "wrong"),
        ("collection.tsv", "missing"),
        ("queries.dev.small.tsv", "missing"),
        ("qrels.dev.small.tsv", "missing"),
    ]
    assert ran.json["files"][0]["lines"] == 1
    assert ran.json["files"][1]["path"] is None
    assert "Reading 2019qrels-pass.txt ..." in ran.err
    spoken = ragkit("eval", "data", "msmarco", "--check", tmp_path)
    assert "wrong   2019qrels-pass.txt              1 lines, 9,260 were published" in spoken.out


def test_a_whole_set_of_files_passes_the_check(
    ragkit: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ragkit.evaluate.data import msmarco_files

    files = tuple(msmarco_files.OfficialFile(name, 1) for name in msmarco_files.NEEDED)
    monkeypatch.setattr(msmarco_files, "OFFICIAL", files)
    for official in files:
        (tmp_path / official.name).write_text("1\n")
    ran = ragkit("eval", "data", "msmarco", "--check", tmp_path)
    assert ran.code == 0
    assert ran.out.count("good    ") == 3


def test_the_help_shows_examples(ragkit: Command) -> None:
    ran = ragkit("eval", "data", "--help")
    assert ran.code == 0
    assert "Example: ragkit eval data msmarco --check ./msmarco" in ran.out


def test_the_real_files_of_msmarco_lack_the_collection(ragkit: Command, data: Path) -> None:
    ran = ragkit("eval", "data", "msmarco", "--check", data / "msmarco_passage", "--json")
    assert ran.code == 1
    states = {file["name"]: file["state"] for file in json.loads(ran.out)["files"]}
    assert states == dict.fromkeys(
        (
            "queries.dev.small.tsv",
            "queries.eval.small.tsv",
            "qrels.dev.small.tsv",
            "msmarco-test2019-queries.tsv",
            "2019qrels-pass.txt",
        ),
        "good",
    ) | {"collection.tsv": "missing"}
