from __future__ import annotations

from pathlib import Path

import pytest

from evals.benchmarks import memory
from evals.benchmarks.peer import Peers
from evals.benchmarks.sides import history_own
from evals.benchmarks.sides.history import SHOWN, filled, measured, turn


def test_our_side_is_filled_and_measured(tmp_path: Path) -> None:
    job = {"folder": str(tmp_path), "turns": 10}

    disk = filled(job, history_own._opened)
    found = measured(job, history_own._opened, {"ragkit": "0"})

    assert set(disk.numbers) == {"disk_10_mb"}
    assert set(found.numbers) == {"first_10_ms", "append_10_ms", "window_10_ms"}
    assert all(value > 0 for value in found.numbers.values())
    assert found.versions == {"ragkit": "0"}


def test_a_conversation_that_is_not_whole_is_an_error(tmp_path: Path) -> None:
    filled({"folder": str(tmp_path), "turns": SHOWN // 2 - 1}, history_own._opened)

    with pytest.raises(RuntimeError, match="the window is not whole"):
        measured({"folder": str(tmp_path), "turns": 9}, history_own._opened, {})


def test_each_turn_is_another_of_the_same_size() -> None:
    question, answer = turn(3)

    assert (len(question.split()), len(answer.split())) == (41, 81)
    assert turn(4) != turn(3) == turn(3)


def test_a_peer_that_cannot_be_installed_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")  # where a folder should be

    part = memory.run(Peers(tmp_path / "file"), [], 1, tmp_path)

    assert [row.name for row in part.rows] == ["ragkit"]
    assert set(part.failures) == {"LangChain", "LangGraph"}
    assert all("could be made in" in reason for reason in part.failures.values())


def test_a_size_that_is_no_number_is_wrong_use(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        memory.main(["--turns", "ten"])
    assert "invalid literal" in capsys.readouterr().err
