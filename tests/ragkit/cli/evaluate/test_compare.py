from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ragkit.evaluate.baseline import write_baseline
from ragkit.evaluate.comparison.measured import Measured
from ragkit.evaluate.outcome import Row

RUNS = {"good": (0.8, 0.4), "bad": (0.7, 0.4), "close": (0.795, 0.4)}


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """Baseline files stand for runs: thirty rows, two measures."""
    for name, (ndcg, recall) in RUNS.items():
        rows = tuple(
            Row(id=str(place), outcomes={"nDCG@10": ndcg + place / 1000, "R@10": recall}) for place in range(30)
        )
        measures = {"nDCG@10": ndcg, "R@10": recall}
        write_baseline(Measured(name=name, dataset="toy", measures=measures, rows=rows), tmp_path / f"{name}.json")
    write_baseline(Measured(name="x", dataset="other", measures=measures, rows=rows), tmp_path / "other.json")
    (tmp_path / "damaged.json").write_text("{", encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize(
    ("a", "b", "options", "code"),
    [
        ("good", "bad", (), 1),
        ("bad", "good", (), 0),
        ("good", "close", (), 0),
        ("good", "close", ("--min-effect", "0.001"), 1),
        ("good", "bad", ("--min-effect", "0.2"), 0),
        ("good", "bad", ("--measures", "R@10"), 0),
        ("good", "good", (), 0),
    ],
)
def test_the_exit_code_is_1_only_for_a_shown_loss_that_matters(
    ragkit: Callable[..., Any], runs: Path, a: str, b: str, options: tuple[str, ...], code: int
) -> None:
    assert ragkit("eval", "compare", runs / f"{a}.json", runs / f"{b}.json", *options).code == code


def test_the_table_is_on_stdout_and_the_loss_on_stderr(ragkit: Callable[..., Any], runs: Path) -> None:
    ran = ragkit("eval", "compare", runs / "good.json", runs / "bad.json")
    assert "30 rows compared; minimum effect 0.01; p adjusted (Holm) over 2 measures." in ran.out
    assert "0.8145  0.7145  -0.1000" in ran.out
    assert ran.err == f"ragkit: {runs / 'bad.json'} is worse than {runs / 'good.json'}: nDCG@10.\n"


def test_json_is_one_document(ragkit: Callable[..., Any], runs: Path) -> None:
    ran = ragkit("eval", "compare", runs / "good.json", runs / "bad.json", "--json")
    assert ran.code == 1
    document = json.loads(ran.out)
    assert document["regressed"] is True
    assert [(one["measure"], one["verdict"]) for one in document["measures"]] == [
        ("nDCG@10", "worse"),
        ("R@10", "no difference shown"),
    ]


def test_a_page_is_written(ragkit: Callable[..., Any], runs: Path) -> None:
    pytest.importorskip("matplotlib")
    ran = ragkit("eval", "compare", runs / "good.json", runs / "bad.json", "--out", runs / "new" / "page.html")
    assert ran.code == 1
    page = (runs / "new" / "page.html").read_text(encoding="utf-8")
    assert "Comparison of two runs" in page
    assert "nDCG@10, row by row" in page


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("{runs}/good.json", "{runs}/none"), "There is no run and no baseline at"),
        (("{runs}/good.json", "{runs}"), "is no run, it holds no metrics.json"),
        (("{runs}/good.json", "{runs}/other.json"), "only runs over the same data are compared"),
        (("{runs}/good.json", "{runs}/bad.json", "--measures", "MAP"), "do not both have the measure 'MAP'"),
        (("{runs}/good.json", "{runs}/bad.json", "--min-effect", "-1"), "at least 0, got -1"),
        (("{runs}/good.json", "{runs}/bad.json", "--measures", ","), "No measure is named"),
        (("{runs}/good.json", "{runs}/damaged.json"), "damaged.json: it is not JSON"),
        (("{runs}/good.json", "{runs}/bad.json", "--out", "{runs}/damaged.json/page.html"), "damaged.json"),
        (("{runs}/good.json",), "B"),
    ],
)
def test_wrong_use_is_one_sentence(
    ragkit: Callable[..., Any], runs: Path, arguments: tuple[str, ...], sentence: str
) -> None:
    ran = ragkit("eval", "compare", *(argument.format(runs=runs) for argument in arguments))
    assert (ran.code, ran.out) == (2, "")
    assert sentence in ran.err
    assert ran.err.count("\n") == 1


def test_help_has_an_example(ragkit: Callable[..., Any]) -> None:
    assert "Example: ragkit eval compare" in ragkit("eval", "compare", "--help").out
