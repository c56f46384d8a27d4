from __future__ import annotations

from pathlib import Path

import pytest

from ragkit.errors import ConfigError, OutputParseError
from ragkit.messages.tokens import counter_for
from ragkit.prompts.library import load_prompt, prompt_text
from ragkit.prompts.tasks.sentiment import sentiment
from ragkit.testing import ScriptedChatModel

FILMS = [("A gem.", "positive"), ("A bore.", "negative")]


def test_examples_stand_before_the_question_as_turns() -> None:
    asked = [(message.type, message.content) for message in sentiment(FILMS).render("I laughed.")]
    assert asked[0][1].startswith("Say which of these labels fits the mood of the text: positive, negative. Answer")
    assert asked[1:] == [
        ("human", "Text: A gem.\nMood:"),
        ("ai", "positive"),
        ("human", "Text: A bore.\nMood:"),
        ("ai", "negative"),
        ("human", "Text: I laughed.\nMood:"),
    ]


def test_examples_stand_before_the_question_as_text() -> None:
    system, user = sentiment(FILMS, layout="text").render("I laughed.")
    assert system.type == "system"
    assert user.content == ("Text: A gem.\nMood: positive\n\nText: A bore.\nMood: negative\n\nText: I laughed.\nMood:")


def test_a_model_is_asked_and_its_reply_read() -> None:
    model = ScriptedChatModel(["Positive.", "I like it"])
    moods = sentiment(FILMS).runnable(model)
    assert moods.invoke("I laughed.") == "positive"
    with pytest.raises(OutputParseError, match="the reply is no label; expected one of positive, negative"):
        moods.invoke({"text": "Hm."})


async def test_a_model_is_awaited() -> None:
    assert await sentiment(labels=["froh", "trüb"]).runnable(ScriptedChatModel(["TRÜB"])).ainvoke("Regen.") == "trüb"


def test_a_budget_lets_the_first_examples_go() -> None:
    counter = counter_for("gpt-4o")
    whole = counter.messages(sentiment(FILMS).render("I laughed."))
    shown = sentiment(FILMS, max_tokens=whole - 1, counter=counter).render("I laughed.")
    assert [message.content for message in shown][1:] == ["Text: A bore.\nMood:", "negative", "Text: I laughed.\nMood:"]


def test_a_prompt_file_of_ones_own_is_asked_with(tmp_path: Path) -> None:
    (tmp_path / "sentiment.md").write_text(prompt_text("sentiment").replace("Say which", "Tell me which"), "utf-8")
    own = sentiment(FILMS).with_prompt(load_prompt("sentiment", folder=tmp_path))
    assert str(own.render("I laughed.")[0].content).startswith("Tell me which of these labels fits")
    assert own.parse("negative") == "negative"


def test_a_budget_needs_a_counter_and_labels_a_difference() -> None:
    with pytest.raises(ConfigError, match="max_tokens needs a counter"):
        sentiment(max_tokens=100)
    with pytest.raises(ConfigError, match="differs from another in case alone"):
        sentiment(labels=["good", "GOOD"])
