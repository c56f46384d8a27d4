"""Summaries: what a text says, in few words."""

from __future__ import annotations

from collections.abc import Iterable

from ragkit.messages.counters import Counted
from ragkit.prompts.examples import AnyExample
from ragkit.prompts.few_shot import FewShot, Layout
from ragkit.prompts.library import load_prompt
from ragkit.prompts.parsers.texts import text_parser
from ragkit.prompts.prompt import Prompt
from ragkit.prompts.selectors.selector import Selector
from ragkit.prompts.tasks.shown import shown

__all__ = ["summarise"]


def summarise(
    examples: Iterable[AnyExample] = (),
    *,
    length: str = "at most three sentences",
    selector: Selector | None = None,
    prompt: Prompt | None = None,
    layout: Layout = "turns",
    max_tokens: int | None = None,
    counter: Counted = None,
) -> FewShot[str]:
    """Make a few-shot prompt that asks for the summary of a text.

    Args:
        examples: Texts with their summaries, shown for every text.
        length: How long a summary may be, in words.
        selector: Chooses other examples for each text, in place of `examples`.
        prompt: Your own words, such as `read_prompt("summarise.md")`; None for those of ragkit.
        layout: Examples as turns of a chat, or as text before the question.
        max_tokens: The most that all messages may take; None for no bound.
        counter: Counts them, needed with `max_tokens`: the chat model, its name, or a `TokenCounter`.

    Returns:
        A prompt whose replies are read as text.

    Raises:
        ConfigError: If `max_tokens` has no counter, or both examples and a selector are given.
        InputError: If an example has no input or output.

    Example:
        >>> summarise(length="one sentence").render("Once upon a time …")[0].content[:31]
        'Sum up the text in one sentence'
    """
    return FewShot(
        prompt=prompt or load_prompt("summarise"),
        selector=shown(examples, selector),
        parser=text_parser(),
        layout=layout,
        measure="rougeL",
        options={"length": length},
        max_tokens=max_tokens,
        counter=counter,
    )
