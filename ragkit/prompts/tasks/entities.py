"""Named entities: who and what is named in a text, and where?"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ragkit.messages.counters import Counted
from ragkit.prompts.examples import AnyExample
from ragkit.prompts.few_shot import FewShot, Layout
from ragkit.prompts.library import load_prompt
from ragkit.prompts.parsers.entities import Mention, entities_parser, show_mentions
from ragkit.prompts.prompt import Prompt
from ragkit.prompts.selectors.selector import Selector
from ragkit.prompts.tasks.shown import shown

__all__ = ["entities", "show_mentions"]


def entities(
    types: Sequence[str],
    examples: Iterable[AnyExample] = (),
    *,
    selector: Selector | None = None,
    prompt: Prompt | None = None,
    layout: Layout = "turns",
    max_tokens: int | None = None,
    counter: Counted = None,
) -> FewShot[tuple[Mention, ...]]:
    """Make a few-shot prompt that asks for the named entities of a text.

    Args:
        types: The types to tell apart.
        examples: Texts with what `show_mentions` writes, shown for every text.
        selector: Chooses other examples for each text, in place of `examples`.
        prompt: Your own words, such as `read_prompt("entities.md")`; None for those of ragkit.
        layout: Examples as turns of a chat, or as text before the question.
        max_tokens: The most that all messages may take; None for no bound.
        counter: Counts them, needed with `max_tokens`: the chat model, its name, or a `TokenCounter`.

    Returns:
        A prompt whose replies are read as mentions with their places in the text.

    Raises:
        ConfigError: If the types cannot be told apart, `max_tokens` has no counter, or both examples and a selector
            are given.
        InputError: If an example has no input or output.

    Example:
        >>> named = entities(["person"], [("I met Ada.", show_mentions([("Ada", "person")]))])
        >>> named.parse('{"entities": [{"text": "Bo", "type": "person"}]}', text="So Bo said.")
        (Mention(text='Bo', type='person', start=3, end=5),)
    """
    return FewShot(
        prompt=prompt or load_prompt("entities"),
        selector=shown(examples, selector),
        parser=entities_parser(types),
        layout=layout,
        measure="f1",
        options={"types": tuple(types)},
        max_tokens=max_tokens,
        counter=counter,
    )
