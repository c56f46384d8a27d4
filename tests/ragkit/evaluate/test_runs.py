from __future__ import annotations

import json
import math
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ragkit.errors import ConfigError, InputError, LoadError, StoreLockedError
from ragkit.evaluate.chat import Ask, Message, Reply
from ragkit.evaluate.outcome import Estimate, Row, Unscored
from ragkit.evaluate.reports.content import Histogram, Report
from ragkit.evaluate.runs import RunFolder
from ragkit.evaluate.usage import Usage

_REPORT = Report("A run", "Ten rows.", sections=(Histogram("Spread", "f1", [0.1, 0.9]),))
_ESTIMATES = {
    "f1": Estimate(value=0.5, low=0.25, high=0.75, n=2, coverage=1.0),
    "faithfulness": Estimate(value=math.nan, low=math.nan, high=math.nan, n=0, coverage=0.0, reasons={"no claims": 2}),
}


def _open(folder: Path, **changes: Any) -> RunFolder:
    plain: dict[str, Any] = {"command": "eval answers", "dataset": "squad", "config": {"k": 3}}
    return RunFolder.open(folder, **(plain | changes))


def _score(ids: Sequence[str]) -> list[Row]:
    return [Row(id=row_id, outcomes={"f1": len(row_id) / 10, "m": Unscored("none")}) for row_id in ids]


class _Counting:
    """Work that remembers the blocks it was given."""

    def __init__(self, fail_at: str = "") -> None:
        self.blocks: list[list[str]] = []
        self._fail_at = fail_at

    def __call__(self, ids: Sequence[str]) -> list[Row]:
        self.blocks.append(list(ids))
        if self._fail_at in ids:
            raise RuntimeError("the model is gone")
        return _score(ids)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "out" / "run"


def test_a_new_run_writes_what_makes_it_this_run(folder: Path) -> None:
    with _open(folder, seeds={"bootstrap": 7}):
        document = json.loads((folder / "config.json").read_bytes())
    assert list(document) == ["command", "dataset", "config", "inputs", "seeds", "versions"]
    assert document["command"] == "eval answers"
    assert (document["config"], document["seeds"]) == ({"k": 3}, {"bootstrap": 7})


def test_rows_come_in_the_order_of_the_ids_whatever_order_the_work_gives(folder: Path) -> None:
    with _open(folder) as run:
        rows = run.work(["b", "ccc", "aa"], lambda ids: _score(ids)[::-1], block=2)
    assert [row.id for row in rows] == ["b", "ccc", "aa"]
    assert rows[2] == Row(id="aa", outcomes={"f1": 0.2, "m": Unscored("none")})


def test_rows_are_given_as_a_resume_would_read_them(folder: Path) -> None:
    with _open(folder) as run:
        fresh = run.work(["a"], lambda ids: [Row(id="a", outcomes={"f1": 1}, details={"hits": ("d1", 2)})])
    with _open(folder) as run:
        resumed = run.work(["a"], _score)
    assert fresh == resumed == [Row(id="a", outcomes={"f1": 1.0}, details={"hits": ["d1", 2]})]
    assert isinstance(fresh[0].outcomes["f1"], float)


def test_rows_that_were_worked_are_not_worked_again(folder: Path) -> None:
    first = _Counting(fail_at="r5")
    ids = [f"r{place}" for place in range(8)]
    with _open(folder) as run, pytest.raises(RuntimeError, match="the model is gone"):
        run.work(ids, first, block=2)
    again = _Counting()
    with _open(folder) as run:
        rows = run.work(ids, again, block=2)
    assert first.blocks == [["r0", "r1"], ["r2", "r3"], ["r4", "r5"]]
    assert again.blocks == [["r4", "r5"], ["r6", "r7"]]
    assert [row.id for row in rows] == ids


def test_a_finished_run_is_read_and_nothing_is_worked(folder: Path) -> None:
    with _open(folder) as run:
        before = run.work(["a", "b"], _score)
    again = _Counting()
    with _open(folder) as run:
        assert run.work(["a", "b"], again) == before
    assert again.blocks == []


