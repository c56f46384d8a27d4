from __future__ import annotations

from collections import Counter

import pytest

from ragkit.encoder import Encoder
from ragkit.errors import ConfigError
from ragkit.evaluate.measures.entities import Entity
from ragkit.evaluate.tasks.baselines import ChanceLabel, CopySource, Gazetteer, MajorityLabel, NearestNeighbours
from ragkit.evaluate.tasks.predictor import Item

POOL = [
    Item("1", "the rocket flew to the moon", "space"),
    Item("2", "a moon rocket exploded", "space"),
    Item("3", "the bank raised its rates", "money"),
]


def test_the_majority_is_said_of_everything() -> None:
    majority = MajorityLabel(POOL)
    assert majority.predict(["a", "b"]) == ["space", "space"]
    assert majority.card == {"predictor": "majority", "label": "space"}


def test_of_equally_frequent_labels_the_first_by_name_is_said() -> None:
    assert MajorityLabel(POOL[1:]).label == "money"


def test_chance_says_the_same_of_a_text_in_any_order() -> None:
    chance = ChanceLabel(["a", "b"], seed=3)
    texts = [f"text {number}" for number in range(200)]
    said = chance.predict(texts)
    assert chance.predict(texts[::-1])[::-1] == said
    assert 70 < Counter(said)["a"] < 130
    assert ChanceLabel(["a", "b"], seed=4).predict(texts) != said
    assert chance.card == {"predictor": "chance", "labels": ["a", "b"], "seed": 3}


def test_a_copy_is_what_was_given() -> None:
    assert CopySource().predict(["ein Hund"]) == ["ein Hund"]
    assert CopySource().card == {"predictor": "copy of the source"}


def test_the_nearest_text_gives_its_label(encoder: Encoder) -> None:
    nearest = NearestNeighbours(POOL, encoder)
    assert nearest.predict(["moon rocket", "bank rates", "the bank"]) == ["space", "money", "money"]
    assert nearest.card["pool"] == 3


def test_neighbours_vote_by_their_cosines(encoder: Encoder) -> None:
    pool = [Item("1", "a b c d", "near"), Item("2", "a x y z", "far"), Item("3", "b u v w", "far")]
    votes = NearestNeighbours(pool, encoder, neighbours=3)
    found = votes.nearest(["a b c d"])[0]
    assert [item.id for item, _ in found] == ["1", "2", "3"]
    assert [cosine for _, cosine in found] == pytest.approx([1.0, 0.25, 0.25])
    assert votes.predict(["a b c d"]) == ["near"]


def test_more_neighbours_than_there_are_means_all(encoder: Encoder) -> None:
    assert NearestNeighbours(POOL, encoder, neighbours=9).card["neighbours"] == 3


def test_an_empty_pool_is_refused(encoder: Encoder) -> None:
    with pytest.raises(ConfigError, match="the pool of labelled texts is empty"):
        MajorityLabel([])
    with pytest.raises(ConfigError, match="neighbours must be at least 1, got 0"):
        NearestNeighbours(POOL, encoder, neighbours=0)


def named(text: str, *entities: Entity) -> Item[tuple[str, ...], tuple[Entity, ...]]:
    return Item(text, tuple(text.split()), entities)


def test_a_gazetteer_marks_the_longest_phrase_it_has_seen_named() -> None:
    gazetteer = Gazetteer(
        [
            named("Empire State Building is tall", Entity(0, 3, "location")),
            named("the Empire fell", Entity(1, 2, "group")),
            named("the Empire rose", Entity(1, 2, "group")),
            named("Apple grew", Entity(0, 1, "corporation")),
            named("an apple and an apple"),
        ]
    )
    said = gazetteer.predict([("the", "EMPIRE", "State", "building"), ("one", "Empire", "ate", "Apple"), ()])
    assert said == [(Entity(1, 4, "location"),), (Entity(1, 2, "group"),), ()]
    assert gazetteer.card == {"predictor": "gazetteer", "phrases": 2}


def test_a_gazetteer_without_entities_marks_nothing() -> None:
    assert Gazetteer([named("nothing here")]).predict([("nothing", "here")]) == [()]
