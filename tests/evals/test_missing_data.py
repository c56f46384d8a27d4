from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

import evals.hallucination
import evals.judges
import evals.msmarco
import evals.scoring
import evals.squad


@pytest.mark.parametrize(
    "main",
    [evals.hallucination.main, evals.judges.main, evals.msmarco.main, evals.scoring.main, evals.squad.main],
    ids=lambda main: main.__module__,
)
def test_missing_data_is_one_sentence(
    main: Callable[[Sequence[str]], int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--data", str(tmp_path / "nowhere")]) == 1
    said = capsys.readouterr()
    assert (said.out, said.err.count("\n")) == ("", 1)
    assert "nowhere" in said.err
