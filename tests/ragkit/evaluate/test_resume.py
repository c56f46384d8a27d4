"""An evaluation with a model that costs money, killed with SIGKILL in a process of its own and resumed."""

from __future__ import annotations

import json
import runpy
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from ragkit.errors import StoreLockedError

_SCRIPT = Path(__file__).with_name("metered_evaluation.py")
_evaluate = runpy.run_path(str(_SCRIPT))["evaluate"]
_CALLS = 24


def _start(folder: Path, stop: str | int, workers: int = 1) -> subprocess.Popen[str]:
    command = [sys.executable, _SCRIPT, folder, str(stop), str(workers)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def _wait_until_silent(process: subprocess.Popen[str]) -> None:
    assert process.stdout is not None
    assert process.stdout.readline() == "killable\n"


def _kill_after(folder: Path, calls: int, workers: int = 1) -> None:
    with _start(folder, calls, workers) as process:
        _wait_until_silent(process)
        process.kill()
    assert process.returncode == -signal.SIGKILL


def _kill_at(folder: Path, place: str) -> None:
    with _start(folder, place) as process:
        process.communicate()
    assert process.returncode == -signal.SIGKILL


def _result(folder: Path) -> dict[str, bytes]:
    files = {name: (folder / "run" / name).read_bytes() for name in ("config.json", "metrics.json", "per_query.jsonl")}
    page = (folder / "run" / "report.html").read_bytes()
    return files | {"report.html": page.partition(b"<!-- usage -->")[0] + page.partition(b"<!-- /usage -->")[2]}


def _repeated_calls(folder: Path) -> list[str]:
    paid = Counter((folder / "meter").read_text(encoding="ascii").split())
    assert len(paid) == _CALLS
    return [key for key, times in paid.items() if times > 1]


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("uninterrupted")
    _evaluate(folder)
    return _result(folder)


def test_killed_again_and_again_in_the_middle_of_a_call_it_repeats_none_and_gives_the_same_bytes(
    tmp_path: Path, uninterrupted: dict[str, bytes]
) -> None:
    for calls in (0, 1, 4, 3, 9):
        _kill_after(tmp_path, calls)
    _evaluate(tmp_path)
    assert _repeated_calls(tmp_path) == []
    assert _result(tmp_path) == uninterrupted
    usage = json.loads((tmp_path / "run" / "usage.json").read_bytes())
    assert (usage["calls"], usage["cost_usd"], usage["output_tokens"]) == (_CALLS, 0.24, _CALLS)


def test_killed_with_three_workers_it_repeats_no_call_and_gives_the_same_bytes(
    tmp_path: Path, uninterrupted: dict[str, bytes]
) -> None:
    for calls in (5, 8):
        _kill_after(tmp_path, calls, workers=3)
    _evaluate(tmp_path, workers=3)
    assert _repeated_calls(tmp_path) == []
    assert _result(tmp_path) == uninterrupted


def test_killed_between_a_reply_and_its_row_and_while_the_result_is_written_it_gives_the_same_bytes(
    tmp_path: Path, uninterrupted: dict[str, bytes]
) -> None:
    for place in ("q0", "q5", "worked", "report"):
        _kill_at(tmp_path, place)
        assert not (tmp_path / "run" / "metrics.json").exists()
    assert (tmp_path / "run" / "per_query.jsonl").exists()
    _evaluate(tmp_path)
    assert _repeated_calls(tmp_path) == []
    assert _result(tmp_path) == uninterrupted


def test_a_process_that_works_keeps_others_out_and_one_that_was_killed_does_not(tmp_path: Path) -> None:
    with _start(tmp_path, 2) as process:
        _wait_until_silent(process)
        with pytest.raises(StoreLockedError, match=f"run is being written by process {process.pid}: wait for it"):
            _evaluate(tmp_path)
        process.kill()
    _evaluate(tmp_path)
    assert _repeated_calls(tmp_path) == []
