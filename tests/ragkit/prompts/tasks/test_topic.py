from __future__ import annotations

from ragkit.prompts.tasks.topic import topic


def test_the_label_set_stands_in_the_instruction_and_bounds_the_replies() -> None:
    news = topic(["World", "Sci/Tech"], [("A comet.", "Sci/Tech")])
    asked = [message.content for message in news.render("A vote.")]
    assert asked[0].startswith(
        "Say which of these labels fits the topic of the text: World, Sci/Tech. Answer with the label alone."
    )
    assert asked[1:] == ["Text: A comet.\nTopic:", "Sci/Tech", "Text: A vote.\nTopic:"]
    assert news.parse("Topic: sci/tech") == "Sci/Tech"
    assert news.measure == "macro_f1"