def test_blocks_are_cut_by_position_also_when_some_of_their_rows_are_done(folder: Path) -> None:
    with _open(folder) as run:
        run.work(["b"], _score)
    work = _Counting()
    with _open(folder) as run:
        run.work(["a", "b", "c", "d"], work, block=2)
    assert work.blocks == [["a"], ["c", "d"]]


def test_a_torn_last_line_is_worked_again_and_a_changed_line_is_named(folder: Path) -> None:
    with _open(folder) as run:
        run.work(["a", "b", "c"], _score)
    log = folder / "rows.jsonl"
    log.write_bytes(log.read_bytes()[:-9])
    work = _Counting()
    with _open(folder) as run:
        run.work(["a", "b", "c"], work)
    assert work.blocks == [["c"]]
    log.write_bytes(log.read_bytes().replace(b'"rows"', b'"rws"', 1))
    with pytest.raises(LoadError, match=r"rows\.jsonl:1: the line cannot be read \(KeyError: 'rows'\)"):
        _open(folder)
    with pytest.raises(LoadError, match="KeyError"):
        _open(folder)  # and not that it is locked


@given(st.integers(0, 10_000), st.integers(1, 4))
@settings(max_examples=25, deadline=None)
def test_a_run_cut_at_any_byte_goes_on_to_the_same_rows(
    tmp_path_factory: pytest.TempPathFactory, place: int, block: int
) -> None:
    folder = tmp_path_factory.mktemp("runs") / "run"
    ids = [f"r{number}" for number in range(9)]
    with _open(folder) as run:
        whole = run.work(ids, _score, block=block)
    log = folder / "rows.jsonl"
    content = log.read_bytes()
    log.write_bytes(content[: place % (len(content) + 1)])
    work = _Counting()
    with _open(folder) as run:
        assert run.work(ids, work, block=block) == whole
    assert log.read_bytes().count(b"\n") == content.count(b"\n")
    assert all(len(worked) == block or worked[-1] == "r8" for worked in work.blocks)


def test_progress_is_told_at_the_start_and_after_each_block(folder: Path) -> None:
    with _open(folder) as run:
        run.work(["a"], _score)
        told: list[tuple[int, int]] = []
        run.work(["a", "b", "c", "d"], _score, block=2, progress=lambda done, total: told.append((done, total)))
    assert told == [(1, 4), (2, 4), (4, 4)]


def test_several_workers_work_at_the_same_time(folder: Path) -> None:
    together = threading.Barrier(3, timeout=30)

    def meet(ids: Sequence[str]) -> list[Row]:
        together.wait()
        return _score(ids)

    told: list[int] = []
    with _open(folder) as run:
        rows = run.work(list("abcdef"), meet, workers=3, progress=lambda done, total: told.append(done))
    assert [row.id for row in rows] == list("abcdef")
    assert told == [0, 1, 2, 3, 4, 5, 6]


def test_what_other_workers_had_begun_is_kept_when_one_fails_and_no_more_is_begun(folder: Path) -> None:
    begun, failed = threading.Event(), threading.Event()
    worked: list[str] = []

    def work(ids: Sequence[str]) -> list[Row]:
        worked.extend(ids)
        if ids == ["bad"]:
            begun.wait(30)
            failed.set()
            raise RuntimeError("the model is gone")
        begun.set()
        failed.wait(30)
        return _score(ids)

    ids = ["bad", "slow", *(f"r{place}" for place in range(100))]
    with _open(folder) as run, pytest.raises(RuntimeError, match="the model is gone"):
        run.work(ids, work, workers=2)
    lines = [json.loads(line) for line in (folder / "rows.jsonl").read_bytes().splitlines()]
    assert sorted(row["id"] for line in lines for row in line["rows"]) == sorted(set(worked) - {"bad"})
    assert len(worked) < 100


