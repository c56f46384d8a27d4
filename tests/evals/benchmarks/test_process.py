from __future__ import annotations

import sys
from pathlib import Path

import pytest

from evals.benchmarks.measure import Outcome
from evals.benchmarks.process import RoundError, Side, environment, interleave, run_task

SIDES = [Side(name=name, python=Path(sys.executable), module="none", setting="") for name in ("a", "b")]


def test_rounds_are_interleaved_and_every_second_one_runs_backwards() -> None:
    calls: list[tuple[str, int]] = []

    def one_round(side: Side, number: int) -> Outcome:
        calls.append((side.name, number))
        return Outcome(numbers={"round": number})

    done = interleave(SIDES, 3, one_round)
    assert calls == [("a", 0), ("b", 0), ("b", 1), ("a", 1), ("a", 2), ("b", 2)]
    assert [outcome.numbers["round"] for outcome in done.outcomes["b"]] == [0, 1, 2]
    assert done.failures == {}


def test_a_side_that_fails_leaves_and_the_others_go_on() -> None:
    def one_round(side: Side, number: int) -> Outcome:
        if side.name == "a" and number == 1:
            raise RoundError("no memory")
        return Outcome(numbers={})

    done = interleave(SIDES, 3, one_round)
    assert done.failures == {"a": "no memory"}
    assert list(done.outcomes) == ["b"]
    assert len(done.outcomes["b"]) == 3


def test_a_task_runs_in_its_own_process_which_is_timed_and_gets_the_options_of_its_side(tmp_path: Path) -> None:
    (tmp_path / "a_side.py").write_text(
        "import os, sys\n"
        "from evals.benchmarks.measure import Outcome, do_job\n"
        "def look(job):\n"
        "    print('libraries talk')\n"
        "    threads = int(os.environ['OMP_NUM_THREADS'])\n"
        "    numbers = {'pid': os.getpid(), 'threads': threads, 'sum': job['a'] + job['b']}\n"
        "    return Outcome(numbers=numbers)\n"
        "do_job({'look': look})\n"
    )
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\nPYTHONPATH="{tmp_path}" exec "{sys.executable}" "$@"\n')
    python.chmod(0o755)
    side = Side(name="a", python=python, module="a_side", setting="", options={"b": 2})
    numbers = run_task(side, "look", {"a": 1, "b": 1}, threads=3).numbers
    assert numbers["sum"] == 3
    assert numbers["threads"] == 3
    assert numbers["process_s"] > 0
    assert numbers["pid"] not in (0, 1)


def test_a_process_that_fails_gives_its_last_words() -> None:
    side = Side(name="a", python=Path(sys.executable), module="no_such_module_anywhere", setting="")
    with pytest.raises(RoundError, match=r"look ended with 1: .*No module named no_such_module_anywhere"):
        run_task(side, "look", {}, threads=1)


def test_every_side_is_held_to_the_same_threads_and_kept_off_the_network() -> None:
    found = environment(2)
    assert {found[name] for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "RAYON_NUM_THREADS")} == {"2"}
    assert found["HF_HUB_OFFLINE"] == "1"
    assert found["HAYSTACK_TELEMETRY_ENABLED"] == "False"
