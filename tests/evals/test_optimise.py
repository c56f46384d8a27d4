from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage

from evals.optimise import VotingChatModel, boasts, instructions_of, main
from ragkit.encoder import EncoderCard, Vectors
from ragkit.evaluate.optimise.folder import read_optimised
from ragkit.prompts.library import load_prompt
from ragkit.prompts.tasks.sentiment import sentiment

WORDS = ("good", "bad", "film", "meal", "positive", "negative")


class WordEncoder:
    """One place for each known word."""

    card = EncoderCard(model="words", dim=len(WORDS), revision="1")

    def encode_documents(self, texts: Sequence[str]) -> Vectors:
        return np.array([[float(word in text) for word in WORDS] for text in texts], dtype=np.float32)

    def encode_queries(self, texts: Sequence[str]) -> Vectors:
        return self.encode_documents(texts)

    def count_tokens(self, text: str) -> int:
        return len(text.split())


@pytest.fixture
def voting() -> VotingChatModel:
    return VotingChatModel(labels=("negative", "positive"), encoder=WordEncoder())


def asked(text: str) -> HumanMessage:
    return HumanMessage(f"Text: {text}\nMood:")


def test_the_model_knows_a_label_by_its_own_words_and_better_by_a_line_of_the_instruction(
    voting: VotingChatModel,
) -> None:
    assert voting.invoke([SystemMessage("Say it."), asked("positive")]).text == "positive"
    assert voting.invoke([SystemMessage("Say it."), asked("good")]).text == "negative"  # it knows nothing: the first
    assert voting.invoke([SystemMessage("positive: good\nnegative: bad"), asked("good")]).text == "positive"


def test_the_examples_in_its_messages_vote_with_their_cosine(voting: VotingChatModel) -> None:
    turns = [asked("good meal"), AIMessage("positive"), asked("bad film"), AIMessage("negative")]
    assert voting.invoke([SystemMessage("Say it."), *turns, asked("good")]).text == "positive"
    assert voting.invoke([SystemMessage("Say it."), *turns, asked("bad")]).text == "negative"


@pytest.mark.parametrize(("name", "builder"), [("sst2", "sentiment"), ("banking77", "topic")])
def test_every_instruction_that_is_tried_is_one_for_its_prompt(name: str, builder: str) -> None:
    for text in instructions_of(name):
        assert "{{labels}}" in text
        load_prompt(builder).with_instruction(text)


def test_where_there_is_nothing_to_find_few_searches_say_there_is() -> None:
    report = boasts(searches=1)
    assert report.dataset == "1 searches of 17 candidates."
    (table,) = report.sections
    measures, promised, _, claims = zip(*table.rows, strict=True)  # type: ignore[union-attr]
    assert measures == ("accuracy", "macro_f1")
    assert all(one.value > 0.05 for one in promised)
    assert [one.value for one in claims] == [0.0, 0.0]


def test_a_search_keeps_its_prompt_and_with_a_model_its_replies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    script = "from ragkit.testing.scripts import ScriptedModel\n"
    script += "def right(ask):\n    return 'positive' if 'fine' in ask.messages[-1].content else 'negative'\n"
    script += "def small():\n    return ScriptedModel(right)\n"
    (tmp_path / "models_of_optimise.py").write_text(script, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    for part in ("train", "dev", "test"):
        rows = "".join(f"a {('dull', 'fine')[row % 2]} film {part} {row}\t{row % 2}\n" for row in range(24))
        path = tmp_path / f"data/sst2/{part}.tsv"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(rows, encoding="utf-8")
    arguments = ["sst2", "--data", "data", "--out", "out", "--calls", "150"]
    assert main([*arguments, "--model", "models_of_optimise:small"]) == 0
    assert "No better: of " in capsys.readouterr().out.replace(os.linesep, " ")
    found = json.loads((tmp_path / "out/sst2/prompts/sentiment.optimised.json").read_bytes())
    assert (tmp_path / "out/sst2/replies.jsonl").read_bytes().count(b"\n") == found["calls"] <= 150
    builder = sentiment(labels=["negative", "positive"])
    read = read_optimised(tmp_path / "out/sst2/prompts", builder)
    assert read.prompt.sha256 == builder.prompt.sha256


def test_an_unknown_set_is_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["imdb"]) == 1
    assert capsys.readouterr().err == "there is no set 'imdb': known are sst2, banking77, chance.\n"
