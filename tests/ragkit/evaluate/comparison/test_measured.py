from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ragkit.errors import InputError, LoadError
from ragkit.evaluate.comparison.measured import read_measured
from ragkit.evaluate.outcome import Row

METRICS: dict[str, Any] = {
    "dataset": "toy",
    "n": 1,
    "measures": {"nDCG@10": {"value": 0.5, "low": 0.4, "high": 0.6, "n": 1, "coverage": 1.0}},
    "command": "eval x",
    "config": {"k": 10},
    "inputs": {"qrels": {"sha256": "ab" * 32}},
    "seeds": {},
    "versions": {"python": "3.11"},
}
LINE = '{"id": "q1", "measures": {"nDCG@10": 0.5}, "unscored": {}, "details": {}}\n'


def run(folder: Path, *, metrics: object = METRICS, rows: str | None = LINE) -> Path:
    folder.joinpath("config.json").write_text("{}", encoding="utf-8")
    if metrics is not None:
        text = metrics if isinstance(metrics, str) else json.dumps(metrics)
        folder.joinpath("metrics.json").write_text(text, encoding="utf-8")
    if rows is not None:
        folder.joinpath("per_query.jsonl").write_text(rows, encoding="utf-8")
    return folder


def test_a_run_is_read_from_its_folder(tmp_path: Path) -> None:
    found = read_measured(run(tmp_path))
    assert (found.name, found.dataset, found.inputs) == (str(tmp_path), "toy", {"qrels": "ab" * 32})
    assert (found.config, found.versions) == ({"k": 10}, {"python": "3.11"})
    assert found.measures == {"nDCG@10": 0.5}
    assert found.rows == (Row(id="q1", outcomes={"nDCG@10": 0.5}),)


def test_a_run_that_is_not_finished_can_go_on(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is not finished: run the same command again"):
        read_measured(run(tmp_path, metrics=None))


def test_a_folder_without_a_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"is no run, it holds no metrics\.json"):
        read_measured(tmp_path)


def test_what_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="There is no run and no baseline at"):
        read_measured(tmp_path / "none")


@pytest.mark.parametrize(
    ("files", "place", "reason"),
    [
        ({"rows": None}, "per_query.jsonl", "compared row by row"),
        ({"rows": LINE + "{"}, "per_query.jsonl:2", "not as ragkit writes it"),
        ({"rows": '{"id": "q1"}'}, "per_query.jsonl:1", "measures"),
        ({"metrics": "{"}, "metrics.json", "not JSON"),
        ({"metrics": [1]}, "metrics.json", "not a JSON object"),
        ({"metrics": {"measures": {}}}, "metrics.json", "dataset"),
    ],
)
def test_a_damaged_run_is_named_by_file_and_line(
    tmp_path: Path, files: dict[str, Any], place: str, reason: str
) -> None:
    with pytest.raises(LoadError, match=reason) as raised:
        read_measured(run(tmp_path, **files))
    assert str(raised.value).startswith(f"{tmp_path / place}: ")
