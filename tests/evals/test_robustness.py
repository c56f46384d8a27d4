from __future__ import annotations

import json
from pathlib import Path

import pytest

from evals.robustness import main

PARAGRAPHS = {
    "Neil Armstrong landed on the Moon in July 1969. He was the first person to walk there.": [
        ("Who was the first person to walk on the Moon?", "Neil Armstrong"),
        ("When did Armstrong land on the Moon?", "July 1969"),
    ],
    "Ada Lovelace wrote the first program in 1843. She worked with Charles Babbage.": [
        ("Who wrote the first program?", "Ada Lovelace"),
        ("When was the first program written?", "1843"),
    ],
    "The Eiffel Tower stands in Paris. It was built by Gustave Eiffel in 1889.": [
        ("Who built the Eiffel Tower?", "Gustave Eiffel"),
        ("Where does the Eiffel Tower stand?", "Paris"),
    ],
}
MODEL = """
from pathlib import Path
from ragkit.testing.scripts import MeteredModel, ScriptedModel

def small():
    return MeteredModel(ScriptedModel(lambda ask: "insufficient information"), Path("meter"))
"""


@pytest.fixture
def small_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "models_of_robustness.py").write_text(MODEL, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    paragraphs = [
        {
            "context": context,
            "qas": [
                {
                    "id": question,
                    "question": question,
                    "answers": [{"text": answer, "answer_start": context.index(answer)}],
                }
                for question, answer in questions
            ],
        }
        for context, questions in PARAGRAPHS.items()
    ]
    folder = tmp_path / "data"
    (folder / "xquad_en").mkdir(parents=True)
    (folder / "covid_qa").mkdir()
    squad = {"data": [{"title": "t", "paragraphs": paragraphs}]}
    (folder / "xquad_en/xquad.en.json").write_text(json.dumps(squad), encoding="utf-8")
    (folder / "covid_qa/faq_covidbert.csv").write_text(
        "question,answer\nWhat is it?,It is a virus that makes people ill.\nWho?,Old people are at risk of it.\n"
    )
    (folder / "covid_qa/eval_question_similarity_en.csv").write_text(
        "question_1,question_2,similar\nWhat is the virus?,What is this virus?,1\nWhat is it?,Who is at risk?,0\n"
    )
    return folder


def test_numbers_are_printed(small_data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["noise", "counterfactual", "paraphrase", "--data", str(small_data)]) == 0
    printed = capsys.readouterr().out
    for expected in ("6 cases of XQuAD, at most 5 passages each.", "noise alone: declined", "misled", "not alike"):
        assert expected in printed


def test_bias_is_measured_axis_by_axis(small_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["bias", "--questions", "2", "--data", str(small_data), "--out", str(tmp_path / "out")]
    assert main(arguments) == 0
    assert "dialect/Scots: support_gap" in capsys.readouterr().out
    measures = json.loads((tmp_path / "out/bias/metrics.json").read_text(encoding="utf-8"))["measures"]
    assert [measures["dialect/Scots: support_gap"][key] for key in ("n", "coverage")] == [2, 1.0]


@pytest.mark.slow
def test_every_part_is_measured(small_data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--data", str(small_data)]) == 0
    printed = capsys.readouterr().out
    for expected in ("3 cases of XQuAD", "letters swapped", "dialect/Scots: support_gap"):
        assert expected in printed


def test_a_chat_model_reads_in_runs_that_stay(
    small_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["noise", "--data", str(small_data), "--out", str(tmp_path / "out")]
    assert main([*arguments, "--model", "models_of_robustness:small"]) == 0
    printed = capsys.readouterr().out
    metrics = json.loads((tmp_path / "out/noise/metrics.json").read_text(encoding="utf-8"))
    assert metrics["measures"]["rejected"]["value"] == 1.0
    assert metrics["measures"]["right@0.0"]["value"] == 0.0
    paid = (tmp_path / "meter").read_text(encoding="ascii").split()
    assert len(paid) == len(set(paid))
    (tmp_path / "out/noise/rows.jsonl").unlink()  # as after a kill: the replies are there, the rows are not
    assert main([*arguments, "--model", "models_of_robustness:small"]) == 0
    assert capsys.readouterr().out == printed
    assert (tmp_path / "meter").read_text(encoding="ascii").split() == paid
    assert main(arguments) == 1  # another reader is another run
    assert "holds another run" in capsys.readouterr().err


def test_other_data_is_another_run(small_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["noise", "--data", str(small_data), "--out", str(tmp_path / "out")]
    assert main(arguments) == 0
    questions = small_data / "xquad_en/xquad.en.json"
    questions.write_text(questions.read_text(encoding="utf-8").replace("Babbage", "Cabbage"), encoding="utf-8")
    assert main(arguments) == 1
    assert "holds another run" in capsys.readouterr().err


@pytest.mark.parametrize("part", ["noise", "paraphrase"])
def test_data_that_is_not_there_is_one_sentence(part: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([part, "--data", str(tmp_path / "nowhere")]) == 1
    assert str(tmp_path / "nowhere") in capsys.readouterr().err


def test_wrong_use_is_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["noises"]) == 1
    assert capsys.readouterr().err.startswith("there is no part 'noises': known are noise, integration")
