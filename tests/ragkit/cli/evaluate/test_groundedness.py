from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from ragkit.cli.app import main
from ragkit.testing.openai_replies import chat_reply
from ragkit.testing.servers import Answer, Asked, LoopbackServer


def _run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as leave:
        main(["eval", "groundedness", *map(str, arguments)])
    out, err = capsys.readouterr()
    assert isinstance(leave.value.code, int)
    return leave.value.code, out, err


@pytest.fixture
def responses(tmp_path: Path) -> Path:
    lines = [
        {
            "id": number,
            "question": "Who built the bridge?",
            "context": "Ada Stone built the bridge in 1932.",
            "response": "Ada Stone built it." if number % 2 else "A giant from Norway made it in 1850.",
            "supported": bool(number % 2),
        }
        for number in range(20)
    ]
    path = tmp_path / "responses.jsonl"
    path.write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    return path


def test_a_run_is_judged_printed_and_written(
    responses: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = _run(capsys, "--data", responses, "--out", tmp_path / "run")
    assert code == 0
    assert "20 responses, 10 of them unsupported (50.0%" in out
    assert "length alone" in out
    assert "report.html" in err
    names = {path.name for path in (tmp_path / "run").iterdir()}
    assert {"config.json", "metrics.json", "per_query.jsonl", "report.html", "usage.json"} <= names


def test_json_is_one_document(responses: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = _run(capsys, "--data", responses, "--out", tmp_path / "run", "--judge", "overlap", "--json")
    document = json.loads(out)
    assert (code, document["measures"]["f1"]["value"]) == (0, 1.0)
    assert document["config"]["judge"]["judge"] == "overlap"
    assert document["config"]["threshold_from"] == "chosen on development data"


def test_a_given_threshold_is_stated_as_given(
    responses: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, out, _ = _run(capsys, "--data", responses, "--out", tmp_path / "run", "--threshold", "0", "--json")
    document = json.loads(out)
    assert (document["config"]["threshold"], document["config"]["threshold_from"]) == (0.0, "given")
    assert document["measures"]["recall"]["value"] == 0.0


def test_another_threshold_in_the_same_folder_is_refused(
    responses: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _run(capsys, "--data", responses, "--out", tmp_path / "run", "--threshold", "0.5")
    code, _, err = _run(capsys, "--data", responses, "--out", tmp_path / "run", "--threshold", "0.6")
    assert code == 2
    assert "holds another run" in err


def test_an_unknown_judge_is_wrong_use(responses: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = _run(capsys, "--data", responses, "--out", tmp_path / "run", "--judge", "gpt")
    assert code == 2
    assert "there is no judge 'gpt'" in err


KEY = "sk-proj-of-this-test-0123456"


@pytest.fixture
def judge(socket_enabled: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[LoopbackServer]:
    """A server whose model says that giants build no bridges."""

    def answer(asked: Asked) -> Answer:
        *_, question = asked.json["messages"]
        verdict = "not supported" if "A giant from" in question["content"] else "supported"
        return chat_reply(json.dumps({"reason": "I have read it.", "verdict": verdict}), usage=(100, 10))

    with LoopbackServer(answer) as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        monkeypatch.setenv("OPENAI_API_KEY", KEY)
        yield server


def test_a_chat_model_judges_and_its_cost_is_told(
    responses: Path, tmp_path: Path, judge: LoopbackServer, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    code, out, err = _run(capsys, "--data", responses, "--out", run, "--judge", "openai:gpt-4.1-mini", "--workers", 4)
    assert (code, "20 responses, 10 of them unsupported" in out) == (0, True)
    # Each claim is asked about once: the responses are two, told ten times.
    assert "2 questions to openai:gpt-4.1-mini: 200 tokens in, 20 out, $0.0001." in err
    assert len(judge.requests) == 2
    metrics = json.loads((run / "metrics.json").read_bytes())
    assert metrics["measures"]["f1"]["value"] == 1.0
    assert (metrics["config"]["threshold"], metrics["config"]["threshold_from"]) == (
        0.5,
        "the middle of the judge's scale",
    )
    assert metrics["config"]["judge"]["model"]["name"] == "openai:gpt-4.1-mini"
    usage = json.loads((run / "usage.json").read_bytes())
    assert (usage["calls"], usage["unpriced_calls"]) == (2, 0)
    assert usage["cost_usd"] == pytest.approx((200 * 0.4 + 20 * 1.6) / 1e6)
    assert all(KEY not in path.read_text(encoding="utf-8") for path in run.iterdir() if path.is_file())


def test_a_resumed_run_asks_a_chat_model_nothing_twice(
    responses: Path, tmp_path: Path, judge: LoopbackServer, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ("--data", responses, "--out", tmp_path / "run", "--judge", "openai:house-model")
    assert _run(capsys, *arguments)[0] == 0
    (tmp_path / "run" / "rows.jsonl").unlink()
    code, _, err = _run(capsys, *arguments)
    assert (code, len(judge.requests)) == (0, 2)
    assert "2 questions to openai:house-model: 200 tokens in, 20 out, unpriced." in err


def test_a_chat_judge_without_a_key_is_one_sentence(
    responses: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    code, _, err = _run(capsys, "--data", responses, "--out", tmp_path / "run", "--judge", "openai:gpt-4.1-mini")
    assert code == 2
    assert "openai:gpt-4.1-mini needs a key: set OPENAI_API_KEY" in err
    assert not (tmp_path / "run").exists()


def test_a_folder_of_files_is_hashed_by_its_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    row = {"id": "1", "dataset": "begin", "context": "c", "response": "c", "label": 1, "meta": {}}
    (folder / "data.jsonl").write_text(json.dumps(row), encoding="utf-8")
    code, out, _ = _run(capsys, "--data", folder, "--out", tmp_path / "run", "--json")
    assert code == 0
    assert list(json.loads(out)["inputs"]) == ["data.jsonl"]


def test_help_has_an_example(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = _run(capsys, "--help")
    assert code == 0
    assert "Example: ragkit eval groundedness --data responses.jsonl" in out
