from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ragkit.errors import InputError
from ragkit.evaluate.data.labelled import wnut17
from ragkit.evaluate.measures.entities import (
    Entity,
    EntityCounts,
    TaggedSentence,
    read_entities,
    read_strict,
    surface_f1,
    write_tags,
)

TAGS = st.lists(st.sampled_from(["O", "B-x", "I-x", "B-y", "I-y", "E-x", "S-y"]), max_size=12)


def sentence(gold: str, predicted: str) -> TaggedSentence:
    tokens = tuple(f"w{place}" for place in range(len(gold.split())))
    return TaggedSentence(tokens, frozenset(read_entities(gold.split())), frozenset(read_entities(predicted.split())))


@pytest.mark.parametrize(
    ("tags", "entities"),
    [
        ("B-x I-x O", [Entity(0, 2, "x")]),
        ("I-x I-x O I-x", [Entity(0, 2, "x"), Entity(3, 4, "x")]),  # IOB1
        ("I-x B-x I-x", [Entity(0, 1, "x"), Entity(1, 3, "x")]),  # IOB1: B only between neighbours
        ("B-x I-y", [Entity(0, 1, "x"), Entity(1, 2, "y")]),  # another type begins another entity
        ("B-x I-x E-x S-x", [Entity(0, 3, "x"), Entity(3, 4, "x")]),  # BIOES
        ("E-x E-x", [Entity(0, 1, "x"), Entity(1, 2, "x")]),
        ("S-x I-x", [Entity(0, 1, "x"), Entity(1, 2, "x")]),
        ("B I O", [Entity(0, 2, "")]),
        ("B-creative-work", [Entity(0, 1, "creative-work")]),
        ("", []),
        ("O O", []),
    ],
)
def test_tags_are_read_as_conlleval_reads_them(tags: str, entities: list[Entity]) -> None:
    assert read_entities(tags.split()) == entities


def test_strict_reading_takes_no_entity_without_its_beginning() -> None:
    assert read_strict(["I-x", "B-y", "I-y", "I-x", "B-y"]) == [Entity(1, 3, "y"), Entity(4, 5, "y")]


@pytest.mark.parametrize("tag", ["X-person", "o", "O-person", "", "person"])
def test_what_is_no_tag_is_named(tag: str) -> None:
    with pytest.raises(InputError, match="is no tag: expected O, or B-"):
        read_entities([tag])


@given(TAGS)
@settings(max_examples=100, deadline=None)
def test_entities_written_are_read_again(tags: list[str]) -> None:
    entities = read_entities(tags)
    again = write_tags(entities, len(tags))
    assert read_entities(again) == entities
    assert read_strict(again) == entities


@given(TAGS)
@settings(max_examples=100, deadline=None)
def test_every_tagged_token_belongs_to_one_entity(tags: list[str]) -> None:
    covered = [place for start, end, _ in read_entities(tags) for place in range(start, end)]
    assert covered == [place for place, tag in enumerate(tags) if tag != "O"]


@pytest.mark.parametrize("entity", [Entity(1, 4, "x"), Entity(2, 2, "x"), Entity(-1, 1, "x")])
def test_entities_outside_a_sentence_cannot_be_written(entity: Entity) -> None:
    with pytest.raises(InputError, match="leaves the sentence of 3 tokens"):
        write_tags([entity], 3)


def test_entities_that_overlap_cannot_be_written() -> None:
    with pytest.raises(InputError, match="entity 1:3 overlaps another"):
        write_tags([Entity(0, 2, "x"), Entity(1, 3, "y")], 3)


def test_an_entity_counts_only_with_its_whole_span_and_type() -> None:
    rows = [
        sentence("B-x I-x O B-y", "B-x I-x O B-y"),  # both right
        sentence("B-x I-x O B-y", "B-x O O B-x"),  # too short, and the wrong type
        sentence("O O O", "B-x O O"),  # nothing there
    ]
    counts = EntityCounts.of(rows)
    assert counts.precision().tolist() == [2 / 5]
    assert counts.recall().tolist() == [2 / 4]
    assert counts.f1().tolist() == [2 * 2 / 9]
    assert counts.f1_by_type() == pytest.approx({"x": 2 / 6, "y": 2 / 3})


def test_weights_repeat_sentences() -> None:
    rows = [sentence("B-x O", "B-x O"), sentence("B-x O", "O B-x"), sentence("O O", "O O")]
    weights = np.array([[1.0, 1.0, 1.0], [3.0, 0.0, 0.0], [0.0, 0.0, 3.0]])
    measured = EntityCounts.of(rows).f1(weights)
    assert measured[:2].tolist() == [0.5, 1.0]
    assert math.isnan(measured[2])


def test_no_sentences_have_no_measure() -> None:
    counts = EntityCounts.of([])
    assert counts.types == ()
    assert math.isnan(counts.f1()[0])
    assert math.isnan(surface_f1([]))


def test_a_surface_form_counts_once() -> None:
    rows = [
        TaggedSentence(("ESB", "is", "tall"), frozenset({Entity(0, 1, "place")}), frozenset({Entity(0, 1, "place")})),
        TaggedSentence(("ESB", "again"), frozenset({Entity(0, 1, "place")}), frozenset({Entity(0, 1, "place")})),
        TaggedSentence(("Ada", "came"), frozenset({Entity(0, 1, "person")}), frozenset({Entity(0, 1, "place")})),
    ]
    assert EntityCounts.of(rows).f1()[0] == pytest.approx(2 / 3)
    assert surface_f1(rows) == pytest.approx(2 * 1 / (2 + 2))


@pytest.mark.parametrize(("split", "entities"), [("train", 1975), ("dev", 836), ("test", 1079)])
def test_the_entities_of_wnut17_are_as_many_as_published(data: Path, split: str, entities: int) -> None:
    rows = list(wnut17(data / "wnut17_ner", split))
    assert sum(len(read_entities(row.tags)) for row in rows) == entities
    assert sum(len(read_strict(row.tags)) for row in rows) == entities
