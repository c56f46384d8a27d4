from __future__ import annotations

from ragkit.prompts.tasks.summarise import summarise


def test_the_length_stands_in_the_instruction() -> None:
    brief = summarise([("A long tale.", "A tale.")], length="one sentence")
    asked = [str(message.content) for message in brief.render("Once upon a time …")]
    assert asked[0].startswith("Sum up the text in one sentence, in the language in which it is written.")
    assert asked[1:] == ["Text: A long tale.\nSummary:", "A tale.", "Text: Once upon a time …\nSummary:"]
    assert brief.parse("<think>hm</think>\nA king dies.") == "A king dies."
