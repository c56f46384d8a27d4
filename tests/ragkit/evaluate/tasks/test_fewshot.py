from __future__ import annotations

import json

import pytest

from ragkit.encoder import Encoder
from ragkit.errors import ConfigError, ModelError
from ragkit.evaluate.chat import Ask
from ragkit.evaluate.measures.entities import Entity
from ragkit.evaluate.outcome import Unscored
from ragkit.evaluate.tasks.fewshot import (
    ENTITIES_SCHEMA,
    FewShotChat,
    instruction,
    nearest_shots,
    random_shots,
    read_label,
    read_mentions,
    read_text,
    show_mentions,
)
from ragkit.evaluate.tasks.predictor import Item
from ragkit.testing.scripts import ScriptedModel

POOL = [Item("1", "a fine film", "positive"), Item("2", "a dull film", "negative"), Item("3", "so good", "positive")]
NO_LABEL = Unscored("the reply is no label")
NO_JSON = Unscored("the reply is not the JSON asked for")


def few_shot(model: ScriptedModel, encoder: Encoder, shots: int = 2) -> FewShotChat[str]:
    return FewShotChat(
        model,
        system="Say it.",
        choose=nearest_shots(POOL, shots, encoder),
        read=read_label(["positive", "negative"]),
        about={"nearest": shots},
    )


def test_examples_stand_before_the_question_as_turns(encoder: Encoder) -> None:
    ask = few_shot(ScriptedModel([]), encoder).ask("a dull thing")
    turns = [(message.role, message.content) for message in ask.messages]
    assert turns == [
        ("system", "Say it."),
        ("user", "a fine film"),
        ("assistant", "positive"),
        ("user", "a dull film"),
        ("assistant", "negative"),
        ("user", "a dull thing"),
    ]


def test_the_card_says_all_that_decides_the_answers(encoder: Encoder) -> None:
    assert few_shot(ScriptedModel([], name="m"), encoder).card == {
        "predictor": "chat",
        "model": {"name": "m"},
        "system": "Say it.",
        "shots": {"nearest": 2},
    }


def test_a_failing_model_and_an_unreadable_reply_leave_their_rows_unscored(encoder: Encoder) -> None:
    model = ScriptedModel(["positive", ModelError("no"), "I like it", '"Negative".'])
    said = few_shot(model, encoder, shots=0).predict(["a", "b", "c", "d"])
    assert said == ["positive", Unscored("the model failed"), NO_LABEL, "negative"]


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        ("Sci/Tech", "Sci/Tech"),
        (" sci/tech. ", "Sci/Tech"),
        ("'World'", "World"),
        ("World, Sci/Tech", NO_LABEL),
        ("", NO_LABEL),
    ],
)
def test_a_label_is_read_strictly(reply: str, said: object) -> None:
    assert read_label(["World", "Sci/Tech"])("", reply) == said


def test_an_example_with_the_very_text_is_not_shown(encoder: Encoder) -> None:
    shown = nearest_shots(POOL, 2, encoder)("a fine film")
    assert [item.id for item in shown] == ["3", "2"]


def test_drawn_examples_are_the_same_for_every_text() -> None:
    choose = random_shots(POOL, 2, seed=1)
    assert choose("x") == choose("y")
    assert len({item.id for item in choose("x")}) == 2
    assert random_shots(POOL, 3, seed=1)("x") != random_shots(POOL, 3, seed=5)("x")


def test_more_examples_than_there_are_cannot_be_shown(encoder: Encoder) -> None:
    with pytest.raises(ConfigError, match="4 examples cannot be shown of a pool of 3"):
        random_shots(POOL, 4)
    with pytest.raises(ConfigError, match="-1 examples cannot be shown"):
        nearest_shots(POOL, -1, encoder)


def test_instructions_are_filled_in() -> None:
    assert instruction("translate", source="English", target="German") == (
        "Translate the sentence from English to German. Answer with the translation alone."
    )
    assert '{"entities": []}' in instruction("entities", types="person")
    assert "labels fits the review: good, bad." in instruction("classify", what="the review", labels="good, bad")


def test_text_is_read_without_white_space_around_it() -> None:
    assert read_text("", " ein Hund\n") == "ein Hund"
    assert read_text("", " \n") == Unscored("the reply is empty")


def test_mentions_shown_are_read_again() -> None:
    tokens, entities = ("Ada", "met", "Ada", "King"), (Entity(0, 1, "person"), Entity(2, 4, "person"))
    shown = show_mentions(tokens, entities)
    assert json.loads(shown) == {
        "entities": [{"text": "Ada", "type": "person"}, {"text": "Ada King", "type": "person"}]
    }
    assert read_mentions(["person"])(" ".join(tokens), shown) == entities


def test_a_mention_that_is_not_there_is_a_wrong_prediction() -> None:
    reply = json.dumps({"entities": [{"text": name, "type": "Person"} for name in ("Bob", "Ada", "Ada")]})
    assert read_mentions(["person"])("Ada came", reply) == (
        Entity(0, 1, "person"),
        Entity(2, 3, "person"),
        Entity(4, 5, "person"),
    )


@pytest.mark.parametrize(
    "reply",
    [
        "none",
        "[]",
        '{"entities": [{"text": "Ada", "type": "planet"}]}',
        '{"entities": [{"text": 3, "type": "person"}]}',
        '{"entities": 7}',
        "[" * 100_000,
    ],
)
def test_a_reply_that_is_not_the_json_asked_for_is_unscored(reply: str) -> None:
    assert read_mentions(["person"])("Ada came", reply) == NO_JSON


def test_the_schema_goes_with_the_question() -> None:
    asked: list[Ask] = []

    def answer(ask: Ask) -> str:
        asked.append(ask)
        return '{"entities": []}'

    predictor = FewShotChat(
        ScriptedModel(answer), system="", choose=random_shots([], 0), read=read_mentions([]), schema=ENTITIES_SCHEMA
    )
    assert predictor.predict(["Ada came", ("Ada", "came")]) == [(), ()]
    assert asked[0].messages == asked[1].messages
    assert asked[0].schema == ENTITIES_SCHEMA
