from __future__ import annotations

from ragkit.prompts.tasks.translate import translate


def test_the_languages_stand_in_the_instruction() -> None:
    german = translate("German", [("A dog.", "Ein Hund.")], source="English")
    asked = [str(message.content) for message in german.render("A cat.")]
    assert asked[0].startswith("Translate the text from English to German.")
    assert asked[1:] == ["Text: A dog.\nTranslation:", "Ein Hund.", "Text: A cat.\nTranslation:"]
    assert german.parse(" Eine Katze.\n") == "Eine Katze."


def test_the_language_of_the_text_need_not_be_known() -> None:
    assert str(translate("German").render("Un chat.")[0].content).startswith("Translate the text from its language to")
