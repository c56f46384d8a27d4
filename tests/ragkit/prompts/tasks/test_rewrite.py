from __future__ import annotations

from ragkit.prompts.tasks.rewrite import rewrite


def test_the_manner_stands_in_the_instruction() -> None:
    short = rewrite([("In order to win", "To win")], manner="short", layout="text")
    system, user = (str(message.content) for message in short.render("Due to the fact that"))
    assert system.startswith("Rewrite the text so that it is short. Keep its meaning, its language,")
    assert user == "Text: In order to win\nRewritten: To win\n\nText: Due to the fact that\nRewritten:"
    assert short.parse("Because") == "Because"
