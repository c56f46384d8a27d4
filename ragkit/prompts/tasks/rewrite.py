"""Rewriting: the same text in another manner."""

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

__all__ = ["rewrite"]


def rewrite(
    examples: Iterable[AnyExample] = (),
    *,
    manner: str = "clear and correct",
    selector: Selector | None = None,
    prompt: Prompt | None = None,
    layout: Layout = "turns",
    max_tokens: int | None = None,
    counter: Counted = None,
) -> FewShot[str]:
    """Make a few-shot prompt that asks for a text in another manner.

    Args:
        examples: Texts with what became of them, shown for every text.
        manner: What the text shall be like: `as polite as a letter to a stranger`.
        selector: Chooses other examples for each text, in place of `examples`.
        prompt: Your own words, such as `read_prompt("rewrite.md")`; None for those of ragkit.
        layout: Examples as turns of a chat, or as text before the question.
        max_tokens: The most that all messages may take; None for no bound.
        counter: Counts them, needed with `max_tokens`: the chat model, its name, or a `TokenCounter`.

    Returns:
        A prompt whose replies are read as text.

    Raises:
        ConfigError: If `max_tokens` has no counter, or both examples and a selector are given.
        InputError: If an example has no input or output.

    Example:
        >>> rewrite(manner="short").render("In order to …")[0].content[:38]
        'Rewrite the text so that it is short. '
    """
    return FewShot(
        prompt=prompt or load_prompt("rewrite"),
        selector=shown(examples, selector),
        parser=text_parser(),
        layout=layout,
        measure="chrF",
        options={"manner": manner},
        max_tokens=max_tokens,
        counter=counter,
    )
