from __future__ import annotations

import json
from pathlib import Path

import pytest

from ragkit.testing.openai_replies import chat_reply
from ragkit.testing.servers import LoopbackServer


@pytest.fixture
def questions(tmp_path: Path) -> Path:
    path = tmp_path / "questions.jsonl"
    rows = [
        {"id": "walk", "question": "Who was the first person to walk on the Moon?", "answers": ["Neil Armstrong"]},
        {"id": "core", "question": "What does the Sun turn hydrogen into?", "answers": ["helium"]},
        {"id": "fee", "question": "Which fee does the harbour master of Rotterdam charge?", "answers": []},
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def test_a_collection_is_asked_and_measured(ragkit, store: Path, questions: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    out = tmp_path / "run"
    ran = ragkit("eval", "answers", "--data", questions, "--store", store, "--out", out, "--judge", "overlap", "--json")
    assert ran.code == 0, ran.err
    assert ran.json == json.loads((out / "metrics.json").read_text(encoding="utf-8"))
    assert (ran.json["dataset"], ran.json["n"]) == ("questions.jsonl", 3)
    assert ran.json["measures"]["correct"]["value"] == 1.0
    assert ran.json["measures"]["quotes"]["value"] == 1.0
    assert ran.json["measures"]["abstain_recall"]["value"] == 1.0
    assert (out / "report.html").is_file()


def test_a_person_sees_the_measures(ragkit, store: Path, questions: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    ran = ragkit("eval", "answers", "--data", questions, "--store", store, "--out", tmp_path / "run")
    assert ran.code == 0, ran.err
    assert "correct" in ran.out
    assert "citation_recall" in ran.out


def test_predictions_are_measured_without_a_collection(ragkit, questions: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    predictions = tmp_path / "predictions.json"
    predictions.write_text(json.dumps({"walk": "Neil Armstrong", "core": "carbon", "fee": ""}), encoding="utf-8")
    ran = ragkit(
        "eval", "answers", "--data", questions, "--predictions", predictions, "--out", tmp_path / "run", "--json"
    )
    assert ran.code == 0, ran.err
    assert ran.json["measures"]["exact_match"]["value"] == pytest.approx(2 / 3)
    assert ran.json["measures"]["quotes"]["value"] is None
    assert set(ran.json["inputs"]) == {"data", "predictions"}


@pytest.mark.parametrize("both", [True, False])
def test_one_system_is_measured_at_a_time(ragkit, questions: Path, tmp_path: Path, both: bool) -> None:  # type: ignore[no-untyped-def]
    given = ["--store", tmp_path / "store", "--predictions", questions] if both else []
    ran = ragkit("eval", "answers", "--data", questions, "--out", tmp_path / "run", *given)
    assert ran.code == 2
    assert f"give either --store or --predictions, not {'both' if both else 'neither'}" in ran.err


def test_an_unknown_judge_is_named(ragkit, store: Path, questions: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    ran = ragkit(
        "eval", "answers", "--data", questions, "--store", store, "--out", tmp_path / "run", "--judge", "oracle"
    )
    assert ran.code == 2
    assert "there is no judge 'oracle'" in ran.err


def test_a_judge_with_embeddings_takes_the_model_of_the_collection(  # type: ignore[no-untyped-def]
    ragkit, store: Path, questions: Path, tmp_path: Path
) -> None:
    ran = ragkit(
        "eval",
        "answers",
        "--data",
        questions,
        "--store",
        store,
        "--out",
        tmp_path / "run",
        "--judge",
        "embedding",
        "--json",
    )
    assert ran.code == 0, ran.err
    assert ran.json["config"]["judge"]
    assert ran.json["measures"]["citation_recall"]["value"] == 1.0


def test_help_has_an_example(ragkit) -> None:  # type: ignore[no-untyped-def]
    assert "Example: ragkit eval answers --data" in ragkit("eval", "answers", "--help").out


def test_a_chat_model_says_whether_a_quote_is_enough(
    ragkit,  # type: ignore[no-untyped-def]
    store: Path,
    questions: Path,
    tmp_path: Path,
    socket_enabled: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    said = chat_reply(json.dumps({"reason": "It stands there.", "verdict": "supported"}), usage=(100, 10))
    out = tmp_path / "run"
    with LoopbackServer(lambda asked: said) as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        arguments = ("--data", questions, "--store", store, "--out", out, "--judge", "openai:house-model")
        ran = ragkit("eval", "answers", *arguments, "--workers", 2)
        asked = len(server.requests)
        again = ragkit("eval", "answers", *arguments)
        assert len(server.requests) == asked
    assert (ran.code, again.code) == (0, 0), ran.err
    assert (
        f"{asked} questions to openai:house-model: {100 * asked:,} tokens in, {10 * asked} out, unpriced." in again.err
    )
    assert "how far the judge openai:house-model agrees with people is not known here" in (
        (out / "report.html").read_text(encoding="utf-8")
    )
    metrics = json.loads((out / "metrics.json").read_text(encoding="utf-8"))
    assert metrics["measures"]["citation_recall"]["value"] == 1.0
    assert metrics["config"]["entailed_from"] == 0.5
