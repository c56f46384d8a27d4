from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from ragkit.evaluate.measures.classification import Decisions
from ragkit.evaluate.measures.entities import Entity
from ragkit.evaluate.outcome import Unscored
from ragkit.evaluate.runs import RunFolder
from ragkit.evaluate.statistics.estimate import estimate_statistic
from ragkit.evaluate.tasks.fewshot import FewShotChat
from ragkit.evaluate.tasks.predictor import Item
from ragkit.evaluate.tasks.runners import classify, mark_entities, tagged_sentences
from ragkit.prompts.tasks.topic import topic
from ragkit.testing.scripts import ScriptedModel

TEXTS = [Item("1", "one", "a"), Item("2", "two", "a"), Item("3", "three", "b"), Item("4", "four", "b")]
SENTENCES = [
    Item("1", ("Ada", "came"), (Entity(0, 1, "person"),)),
    Item("2", ("New", "York"), (Entity(0, 2, "place"),)),
    Item("3", ("so", "what"), ()),
]


class Says:
    """Says what a table holds, and keeps count; a missing text stops the work."""

    card: Mapping[str, Any] = {"predictor": "table"}

    def __init__(self, table: Mapping[Any, Any]) -> None:
        self.table = table
        self.asked: list[Any] = []

    def predict(self, items: Sequence[Any]) -> list[Any]:
        self.asked += items
        return [self.table[item] for item in items]


def open_run(folder: Path) -> RunFolder:
    return RunFolder.open(folder / "run", command="test", dataset="test", config={})


def test_labels_are_scored_by_row_and_over_the_run(tmp_path: Path) -> None:
    with open_run(tmp_path) as run:
        result = classify(run, TEXTS, Says({"one": "a", "two": "b", "three": "b", "four": "b"}))
    assert [row.outcomes["accuracy"] for row in result.rows] == [1.0, 0.0, 1.0, 1.0]
    values = {name: estimate.value for name, estimate in result.estimates.items()}
    assert values["accuracy"] == 0.75
    assert values["f1:a"] == pytest.approx(2 / 3)
    assert values["f1:b"] == pytest.approx(4 / 5)
    assert values["macro_f1"] == pytest.approx((2 / 3 + 4 / 5) / 2)
    assert values["balanced_accuracy"] == 0.75
    assert values["matthews"] == pytest.approx(1 / math.sqrt(3))
    assert result.rows[1].details == {"text": "two", "gold": "a", "said": "b"}


def test_f1_of_each_of_many_labels_is_what_it_is_alone(tmp_path: Path) -> None:
    items = [Item(str(place), f"text {place}", f"label {place % 77}") for place in range(154)]
    said = {item.given: item.gold if place % 3 else "label 5" for place, item in enumerate(items)}
    with open_run(tmp_path) as run:
        found = classify(run, items, Says(said)).estimates
    decisions = Decisions.of([item.gold for item in items], list(said.values()))
    assert len(found) == 4 + 77
    for label in ("label 0", "label 5"):
        column = decisions.column(label)
        alone = estimate_statistic(lambda weights, at=column: decisions.counts(weights).f1()[:, at], len(items))  # type: ignore[misc]
        assert repr(found[f"f1:{label}"]) == repr(alone)


def test_a_reply_that_is_no_label_lowers_the_coverage_and_not_the_mean(tmp_path: Path) -> None:
    said = {"one": "a", "two": Unscored("no label"), "three": "b", "four": "b"}
    with open_run(tmp_path) as run:
        estimates = classify(run, TEXTS, Says(said)).estimates
    for name in ("accuracy", "macro_f1", "matthews", "f1:a"):
        assert estimates[name].value == 1.0
        assert estimates[name].coverage == 0.75
        assert estimates[name].reasons == {"no label": 1}


def test_nothing_scored_has_no_measure(tmp_path: Path) -> None:
    with open_run(tmp_path) as run:
        estimates = classify(run, TEXTS[:1], Says({"one": Unscored("no label")})).estimates
    assert math.isnan(estimates["accuracy"].value)
    assert math.isnan(estimates["macro_f1"].value)
    assert estimates["macro_f1"].coverage == 0.0


def test_a_run_that_stopped_asks_only_for_the_rest_and_gives_the_same(tmp_path: Path) -> None:
    said = {"one": "a", "two": "b", "three": "b", "four": "b"}
    with open_run(tmp_path) as run, pytest.raises(KeyError):
        classify(run, TEXTS, Says({"one": "a", "two": "b"}), block=1)
    rest = Says(said)
    with open_run(tmp_path) as run:
        resumed = classify(run, TEXTS, rest, block=1)
    assert rest.asked == ["three", "four"]
    with open_run(tmp_path / "other") as run:
        assert classify(run, TEXTS, Says(said), block=1) == resumed


def test_entities_are_scored_by_sentence_and_over_the_run(tmp_path: Path) -> None:
    said = {("Ada", "came"): (Entity(0, 1, "person"),), ("New", "York"): (Entity(0, 1, "place"),), ("so", "what"): ()}
    with open_run(tmp_path) as run:
        result = mark_entities(run, SENTENCES, Says(said))
    values = {name: estimate.value for name, estimate in result.estimates.items()}
    assert values == {"exact": 2 / 3, "precision": 0.5, "recall": 0.5, "f1": 0.5, "f1_surface": 0.5}
    assert math.isnan(result.estimates["f1_surface"].low)
    assert tagged_sentences(result.rows)[1].gold == frozenset({Entity(0, 2, "place")})


def test_sentences_that_were_not_answered_are_left_out(tmp_path: Path) -> None:
    said = {("Ada", "came"): (Entity(0, 1, "person"),), ("New", "York"): Unscored("no JSON"), ("so", "what"): ()}
    with open_run(tmp_path) as run:
        result = mark_entities(run, SENTENCES, Says(said))
    assert result.estimates["f1"].value == 1.0
    assert result.estimates["f1"].coverage == pytest.approx(2 / 3)


def test_no_sentences_have_no_measure(tmp_path: Path) -> None:
    with open_run(tmp_path) as run:
        result = mark_entities(run, [], Says({}))
    assert math.isnan(result.estimates["f1"].value)
    assert "f1_surface" not in result.estimates


def test_a_block_that_was_cut_short_is_not_paid_twice(tmp_path: Path) -> None:
    model = ScriptedModel(["a", "a", RuntimeError("killed"), "b", "b"])
    predictor = FewShotChat(model, topic(["a", "b"]))
    with open_run(tmp_path) as run, pytest.raises(RuntimeError, match="killed"):
        classify(run, TEXTS, predictor)
    with open_run(tmp_path) as run:
        rows = classify(run, TEXTS, predictor).rows
    assert [row.details["said"] for row in rows] == ["a", "a", "b", "b"]
    assert [ask.messages[-1].content.split()[1] for ask in model.asks] == ["one", "two", "three", "three", "four"]
