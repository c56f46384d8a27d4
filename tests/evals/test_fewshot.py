from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from evals.fewshot import main, measured, selectors
from ragkit.encoder import as_encoder
from ragkit.evaluate.reports.content import Interval, Table
from ragkit.evaluate.tasks.predictor import Item
from ragkit.testing import HashingEmbeddings

ENCODER = as_encoder(HashingEmbeddings(128))
PREDICTORS = [
    "chance",
    "majority",
    "label names",
    "fixed, spread evenly",
    "random",
    "random of each label",
    "n-gram overlap",
    "similarity",
    "MMR",
    "nearest of each label",
]


@pytest.fixture
def small_data(tmp_path: Path) -> Path:
    reviews = "".join(f"a {word} film number {place}\t{place % 2}\n" for place, word in enumerate(["bad", "good"] * 4))
    news = "".join(f'"{place % 4 + 1}","Title {place % 4}","Text {place}"\n' for place in range(16))
    intents = "text,category\nmy card is lost,lost_card\nwhy is my top up late,late_top_up\n"
    for name, text in {
        "sst2/train.tsv": reviews,
        "sst2/test.tsv": "a good play\t1\na bad play\t0\na bad night\t0\n",
        "ag_news/test.csv.gz": news,
        "banking77/train.csv": intents,
        "banking77/test.csv": "text,category\nI lost my card,lost_card\nis the top up late,late_top_up\n",
    }.items():
        path = tmp_path / "data" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
    return tmp_path / "data"


@pytest.mark.parametrize(("name", "texts", "pool"), [("sst2", 3, 8), ("agnews", 8, 8), ("banking77", 2, 2)])
def test_every_set_is_measured_in_every_way(small_data: Path, name: str, texts: int, pool: int) -> None:
    report = measured(name, small_data, 2, None, ENCODER)
    assert report.dataset == f"{texts} texts, {pool} examples to choose from."
    first, second = report.sections
    assert isinstance(first, Table)
    assert isinstance(second, Table)
    assert [row[0] for row in first.rows] == PREDICTORS
    assert [row[0] for row in second.rows] == PREDICTORS[3:]


def test_the_same_arguments_give_the_same_numbers(small_data: Path) -> None:
    assert measured("sst2", small_data, 2, 2, ENCODER) == measured("sst2", small_data, 2, 2, ENCODER)


def test_near_examples_find_the_label_that_far_ones_do_not(small_data: Path) -> None:
    table = measured("banking77", small_data, 1, None, ENCODER).sections[0]
    assert isinstance(table, Table)
    right = {str(row[0]): row[2].value for row in table.rows if isinstance(row[2], Interval)}
    assert (right["similarity"], right["n-gram overlap"], right["fixed, spread evenly"]) == (1.0, 1.0, 0.5)


def test_a_text_without_an_example_is_left_out_and_told(small_data: Path) -> None:
    (small_data / "banking77/test.csv").write_text(
        "text,category\nmy card is lost,lost_card\nlate top up,late_top_up\n"
    )
    report = measured("banking77", small_data, 1, None, ENCODER)  # the first text is the one fixed example
    assert report.notes == ("fixed, spread evenly: only 50.0% had an example.",)
    table = report.sections[0]
    assert isinstance(table, Table)
    (accuracy,) = [row[2] for row in table.rows if row[0] == "fixed, spread evenly"]
    assert isinstance(accuracy, Interval)
    assert accuracy.value == 0.0


def test_each_label_has_one_example_where_fewer_are_asked_for() -> None:
    pool = [Item(str(place), f"text {place}", f"label {place % 5}") for place in range(20)]
    shown = {name: len(one.select("text")) for name, one in selectors(pool, 3, ENCODER).items()}
    assert shown == {**dict.fromkeys(PREDICTORS[3:], 3), "random of each label": 5, "nearest of each label": 5}


def test_the_command_prints_both_tables(small_data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["banking77", "--data", str(small_data), "--shots", "1", "--limit", "1"]) == 0
    printed = capsys.readouterr().out
    assert "1 texts, 2 examples to choose from." in printed
    assert "nearest of each label" in printed
    assert "accuracy - label names" in printed


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["sst2", "sst3"], "there is no set 'sst3': known are sst2, agnews, banking77.\n"),
        (["sst2", "--shots", "0"], "at least one example must be shown, got 0.\n"),
    ],
)
def test_wrong_use_is_one_sentence(
    arguments: list[str], said: str, small_data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*arguments, "--data", str(small_data)]) == 1
    assert capsys.readouterr() == ("", said)


def test_data_that_is_not_there_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["banking77", "--data", str(tmp_path / "nowhere")]) == 1
    assert str(tmp_path / "nowhere/banking77/train.csv") in capsys.readouterr().err
