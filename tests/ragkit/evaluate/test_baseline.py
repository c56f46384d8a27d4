from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from ragkit.errors import InputError, LoadError
from ragkit.evaluate.baseline import write_baseline
from ragkit.evaluate.comparison.measured import Measured, measured_rows, read_measured
from ragkit.evaluate.outcome import Row, Unscored

MEASURED = Measured(
    name="runs/a",
    dataset="toy",
    inputs={"qrels": "ab" * 32},
    config={"k": 10},
    versions={"ragkit": "0.1.0"},
    measures={"nDCG@10": 0.5123456789, "f1": math.nan},
    rows=(
        Row(
            id="q1",
            outcomes={"nDCG@10": 1 / 3},
            details={"label": True, "score": 0.12345678, "gold": "x" * 65, "query": "why"},
        ),
        Row(id="q2", outcomes={"nDCG@10": Unscored("no claims")}),
    ),
)
LINES = [
    "{",
    '"ragkit_baseline": 1,',
    '"dataset": "toy",',
    '"inputs": {"qrels": {"sha256": "' + "ab" * 32 + '"}},',
    '"config": {"k": 10},',
    '"versions": {"ragkit": "0.1.0"},',
    '"measures": {"nDCG@10": {"value": 0.512346}, "f1": {"value": null}},',
    '"columns": ["nDCG@10"],',
    '"rows": {',
    '"q1": [[0.333333], {"label": true, "score": 0.123457}],',
    '"q2": [[null]]',
    "}",
    "}",
]


def test_a_baseline_has_a_line_for_each_row(tmp_path: Path) -> None:
    write_baseline(MEASURED, tmp_path / "deep" / "a.json")
    assert (tmp_path / "deep" / "a.json").read_text(encoding="utf-8").splitlines() == LINES
    json.loads("\n".join(LINES))


def test_a_baseline_is_read_as_it_was_written(tmp_path: Path) -> None:
    file = tmp_path / "a.json"
    write_baseline(MEASURED, file)
    found = read_measured(file)
    assert (found.dataset, found.inputs, found.config) == ("toy", {"qrels": "ab" * 32}, {"k": 10})
    assert found.measures["nDCG@10"] == 0.512346
    assert math.isnan(found.measures["f1"])
    assert found.rows[0] == Row(id="q1", outcomes={"nDCG@10": 0.333333}, details={"label": True, "score": 0.123457})
    assert found.rows[1].outcomes == {"nDCG@10": Unscored("no reason was given")}
    write_baseline(file, tmp_path / "b.json")
    assert (tmp_path / "b.json").read_bytes() == file.read_bytes()


def test_a_baseline_of_no_rows_is_json(tmp_path: Path) -> None:
    write_baseline(measured_rows([]), tmp_path / "a.json")
    assert read_measured(tmp_path / "a.json").rows == ()


def test_only_the_measures_named_are_kept(tmp_path: Path) -> None:
    rows = [Row(id="q1", outcomes={"a": 0.1, "b": 0.2})]
    write_baseline(measured_rows(rows), tmp_path / "a.json", measures=["b"])
    assert read_measured(tmp_path / "a.json").rows[0].outcomes == {"b": 0.2}


def test_a_measure_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"runs/a has no measure 'nDCG@5': it has nDCG@10, f1\."):
        write_baseline(MEASURED, tmp_path / "a.json", measures=["nDCG@5"])
    assert list(tmp_path.iterdir()) == []


def test_thousands_of_rows_take_some_kilobytes_each_hundred(tmp_path: Path) -> None:
    rows = [Row(id=str(place), outcomes={"nDCG@10": place / 7919}) for place in range(1000)]
    write_baseline(measured_rows(rows), tmp_path / "a.json")
    assert (tmp_path / "a.json").stat().st_size < 25_000


@pytest.mark.parametrize(
    ("content", "error", "message"),
    [
        ('{"a": 1}', InputError, "is no baseline of version 1"),
        ('{"ragkit_baseline": 2}', InputError, "is no baseline of version 1"),
        ("[1]", LoadError, "not a JSON object"),
        ("{", LoadError, "not JSON"),
        ('{"ragkit_baseline": 1}', LoadError, "not as ragkit writes it"),
        ('{"ragkit_baseline": 1, "rows": {"q1": 3}}', LoadError, "not as ragkit writes it"),
    ],
)
def test_a_damaged_baseline_is_named(tmp_path: Path, content: str, error: type[Exception], message: str) -> None:
    file = tmp_path / "a.json"
    file.write_text(content, encoding="utf-8")
    with pytest.raises(error, match=message) as raised:
        read_measured(file)
    assert str(file) in str(raised.value)


def test_rows_have_the_means_of_what_was_scored() -> None:
    rows = [Row(id="1", outcomes={"a": 0.2}), Row(id="2", outcomes={"a": Unscored("x"), "b": Unscored("y")})]
    found = measured_rows(rows, name="rows", dataset="toy")
    assert found.measures["a"] == 0.2
    assert math.isnan(found.measures["b"])
    assert (found.name, found.dataset) == ("rows", "toy")