def test_no_thread_goes_on_when_a_listener_or_an_interrupt_ends_the_work(folder: Path) -> None:
    worked: list[str] = []

    def work(ids: Sequence[str]) -> list[Row]:
        worked.extend(ids)
        threading.Event().wait(0.02)
        return _score(ids)

    def interrupt(done: int, total: int) -> None:
        if done:
            raise KeyboardInterrupt

    with _open(folder) as run:
        with pytest.raises(KeyboardInterrupt) as caught:
            run.work([f"r{place}" for place in range(3000)], work, workers=2, progress=interrupt)
        begun = list(worked)
    assert caught.traceback
    assert len(begun) < 3000
    assert [thread for thread in threading.enumerate() if thread.name.startswith("ragkit-run")] == []
    assert worked == begun
    with _open(folder) as run:
        assert len(run.work(sorted(begun), _Counting(fail_at=begun[0]))) == len(begun)


@pytest.mark.parametrize(("step", "synced"), [(0.01, 2), (0.2, 7)])
def test_blocks_are_synced_ten_times_a_second_and_at_the_end(
    folder: Path, monkeypatch: pytest.MonkeyPatch, step: float, synced: int
) -> None:
    with _open(folder, clock=_ticking(step)) as run:
        run.work(["first"], _score)
        syncs: list[int] = []
        monkeypatch.setattr(os, "fsync", syncs.append)
        run.work(list("abcdef"), _score)
    assert len(syncs) == synced


def test_a_closed_run_works_nothing(folder: Path) -> None:
    with _open(folder) as run:
        pass
    with pytest.raises(InputError, match=r"the run in .* is closed: work inside of its `with` block"):
        run.work(["a"], _score)


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (lambda ids: [], r"the work gave the rows \[\] for the ids \[a\]: give one for each"),
        (lambda ids: _score(["x"]), r"the work gave the rows \[x\] for the ids \[a\]"),
        (lambda ids: _score(["a", "a"]), r"the work gave the rows \[a, a\] for the ids \[a\]"),
        (lambda ids: [Row(id="a", outcomes={"f1": math.nan})], "the row 'a' has f1 = nan: expected a finite number"),
        (lambda ids: [Row(id="a", outcomes={}, details={"x": object()})], "a line of the run is not JSON"),
    ],
)
def test_work_that_gives_no_proper_rows_is_refused_and_not_kept(
    folder: Path, given: Callable[[Sequence[str]], list[Row]], sentence: str
) -> None:
    with _open(folder) as run, pytest.raises(InputError, match=sentence):
        run.work(["a"], given)
    assert not (folder / "rows.jsonl").exists()


def test_numbers_below_one_and_repeated_ids_are_refused(folder: Path) -> None:
    with _open(folder) as run:
        with pytest.raises(InputError, match=r"block must be at least 1, got 0\."):
            run.work(["a"], _score, block=0)
        with pytest.raises(InputError, match=r"workers must be at least 1, got -1\."):
            run.work(["a"], _score, workers=-1)
        with pytest.raises(InputError, match="the id 'a' is there twice"):
            run.work(["a", "a"], _score)


def test_another_configuration_is_refused_by_the_first_key_that_differs(folder: Path) -> None:
    _open(folder, config={"mode": "bm25", "k": 3}).close()
    with pytest.raises(
        ConfigError,
        match=r'run holds another run: config\.mode is "bm25" there and "dense" now\. Results are never mixed: '
        "give another folder, or delete this one to begin anew",
    ):
        _open(folder, config={"mode": "dense", "k": 4})


def test_an_input_with_another_content_is_refused_and_one_at_another_place_is_not(folder: Path, tmp_path: Path) -> None:
    for name, content in (("a.tsv", "1"), ("b.tsv", "1"), ("c.tsv", "2")):
        (tmp_path / name).write_text(content)
    _open(folder, inputs={"qrels": tmp_path / "a.tsv"}).close()
    _open(folder, inputs={"qrels": tmp_path / "b.tsv"}).close()
    with pytest.raises(ConfigError, match=r"inputs\.qrels\.sha256 is .* there and .* now"):
        _open(folder, inputs={"qrels": tmp_path / "c.tsv"})


def test_another_version_of_a_package_is_refused(folder: Path) -> None:
    _open(folder).close()
    path = folder / "config.json"
    document = json.loads(path.read_bytes())
    document["versions"]["numpy"] = "1.0"
    path.write_text(json.dumps(document))
    with pytest.raises(ConfigError, match=r'versions\.numpy is "1\.0" there and "\d.* now'):
        _open(folder)


