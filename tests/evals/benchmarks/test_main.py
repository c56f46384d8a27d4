from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from evals.benchmarks.__main__ import BENCHMARKS, chosen, main, options, sizes
from evals.benchmarks.machine import busy, without_folders
from evals.benchmarks.setup import FULL, QUICK


def test_all_benchmarks_run_unless_some_are_named() -> None:
    assert chosen(None, False, None) == list(BENCHMARKS)
    assert chosen("open, ingest", False, None) == ["ingest", "open"]


def test_a_benchmark_that_does_not_exist_is_named() -> None:
    with pytest.raises(ValueError, match="no benchmark speed: choose from ingest, search"):
        chosen("speed,open", False, None)


def test_missing_runs_only_what_the_folder_lacks(tmp_path: Path) -> None:
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / "open.json").write_text("{}")
    assert chosen("ingest,open", True, tmp_path) == ["ingest"]
    assert chosen("ingest,open", False, tmp_path) == ["ingest", "open"]


def test_missing_needs_a_folder_to_look_in() -> None:
    with pytest.raises(ValueError, match="--missing needs --out"):
        chosen(None, True, None)


def test_sizes_are_full_or_quick_with_what_was_asked() -> None:
    assert sizes(options().parse_args([])) == FULL
    assert sizes(options().parse_args(["--quick"])) == QUICK
    asked = options().parse_args(["--quick", "--rounds", "2", "--growth", "10,20"])
    assert sizes(asked) == replace(QUICK, rounds=2, growth=(10, 20))


@pytest.mark.parametrize(
    "wrong", [["--rounds", "0"], ["--growth", "10,x"], ["--only", "speed"], ["--peer-python", "txtai"], ["--missing"]]
)
def test_wrong_use_ends_with_2_and_a_sentence(wrong: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(wrong)
    assert "error: " in capsys.readouterr().err


def test_a_benchmark_without_its_data_says_so_and_the_run_ends_with_1(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = main(["--only", "growth", "--data", str(tmp_path), "--cache", str(tmp_path / "cache")])
    assert code == 1
    assert "lacks articles.jsonl.gz, qna_per_passage.json.gz: set RAGKIT_DATA or pass --data" in capsys.readouterr().err


def test_the_command_of_a_report_names_no_folder_of_the_machine() -> None:
    given = ["--quick", "--out", "there", "--peer-python=txtai=x", "--peer-python", "txtai=y", "--rounds", "2"]
    assert without_folders(given) == ["--quick", "--rounds", "2"]
    assert without_folders(["--out", "--work", "--quick"]) == ["--quick"]


def test_a_busy_machine_is_told_and_a_quiet_or_uncounted_one_is_not() -> None:
    assert busy(7.8, 2) == ["The machine was busy before it began (load 7.8 on 2 cores): measure again for figures."]
    assert busy(2.9, 2) == []
    assert busy(float("nan"), 2) == []
