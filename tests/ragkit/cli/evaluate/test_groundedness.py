from __future__ import annotations

import json
from pathlib import Path

import pytest

from ragkit.cli.app import main


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
