from __future__ import annotations

from ragkit.prompts.parsers.entities import Mention
from ragkit.prompts.tasks.entities import entities, show_mentions
from ragkit.testing import ScriptedChatModel

NAMED = entities(["person", "place"], [("I met Ada.", show_mentions([("Ada", "person")]))])


def test_examples_show_the_json_that_is_read() -> None:
    system, *turns = NAMED.render("So Bo said in Rom.")
    assert '{"entities": []}' in str(system.content)
    assert "one of these types: person, place." in str(system.content)
    assert NAMED.parse(str(turns[1].content), text="I met Ada.") == (Mention("Ada", "person", 6, 9),)


def test_mentions_get_their_places_in_the_text_asked_about() -> None:
    model = ScriptedChatModel([show_mentions([("Bo", "person"), ("Rom", "place")])])
    found = NAMED.runnable(model).invoke("So Bo said in Rom.")
    assert found == (Mention("Bo", "person", 3, 5), Mention("Rom", "place", 14, 17))


def test_a_model_can_be_held_to_the_schema() -> None:
    assert NAMED.parser.schema is not None
    assert NAMED.parser.schema["properties"]["entities"]["items"]["properties"]["type"]["enum"] == ["person", "place"]
