from __future__ import annotations

from pathlib import Path

import pytest
import sacrebleu

from ragkit.evaluate.outcome import Unscored
from ragkit.evaluate.runs import RunFolder
from ragkit.evaluate.tasks.baselines import CopySource
from ragkit.evaluate.tasks.predictor import Item
from ragkit.evaluate.tasks.rewriting import summarise, translate

ITEMS = [
    Item("1", "ein Mann fährt ein rotes Rad", "ein Mann fährt ein rotes Fahrrad"),
    Item("2", "ein Hund rennt durch den tiefen Schnee", "ein Hund läuft durch den tiefen Schnee"),
]


class Silent(CopySource):
    def predict(self, items: list[str]) -> list[str | Unscored]:  # type: ignore[override]
        return [Unscored("the reply is empty") for _ in items]


def test_translations_are_scored_as_sacrebleu_scores_the_corpus(tmp_path: Path) -> None:
    with RunFolder.open(tmp_path / "run", command="test", dataset="test", config={}) as run:
        result = translate(run, ITEMS, CopySource())
    said, gold = [item.given for item in ITEMS], [[item.gold for item in ITEMS]]
    assert result.estimates["corpus_BLEU"].value == pytest.approx(sacrebleu.corpus_bleu(said, gold).score / 100)
    assert result.estimates["corpus_chrF"].value == pytest.approx(sacrebleu.corpus_chrf(said, gold).score / 100)
    one = sacrebleu.sentence_chrf(ITEMS[0].given, [ITEMS[0].gold]).score / 100
    assert result.rows[0].outcomes["chrF"] == pytest.approx(one)
    assert result.rows[0].details["gold"] == ITEMS[0].gold


def test_a_reply_that_is_empty_is_left_out(tmp_path: Path) -> None:
    with RunFolder.open(tmp_path / "run", command="test", dataset="test", config={}) as run:
        result = translate(run, ITEMS, Silent())
    assert result.estimates["corpus_BLEU"].coverage == 0.0
    assert result.estimates["chrF"].reasons == {"the reply is empty": 2}


def test_summaries_are_scored_by_rouge_row_by_row(tmp_path: Path) -> None:
    items = [Item("1", "A cat sat", "The cats sat."), Item("2", "No dog", "A bird sings.")]
    with RunFolder.open(tmp_path / "run", command="test", dataset="test", config={}) as run:
        result = summarise(run, items, CopySource())
    assert list(result.estimates) == ["rouge1", "rouge2", "rougeL", "rougeLsum"]
    assert result.rows[0].outcomes["rouge1"] == pytest.approx(2 / 3)
    assert result.estimates["rouge1"].value == pytest.approx(1 / 3)


def test_a_summary_that_failed_is_left_out_of_every_rouge(tmp_path: Path) -> None:
    with RunFolder.open(tmp_path / "run", command="test", dataset="test", config={}) as run:
        result = summarise(run, ITEMS, Silent())
    assert {estimate.coverage for estimate in result.estimates.values()} == {0.0}
    assert result.estimates["rouge2"].reasons == {"the reply is empty": 2}
