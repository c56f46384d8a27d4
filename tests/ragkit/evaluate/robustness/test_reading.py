from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from ragkit.embed.encoder import SentenceEncoder
from ragkit.errors import ModelError
from ragkit.evaluate.outcome import Unscored
from ragkit.evaluate.robustness.reading import (
    ChatReader,
    ExtractiveReader,
    Observed,
    Reading,
    minus,
    of_reading,
    searching,
    shown,
)
from ragkit.prompts.library import load_prompt
from ragkit.store.collection import Collection
from ragkit.testing.scripts import ScriptedModel

MOON = "Neil Armstrong was the first person to walk on the Moon. He landed in July 1969."
SUN = "The Sun turns hydrogen into helium in its core."


@pytest.fixture
def collection(tmp_path: Path) -> Iterator[Collection]:
    with Collection.open(tmp_path / "store", SentenceEncoder.load()) as opened:
        yield opened


def test_the_extractive_answerer_reads_only_what_it_is_given(collection: Collection) -> None:
    reader = ExtractiveReader(collection)
    reader.add([SUN, MOON])
    given = reader("Who was the first person to walk on the Moon?", [SUN, MOON])
    assert "Neil Armstrong" in given.text
    assert "[1]" not in given.text
    assert given.support is not None
    assert given.support > 0.5
    alone = reader("Who was the first person to walk on the Moon?", [SUN])
    assert alone.abstained
    assert alone.support is not None
    assert alone.support < 0.2
    assert alone.text == ""


def test_a_passage_is_put_once(collection: Collection) -> None:
    reader = ExtractiveReader(collection)
    assert reader.add([SUN, SUN]) == reader.add([SUN]) * 2
    assert len(collection) == 1


def test_of_no_passages_nothing_is_read(collection: Collection) -> None:
    assert ExtractiveReader(collection)("Who?", []) == Reading("", abstained=True, support=0.0)


def test_a_system_is_observed_with_what_it_retrieves(collection: Collection) -> None:
    collection.add_texts([SUN, MOON], doc_ids=["sun", "moon"])
    observed = searching(collection, k=2)("Who was the first person to walk on the Moon?")
    assert not isinstance(observed, Unscored)
    assert observed.retrieved == ("moon", "sun")
    assert "Neil Armstrong" in observed.reading.text


def test_a_reader_of_ones_own_stands_behind_the_search(collection: Collection) -> None:
    collection.add_texts([SUN, MOON], doc_ids=["sun", "moon"])
    given: list[Sequence[str]] = []

    def read(_: str, passages: Sequence[str]) -> Reading | Unscored:
        given.append(passages)
        return Reading("Armstrong") if len(given) == 1 else Unscored("the model failed")

    observe = searching(collection, reader=read, k=1)
    assert observe("Who walked on the Moon?") == Observed(Reading("Armstrong"), ("moon",))
    assert given == [[MOON]]
    assert observe("Who walked on the Moon?") == Unscored("the model failed")


def test_a_chat_model_is_given_passages_and_question() -> None:
    model = ScriptedModel(["It was Neil Armstrong."])
    assert ChatReader(model)("Who?", [SUN, MOON]) == Reading("It was Neil Armstrong.")
    system, user = model.asks[0].messages
    assert "insufficient information" in system.content
    assert "factual errors" in system.content
    first, *_, last = user.content.removesuffix("\n\nQuestion: Who?").splitlines()
    mark = first.removeprefix("<<<SOURCES ")
    assert user.content == f"{first}\n[1] {mark}\n{SUN}\n[2] {mark}\n{MOON}\n{last}\n\nQuestion: Who?"
    assert last == f"SOURCES {mark}>>>"


def test_a_chat_model_reads_by_a_prompt_of_ones_own() -> None:
    model = ScriptedModel(["Yes."])
    brief = load_prompt("read-passages").with_instruction("Be brief.")
    ChatReader(model, prompt=brief)("Who?", [])
    assert model.asks[0].messages[0].content == "Be brief."


def test_the_same_passages_are_asked_about_in_the_same_words() -> None:
    model = ScriptedModel(["Yes.", "Yes."])
    assert ChatReader(model)("Who?", [SUN, MOON]) == ChatReader(model)("Who?", [SUN, MOON])
    assert model.asks[0] == model.asks[1]


def test_what_a_chat_model_declines_and_detects_is_read() -> None:
    reader = ChatReader(
        ScriptedModel(["I cannot answer: Insufficient information.", "There are factual errors. It was Armstrong."])
    )
    assert reader("Who?", []) == Reading("", abstained=True)
    assert reader("Who?", []) == Reading("There are factual errors. It was Armstrong.", wrong_facts=True)


def test_a_chat_model_that_fails_gives_no_reading() -> None:
    assert ChatReader(ScriptedModel([ModelError("down")]))("Who?", []) == Unscored("the model failed")


def test_outcomes_pass_on_why_there_is_none() -> None:
    failed = Unscored("failed")
    assert of_reading(failed, lambda one: 1.0) == failed
    assert of_reading(Reading("x"), lambda one: one.support) == Unscored("the reader gives none")
    assert of_reading(Reading("x"), lambda one: one.abstained) == 0.0
    assert minus(1.0, 0.25) == 0.75
    assert minus(failed, 1.0) == minus(1.0, failed) == failed
    assert shown(failed) is None
    assert shown(Reading("x")) == "x"
