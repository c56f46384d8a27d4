"""Sentiment: which of a few labels fits the mood of a text?"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ragkit.messages.counters import Counted
from ragkit.prompts.examples import AnyExample
from ragkit.prompts.few_shot import FewShot, Layout
from ragkit.prompts.library import load_prompt
from ragkit.prompts.parsers.labels import label_parser
from ragkit.prompts.prompt import Prompt
from ragkit.prompts.selectors.selector import Selector
from ragkit.prompts.tasks.shown import shown

__all__ = ["sentiment"]


def sentiment(
    examples: Iterable[AnyExample] = (),
    *,
    labels: Sequence[str] = ("positive", "negative"),
    selector: Selector | None = None,
    prompt: Prompt | None = None,
    layout: Layout = "turns",
    max_tokens: int | None = None,
    counter: Counted = None,
) -> FewShot[str]:
    """Make a few-shot prompt that asks for the mood of a text.

    Args:
        examples: Texts with their labels, shown for every text.
        labels: The label set; at least two.
        selector: Chooses other examples for each text, in place of `examples`.
        prompt: Your own words, such as `read_prompt("sentiment.md")`; None for those of ragkit.
        layout: Examples as turns of a chat, or as text before the question.
        max_tokens: The most that all messages may take; None for no bound.
        counter: Counts them, needed with `max_tokens`: the chat model, its name, or a `TokenCounter`.

    Returns:
        A prompt whose replies are read as one of `labels`.

    Raises:
        ConfigError: If the labels cannot be told apart, `max_tokens` has no counter, or both examples and a selector
            are given.
        InputError: If an example has no input or output.

    Example:
        >>> moods = sentiment([("A gem.", "positive"), ("A bore.", "negative")])
        >>> [message.type for message in moods.render("I laughed.")]
        ['system', 'human', 'ai', 'human', 'ai', 'human']
        >>> moods.parse("Positive.")
        'positive'
    """
    return FewShot(
        prompt=prompt or load_prompt("sentiment"),
        selector=shown(examples, selector),
        parser=label_parser(labels),
        layout=layout,
        measure="macro_f1",
        options={"labels": tuple(labels)},
        max_tokens=max_tokens,
        counter=counter,
    )
