from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from evals.tasks import halves, main
from ragkit.evaluate.tasks.predictor import Item

REVIEWS = ["a fine film", "so good", "a dull film", "so bad"]
MODEL = """
from ragkit.testing.scripts import MeteredModel, ScriptedModel
from pathlib import Path

def said(ask):
    text = ask.messages[-1].content
    if ask.schema:
        return '{"entities": [{"text": "Ada", "type": "person"}]}' if "Ada" in text else '{"entities": []}'
    return "positive" if "fine" in text else "I cannot say"

def small():
    return MeteredModel(ScriptedModel(said), Path("meter"))
"""


@pytest.fixture
def small_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "models_of_tasks.py").write_text(MODEL, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    reviews = "".join(f"{text}\t{int(place < 2)}\n" for place, text in enumerate(REVIEWS))
    tags = "Ada\tB-person\ncame\tO\n\nso\tO\n\n"
    news = "".join(f'"{label}","Title","Text {label}"\n' for label in (1, 2, 3, 4))
    for name, text in {
        "sst2/train.tsv": reviews,
        "sst2/test.tsv": reviews,
        "wnut17_ner/wnut17train.conll": tags,
        "wnut17_ner/emerging.test.annotated": tags,
        "ag_news/test.csv.gz": news,
        "multi30k/val.en.gz": "A man runs\n",
        "multi30k/val.de.gz": "Ein Mann rennt\n",
        "multi30k/test_2016_flickr.en.gz": "A man walks\n",
        "multi30k/test_2016_flickr.de.gz": "Ein Mann geht\n",
    }.items():
        path = tmp_path / "data" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
    return tmp_path / "data"


def test_every_set_is_measured_with_every_predictor(
    small_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    arguments = ["--data", str(small_data), "--out", str(out), "--model", "models_of_tasks:small", "--shots", "1"]
    assert main(arguments) == 0
    printed = capsys.readouterr().out
    assert "SST-2, test" in printed
    assert "AG News, half of test" in printed
    assert "WNUT-17, test" in printed
    assert "chat: only 25.0% could be read." in printed
    metrics = json.loads((out / "sst2/chat/metrics.json").read_text(encoding="utf-8"))
    assert metrics["measures"]["accuracy"]["value"] == 1.0
    assert metrics["measures"]["accuracy"]["coverage"] == 0.25
    assert json.loads((out / "wnut17/chat/metrics.json").read_text(encoding="utf-8"))["measures"]["f1"]["value"] == 1.0
    paid = (tmp_path / "meter").read_text(encoding="ascii").split()
    assert len(paid) == len(set(paid)) == 4 + 2 + 2 + 1
    assert main(arguments) == 0  # the runs are there: nothing is asked again
    assert (tmp_path / "meter").read_text(encoding="ascii").split() == paid
    assert capsys.readouterr().out == printed


def test_the_command_asks_a_named_model_once(small_data: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "evals.tasks", "sst2", "--data", str(small_data), "--out", str(tmp_path / "out")]
    command += ["--model", "models_of_tasks:small", "--shots", "0"]
    root = str(Path(__file__).parents[2])
    for _ in range(2):
        done = subprocess.run(
            command, cwd=tmp_path, env={**os.environ, "PYTHONPATH": root}, capture_output=True, text=True, check=False
        )
        assert (done.returncode, done.stderr) == (0, "")
        assert "chat: only 25.0% could be read." in done.stdout
        assert len((tmp_path / "meter").read_text(encoding="ascii").split()) == len(REVIEWS)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["sst2", "sst3"], "there is no set 'sst3': known are sst2, agnews, wnut17, multi30k.\n"),
        (["sst2", "--limit", "0"], "at least one item must be measured, got 0.\n"),
        (
            ["sst2", "--model", "models_of_tasks:small", "--shots", "9"],
            "9 examples cannot be shown of a pool of 4: expected from 0 to 4.\n",
        ),
    ],
)
def test_wrong_use_is_one_sentence(
    arguments: list[str], said: str, small_data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*arguments, "--data", str(small_data)]) == 1
    assert capsys.readouterr() == ("", said)


def test_data_that_is_not_there_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sst2", "--data", str(tmp_path / "nowhere")]) == 1
    assert str(tmp_path / "nowhere/sst2/train.tsv") in capsys.readouterr().err


def test_halves_are_the_same_every_time_and_share_nothing() -> None:
    items = [Item(str(number), "", "") for number in range(10)]
    pool, test = halves(items)
    assert len(pool) == len(test) == 5
    assert {item.id for item in pool} | {item.id for item in test} == {str(number) for number in range(10)}
    assert halves(items) == (pool, test)
    assert halves(items, seed=1) != (pool, test)
