from __future__ import annotations

from pathlib import Path

import pytest

from evals.hallucination import main


def test_data_that_is_not_there_is_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["wice", "--data", str(tmp_path / "nowhere")]) == 1
    said = capsys.readouterr().err
    assert str(tmp_path / "nowhere") in said
    assert said.count("\n") == 1


def test_a_set_that_is_not_known_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["wise"]) == 1
    assert capsys.readouterr().err == "there is no set 'wise': known are ragtruth, wice, factscore, halueval.\n"
