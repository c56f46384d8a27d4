"""Translation: a text in another language."""

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

__all__ = ["translate"]


def translate(
    target: str,
    examples: Iterable[AnyExample] = (),
    *,
    source: str = "its language",
    selector: Selector | None = None,
    prompt: Prompt | None = None,
    layout: Layout = "turns",
    max_tokens: int | None = None,
    counter: Counted = None,
) -> FewShot[str]:
    """Make a few-shot prompt that asks for the translation of a text.

    Args:
        target: The language to translate into, in English words: `German`.
        examples: Texts with their translations, shown for every text.
        source: The language of the texts, where it is known.
        selector: Chooses other examples for each text, in place of `examples`.
        prompt: Your own words, such as `read_prompt("translate.md")`; None for those of ragkit.
        layout: Examples as turns of a chat, or as text before the question.
        max_tokens: The most that all messages may take; None for no bound.
        counter: Counts them, needed with `max_tokens`: the chat model, its name, or a `TokenCounter`.

    Returns:
        A prompt whose replies are read as text.

    Raises:
        ConfigError: If `max_tokens` has no counter, or both examples and a selector are given.
        InputError: If an example has no input or output.

    Example:
        >>> translate("German", source="English").render("A dog.")[0].content[:43]
        'Translate the text from English to German. '
    """
    return FewShot(
        prompt=prompt or load_prompt("translate"),
        selector=shown(examples, selector),
        parser=text_parser(),
        layout=layout,
        measure="chrF",
        options={"source": source, "target": target},
        max_tokens=max_tokens,
        counter=counter,
    )
