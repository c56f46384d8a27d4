from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from evals.conversation import main

CONDENSER = """
from ragkit.evaluate.outcome import Unscored

def parrot(history, question):
    with open("asked", "a") as file:
        print(question, file=file)
    return Unscored("it is silent") if "nothing" in question else question
"""


@pytest.fixture
def small_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "condensers_of_a_test.py").write_text(CONDENSER, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    passages = {
        "moon": "Neil Armstrong landed on the Moon in July 1969.",
        "tower": "The Eiffel Tower in Paris was built by Gustave Eiffel.",
    }
    asked = {"moon": "When did Neil Armstrong land on the Moon?", "tower": "What about nothing?"}
    rows = {
        "mtragun_reference.jsonl.gz": [
            task("1", "When did Neil Armstrong land on the Moon?", ["ANSWERABLE"], passages),
            task("2", "How many kangaroos paint pictures underwater?", ["UNANSWERABLE"], {}),
        ],
        "human_eval_raw.jsonl.gz": [{"documents": [], "tasks": [], "evaluations": []}],
    }
    for domain in ("clapnq", "cloud", "fiqa", "govt"):
        of_domain = asked if domain == "clapnq" else {"elsewhere": "Where?"}
        folder = f"retrieval_tasks/{domain}"
        for kind in ("questions", "rewrite"):
            rows[f"{folder}/{domain}_{kind}.jsonl"] = [
                {"_id": f"q-{name}", "text": f"|user|: {text}" if kind == "questions" else text}
                for name, text in of_domain.items()
            ]
        qrels = tmp_path / "data/mtrag" / folder / "qrels/dev.tsv"
        qrels.parent.mkdir(parents=True)
        lines = ["query-id\tcorpus-id\tscore", *(f"q-{name}\t{name}\t1" for name in of_domain)]
        qrels.write_text("\n".join(lines) + "\n", encoding="utf-8")
    for name, listed in rows.items():
        text = "".join(f"{json.dumps(row)}\n" for row in listed).encode()
        (tmp_path / "data/mtrag" / name).write_bytes(gzip.compress(text) if name.endswith(".gz") else text)
    return tmp_path / "data"


def task(task_id: str, question: str, kind: list[str], passages: dict[str, str]) -> dict[str, object]:
    return {
        "task_id": task_id,
        "input": [{"speaker": "user", "text": question}],
        "contexts": [{"document_id": doc_id, "text": text} for doc_id, text in passages.items()],
        "targets": [],
        "Answerability": kind,
    }


def lines_of(printed: str) -> dict[str, list[str]]:
    """Give the numbers of each line of the tables, by its name."""
    return {line.split("  ")[0]: line.split("  ", 1)[1].split() for line in printed.splitlines() if "[" in line}


def test_no_question_is_condensed_twice(small_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["mtrag", "unanswered", "--data", str(small_data), "--out", str(tmp_path / "out")]
    arguments += ["--condenser", "condensers_of_a_test:parrot"]
    assert main(arguments) == 0
    printed = capsys.readouterr().out
    assert len((tmp_path / "asked").read_text().splitlines()) == 2 + 2
    assert main(arguments) == 0
    assert capsys.readouterr().out == printed
    assert len((tmp_path / "asked").read_text().splitlines()) == 2 + 2
    source = tmp_path / "condensers_of_a_test.py"
    source.write_text(source.read_text(encoding="utf-8") + "# another one\n", encoding="utf-8")
    assert main(arguments) == 1
    assert "holds another run" in capsys.readouterr().err


def test_a_condenser_that_is_silent_leaves_its_question_unscored(
    small_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["mtrag", "--data", str(small_data), "--out", str(tmp_path / "out")]
    assert main([*arguments, "--condenser", "condensers_of_a_test:parrot"]) == 0
    assert "2 questions with a relevant passage in it." in capsys.readouterr().out
    metrics = json.loads((tmp_path / "out/mtrag/condensers_of_a_test-parrot/metrics.json").read_text())
    assert metrics["measures"]["nDCG@10"] | {"low": 0, "high": 0} == {
        "value": 1.0,
        "low": 0,
        "high": 0,
        "n": 1,
        "coverage": 0.5,
        "unscored": {"it is silent": 1},
    }


def test_what_cannot_be_answered_is_declined(
    small_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["unanswered", "--data", str(small_data), "--out", str(tmp_path / "out")]) == 0
    printed = capsys.readouterr().out
    assert "2 tasks: 1 answerable, 1 unanswerable; closed corpus of 2 passages, hybrid search." in printed
    rows = (tmp_path / "out/unanswered/as-asked/per_query.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(row)["measures"] for row in rows] == [{"declined": 0.0}, {"declined": 1.0}]


def test_real_conversations_are_measured(
    data: Path, tmp_path: Path, small_data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["canard", "--data", str(data), "--questions", "20", "--condenser", "condensers_of_a_test:parrot"]
    assert main(arguments) == 0
    printed = capsys.readouterr().out
    assert "20 questions." in printed
    assert lines_of(printed)["condensers_of_a_test:parrot"] == lines_of(printed)["as asked"]
    assert "with all turns" in lines_of(printed)


def test_wrong_use_is_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["talk"]) == 1
    assert capsys.readouterr().err == "there is no part 'talk': known are canard, mtrag, unanswered.\n"
    assert main(["canard", "--condenser", "mine"]) == 1
    assert "the condenser 'mine' cannot be found: expected MODULE:FUNCTION." in capsys.readouterr().err