def test_a_folder_with_other_files_is_refused_and_hidden_files_are_none(folder: Path) -> None:
    folder.mkdir(parents=True)
    (folder / ".config.json.0.tmp").touch()
    _open(folder).close()
    (folder / "config.json").unlink()
    (folder / "thesis.doc").touch()
    with pytest.raises(ConfigError, match=r"holds thesis\.doc and no run: give a new or an empty folder"):
        _open(folder)


@pytest.mark.parametrize(("content", "reason"), [("{", "it is not JSON"), ("[]", "it is not a JSON object")])
def test_a_damaged_configuration_is_named(folder: Path, content: str, reason: str) -> None:
    _open(folder).close()
    (folder / "config.json").write_text(content)
    with pytest.raises(LoadError, match=rf"config\.json: {reason}.*restore it, or delete the folder"):
        _open(folder)


def test_one_process_at_a_time_works_in_a_folder(folder: Path) -> None:
    with _open(folder), pytest.raises(StoreLockedError, match=r"run is being written by process \d+: wait"):
        _open(folder)
    _open(folder).close()


def test_the_result_is_written_with_null_for_what_could_not_be_measured(folder: Path) -> None:
    with _open(folder, seeds={"bootstrap": 0}) as run:
        rows = run.work(["a", "bb"], _score)
        metrics = run.finish(rows, _ESTIMATES, _REPORT)
    assert json.loads((folder / "metrics.json").read_bytes()) == metrics
    assert list(metrics) == ["dataset", "n", "measures", "command", "config", "inputs", "seeds", "versions"]
    assert (metrics["dataset"], metrics["n"], metrics["config"]) == ("squad", 2, {"k": 3})
    assert metrics["measures"] == {
        "f1": {"value": 0.5, "low": 0.25, "high": 0.75, "n": 2, "coverage": 1.0},
        "faithfulness": {
            "value": None,
            "low": None,
            "high": None,
            "n": 0,
            "coverage": 0.0,
            "unscored": {"no claims": 2},
        },
    }
    lines = [json.loads(line) for line in (folder / "per_query.jsonl").read_bytes().splitlines()]
    assert [Row.from_dict(line) for line in lines] == rows
    assert "<h1" in (folder / "report.html").read_text(encoding="utf-8")


def test_an_infinite_mean_is_refused_before_anything_is_written(folder: Path) -> None:
    estimates = {"perplexity": Estimate(value=math.inf, low=math.nan, high=math.nan, n=1, coverage=1.0)}
    with _open(folder) as run, pytest.raises(InputError, match="the estimate 'perplexity' is infinite"):
        run.finish(run.work(["a"], _score), estimates, _REPORT)
    assert not (folder / "per_query.jsonl").exists()


def test_a_result_of_fewer_rows_does_not_stand_beside_rows_it_was_not_made_of(folder: Path) -> None:
    with _open(folder) as run:
        run.finish(run.work(["a"], _score), _ESTIMATES, _REPORT)
    same = (folder / "metrics.json").read_bytes()

    broken = Report("A run", "Rows.", sections=(Histogram("Spread", "f1", ["x"]),))  # type: ignore[list-item]
    with _open(folder) as run:
        with pytest.raises(ValueError, match="could not convert"):
            run.finish(run.work(["a"], _score), _ESTIMATES, broken)
        assert (folder / "metrics.json").read_bytes() == same
        with pytest.raises(ValueError, match="could not convert"):
            run.finish(run.work(["a", "b"], _score), _ESTIMATES, broken)
    assert not (folder / "metrics.json").exists()


def _ticking(step: float) -> Callable[[], float]:
    times: Iterator[float] = (step * place for place in count())
    return lambda: next(times)


