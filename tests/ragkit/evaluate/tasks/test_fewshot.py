from __future__ import annotations

from dataclasses import replace

import pytest

from ragkit.encoder import Encoder
from ragkit.errors import ModelError
from ragkit.evaluate.chat import Ask
from ragkit.evaluate.measures.entities import Entity
from ragkit.evaluate.outcome import Unscored
from ragkit.evaluate.tasks.fewshot import FewShotChat, as_entities, entity_examples, text_examples
from ragkit.evaluate.tasks.predictor import Item
from ragkit.messages.tokens import counter_for
from ragkit.prompts.parsers.entities import Mention, show_mentions
from ragkit.prompts.selectors.given import RandomSelector
from ragkit.prompts.selectors.similarity import SimilaritySelector
from ragkit.prompts.tasks.entities import entities
from ragkit.prompts.tasks.sentiment import sentiment
from ragkit.prompts.tasks.topic import topic
from ragkit.prompts.tasks.translate import translate
from ragkit.testing.scripts import ScriptedModel

POOL = [Item("1", "a fine film", "positive"), Item("2", "a dull film", "negative"), Item("3", "so good", "positive")]
UNREADABLE = Unscored("the reply cannot be read")


def few_shot(model: ScriptedModel, encoder: Encoder, shots: int = 2) -> FewShotChat[str]:
    return FewShotChat(model, sentiment(selector=SimilaritySelector(text_examples(POOL), encoder, shots)))


def test_examples_stand_before_the_question_as_turns(encoder: Encoder) -> None:
    ask = few_shot(ScriptedModel([]), encoder).ask("a dull thing")
    turns = [(message.role, message.content) for message in ask.messages]
    assert turns[0][0] == "system"
    assert turns[1:] == [
        ("user", "Text: a fine film\nMood:"),
        ("assistant", "positive"),
        ("user", "Text: a dull film\nMood:"),
        ("assistant", "negative"),
        ("user", "Text: a dull thing\nMood:"),
    ]


def test_an_example_with_the_very_text_is_not_shown(encoder: Encoder) -> None:
    ask = few_shot(ScriptedModel([]), encoder).ask("a fine film")
    assert [message.content for message in ask.messages[1:-1]][::2] == [
        "Text: so good\nMood:",
        "Text: a dull film\nMood:",
    ]


def test_drawn_examples_are_the_same_for_every_text() -> None:
    drawn = FewShotChat(ScriptedModel([]), sentiment(selector=RandomSelector(text_examples(POOL), 2, seed=1)))
    assert drawn.ask("x").messages[:-1] == drawn.ask("y").messages[:-1]


def test_the_card_says_all_that_decides_the_answers(encoder: Encoder) -> None:
    card = few_shot(ScriptedModel([], name="m"), encoder).card
    assert (card["predictor"], card["model"]) == ("chat", {"name": "m"})
    assert card["few_shot"]["prompt"]["name"] == "sentiment"
    assert card["few_shot"]["selector"]["count"] == 2
    assert card["few_shot"]["options"] == {"labels": ["positive", "negative"]}


def test_a_failing_model_and_an_unreadable_reply_leave_their_rows_unscored(encoder: Encoder) -> None:
    model = ScriptedModel(["positive", ModelError("no"), "I like it", '"Negative".'])
    said = few_shot(model, encoder, shots=0).predict(["a", "b", "c", "d"])
    assert said == ["positive", Unscored("the model failed"), UNREADABLE, "negative"]


def test_a_text_that_has_no_room_is_not_asked_about() -> None:
    model = ScriptedModel(["positive"])
    counter = counter_for("gpt-4o")
    tight = sentiment(max_tokens=counter.messages(sentiment().render("short")), counter=counter)
    assert FewShotChat(model, tight).predict(["long " * 100, "short"]) == [
        Unscored("the prompt is too long"),
        "positive",
    ]
    assert len(model.asks) == 1


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        ("Sci/Tech", "Sci/Tech"),
        (" sci/tech. ", "Sci/Tech"),
        ("'World'", "World"),
        ("World, Sci/Tech", UNREADABLE),
        ("I think it is World", UNREADABLE),
        ("", UNREADABLE),
    ],
)
def test_a_label_is_read_strictly(reply: str, said: object) -> None:
    assert FewShotChat(ScriptedModel([reply]), topic(["World", "Sci/Tech"])).predict(["x"]) == [said]


def test_text_is_read_without_white_space_around_it() -> None:
    chat = FewShotChat(ScriptedModel([" ein Hund\n", " \n"]), translate("German"))
    assert chat.predict(["a dog", "a cat"]) == ["ein Hund", UNREADABLE]


def test_sentences_with_entities_are_shown_as_json_that_is_read_again() -> None:
    tokens, gold = ("Ada", "met", "Ada", "King"), (Entity(0, 1, "person"), Entity(2, 4, "person"))
    (example,) = entity_examples([Item("1", tokens, gold)])
    assert example.output == show_mentions([("Ada", "person"), ("Ada King", "person")])
    chat = FewShotChat(ScriptedModel([example.output]), entities(["person"]), said=as_entities)
    assert chat.predict([tokens]) == [gold]


def test_a_mention_that_is_not_there_is_a_wrong_prediction() -> None:
    mentions = [Mention(name, "person") for name in ("Bob", "Ada", "Ada")]
    assert as_entities("Ada came", mentions) == (Entity(0, 1, "person"), Entity(2, 3, "person"), Entity(4, 5, "person"))


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
    chat = FewShotChat(ScriptedModel([reply]), entities(["person"]), said=as_entities)
    assert chat.predict([("Ada", "came")]) == [UNREADABLE]


def test_the_schema_goes_with_the_question_and_tokens_are_a_text() -> None:
    asked: list[Ask] = []

    def answer(ask: Ask) -> str:
        asked.append(ask)
        return '{"entities": []}'

    builder = entities(["person"])
    predictor = FewShotChat(ScriptedModel(answer), builder, said=as_entities)
    assert predictor.predict(["Ada came", ("Ada", "came")]) == [(), ()]
    assert asked[0] == asked[1]
    assert asked[0].schema == builder.parser.schema


def test_what_is_asked_is_the_same_each_time() -> None:
    builder = replace(sentiment(), seed=None)
    first, second = (FewShotChat(ScriptedModel([]), builder).ask("a text") for _ in range(2))
    assert first == second
