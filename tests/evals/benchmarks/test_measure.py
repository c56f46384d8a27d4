from __future__ import annotations

import json
import math
import sys
import time
from pathlib import Path

import pytest

from evals.benchmarks.measure import (
    Outcome,
    Stopwatch,
    do_job,
    folder_mb,
    overlap,
    peak_rss_mb,
    quantile,
    read_rows,
    since_start_s,
    timed,
    versions_of,
)


def test_a_quantile_is_a_value_that_was_measured() -> None:
    values = [5.0, 1.0, 4.0, 2.0, 3.0]
    assert quantile(values, 0.5) == 3.0
    assert quantile(values, 0.99) == 5.0
    assert quantile(values, 0.0) == 1.0
    assert quantile([7.0], 0.5) == 7.0
    assert quantile(range(1, 101), 0.99) == 99
    assert math.isnan(quantile([], 0.5))


def test_overlap_is_the_mean_share_of_the_wanted_that_was_found() -> None:
    assert overlap([["a", "b"], ["c"]], [["b", "a"], ["d"]]) == 0.5
    assert overlap([["a"]], [["a", "b", "c", "d"]]) == 0.25
    assert overlap([[]], [[]]) == 1.0
    assert math.isnan(overlap([], []))


def test_overlap_refuses_answers_to_other_queries() -> None:
    with pytest.raises(ValueError, match="longer"):
        overlap([["a"]], [["a"], ["b"]])


def test_every_item_is_timed_once_and_the_first_are_done_before() -> None:
    done: list[int] = []

    def double(item: int) -> int:
        done.append(item)
        return 2 * item

    asked = timed(double, [1, 2, 3], warm_up=2)
    assert done == [1, 2, 1, 2, 3]
    assert asked.results == [2, 4, 6]
    assert len(asked.times_ms) == 3
    assert 0 <= asked.median_ms <= asked.p99_ms


def test_an_outcome_comes_back_from_its_file(tmp_path: Path) -> None:
    outcome = Outcome(numbers={"a": 1.5}, found=[["x", "y"], []], words={"engine": "e"}, versions={"faiss-cpu": "1"})
    outcome.write(tmp_path / "outcome.json")
    assert Outcome.read(tmp_path / "outcome.json") == outcome


def test_a_job_is_done_by_the_task_it_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    job = {"task": "twice", "number": 4, "outcome": str(tmp_path / "outcome.json")}
    (tmp_path / "job.json").write_text(json.dumps(job))
    monkeypatch.setattr(sys, "argv", ["side", str(tmp_path / "job.json")])
    do_job({"twice": lambda job: Outcome(numbers={"is": 2 * job["number"]}), "once": lambda _: Outcome(numbers={})})
    assert Outcome.read(tmp_path / "outcome.json").numbers == {"is": 8}


def test_a_stopwatch_tells_working_from_waiting() -> None:
    watch = Stopwatch()
    with watch.running():
        time.sleep(0.05)
    assert watch.wall_s >= 0.05
    assert watch.cpu_s < watch.wall_s


def test_the_clock_of_a_process_starts_when_its_job_was_written() -> None:
    assert since_start_s({"started_at": time.time() - 3}) >= 3


def test_a_folder_weighs_what_its_files_weigh(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "a").write_bytes(bytes(1_500_000))
    (tmp_path / "b").write_bytes(bytes(500_000))
    assert folder_mb(tmp_path) == 2.0


def test_peak_memory_is_never_below_what_was_held() -> None:
    held = bytearray(50_000_000)
    held[::4096] = bytes([1]) * len(held[::4096])
    assert peak_rss_mb() > 50


def test_rows_are_read_in_order(tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_text('{"id": "a"}\n{"id": "b"}\n')
    assert [row["id"] for row in read_rows(tmp_path / "rows.jsonl")] == ["a", "b"]


def test_a_missing_package_has_no_version() -> None:
    assert list(versions_of("pytest", "no-such-package-anywhere")) == ["pytest"]