def test_usage_adds_up_over_all_resumes(folder: Path) -> None:
    ask = Ask(messages=[Message("user", "q")])
    with _open(folder, clock=_ticking(0.5)) as run:
        run.journal.put("k1", ask, Reply(text="a", input_tokens=5, output_tokens=1, cost_usd=0.25, seconds=0.125))
        run.work(["a", "b"], _score)
    with _open(folder, clock=_ticking(2.0)) as run:
        run.journal.put("k2", ask, Reply(text="b", input_tokens=7, output_tokens=2, cost_usd=0.5, seconds=0.25))
        rows = run.work(["a", "b", "c"], _score)
        run.finish(rows, {}, _REPORT)
    usage = json.loads((folder / "usage.json").read_bytes())
    assert usage | {"latency_s": None} == {
        "seconds": 3.0,
        "calls": 2,
        "input_tokens": 12,
        "output_tokens": 3,
        "cost_usd": 0.75,
        "unpriced_calls": 0,
        "latency_s": None,
    }
    assert usage["latency_s"]["row"] == {"n": 3, "p50": 0.5, "p90": 1.7, "p95": 1.85, "p99": 1.97, "max": 2.0}


def test_a_run_that_asks_no_model_has_no_journal(folder: Path) -> None:
    with _open(folder) as run:
        run.work(["a"], _score)
        assert run.usage().calls == 0
    assert not (folder / "replies.jsonl").exists()


def test_the_usage_of_a_resumed_run_counts_replies_before_the_journal_is_used(folder: Path) -> None:
    with _open(folder) as run:
        run.journal.put("k", Ask(messages=[]), Reply(text="a", cost_usd=1.0))
    with _open(folder) as run:
        assert run.usage().cost_usd == 1.0


def test_the_same_inputs_give_the_same_bytes_but_for_times(folder: Path, tmp_path: Path) -> None:
    folders = (tmp_path / "fast", tmp_path / "slow")
    for place, out in enumerate(folders):
        with _open(out, clock=_ticking(0.001 * (place + 1))) as run:
            run.finish(run.work(["a", "bb", "ccc"], _score, block=2), _ESTIMATES, _REPORT)
    for name in ("config.json", "metrics.json", "per_query.jsonl"):
        assert (folders[0] / name).read_bytes() == (folders[1] / name).read_bytes()
    pages = [(out / "report.html").read_text(encoding="utf-8") for out in folders]
    assert pages[0] != pages[1]
    timeless = [page.partition("<!-- usage -->")[0] + page.partition("<!-- /usage -->")[2] for page in pages]
    assert timeless[0] == timeless[1]


def test_usage_measured_by_the_caller_is_written_in_place_of_the_runs_own(folder: Path) -> None:
    with _open(folder) as run:
        run.finish(run.work(["a"], _score), {}, _REPORT, usage=Usage(seconds=9.0, latencies_s={"query": [0.25]}))
    usage = json.loads((folder / "usage.json").read_bytes())
    assert (usage["seconds"], usage["latency_s"]["query"]["p50"]) == (9.0, 0.25)
    assert "Latency of one query" in (folder / "report.html").read_text(encoding="utf-8")


def test_a_row_whose_model_failed_is_worked_again_by_a_resume_and_no_other(tmp_path: Path) -> None:
    reasons = {"a": "the model failed: RateLimitError (429)", "b": "the judge gave no valid JSON", "c": "not recorded"}
    with _open(tmp_path) as run:
        run.work(list("abcd"), lambda ids: [_with_reason(row_id, reasons.get(row_id)) for row_id in ids], block=2)
    for missing in (["a", "c"], []):
        again = _Counting()
        with _open(tmp_path) as run:
            rows = run.work(list("abcd"), again, block=2)
        assert [row_id for block in again.blocks for row_id in block] == missing
        assert [row.outcomes["f1"] for row in rows] == [0.1, Unscored("the judge gave no valid JSON"), 0.1, 0.5]


def test_the_time_of_rows_that_failed_is_not_forgotten(tmp_path: Path) -> None:
    with _open(tmp_path, clock=count().__next__) as run:
        run.work(["a"], lambda ids: [_with_reason("a", "the model failed")])
    with _open(tmp_path, clock=count().__next__) as run:
        run.work(["a"], _score)
        assert run.usage().seconds == 2.0


def _with_reason(row_id: str, reason: str | None) -> Row:
    return Row(id=row_id, outcomes={"f1": Unscored(reason) if reason else 0.5})
