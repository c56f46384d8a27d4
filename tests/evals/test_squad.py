from __future__ import annotations

import json
from pathlib import Path

import pytest

from evals.extractive import Question
from evals.squad import both_ways, main


def test_every_question_is_asked_with_and_without_its_document() -> None:
    rows = both_ways([Question("Who?", ("Me", "I"), "doc")])
    assert [(row.id, row.answers, dict(row.metadata)) for row in rows] == [
        ("0", ("Me", "I"), {}),
        ("0-without", (), {"without": "doc"}),
    ]


def test_missing_data_and_unknown_names_are_said_in_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--data", str(tmp_path / "nowhere")]) == 1
    assert "is not there: set RAGKIT_DATA or pass --data" in capsys.readouterr().err
    assert main(["--data", str(tmp_path), "quac"]) == 2
    assert "quac is no collection: choose of xquad, hallurag, covid" in capsys.readouterr().err


def test_it_prints_a_column_for_each_collection(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAGKIT_CACHE", str(tmp_path / "cache"))
    asked = {"Who walked on the Moon first?": "Neil Armstrong", "What does the Sun turn hydrogen into?": "helium"}
    texts = ("Neil Armstrong was the first to walk on the Moon.", "The Sun turns hydrogen into helium.")
    articles = [
        {
            "title": answer,
            "paragraphs": [
                {"context": text, "qas": [{"id": answer, "question": question, "answers": [{"text": answer}]}]}
            ],
        }
        for (question, answer), text in zip(asked.items(), texts, strict=True)
    ]
    (tmp_path / "xquad_en").mkdir()
    (tmp_path / "xquad_en" / "xquad.en.json").write_text(json.dumps({"data": articles}), encoding="utf-8")
    assert main(["--data", str(tmp_path), "--out", str(tmp_path / "runs"), "xquad"]) == 0
    out = capsys.readouterr().out
    assert "xquad: 2 documents, 2 chunks, 1 questions asked both ways." in out
    for name in ("quoted", "answered", "right", "declined", "auroc"):
        assert f"| {name}" in out
    assert (tmp_path / "runs" / "run-xquad" / "report.html").is_file()
