from __future__ import annotations

from pathlib import Path

import pytest

from evals.conversation import main

CONDENSER = "def parrot(history, question):\n    return question\n"


def test_real_conversations_are_measured(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "condensers_of_a_test.py").write_text(CONDENSER, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    arguments = ["canard", "--data", str(data), "--questions", "20", "--condenser", "condensers_of_a_test:parrot"]
    assert main(arguments) == 0
    printed = capsys.readouterr().out
    assert "20 questions." in printed
    lines = {line.split("  ")[0]: line.split("  ", 1)[1].strip() for line in printed.splitlines() if "[" in line}
    assert lines["condensers_of_a_test:parrot"] == lines["as asked"]
    assert "with all turns" in lines


def test_wrong_use_is_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["talk"]) == 1
    assert capsys.readouterr().err == "there is no part 'talk': known are canard, mtrag, unanswered.\n"
    assert main(["canard", "--condenser", "mine"]) == 1
    assert "the condenser 'mine' cannot be found: expected MODULE:FUNCTION." in capsys.readouterr().err
