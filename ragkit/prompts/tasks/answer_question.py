"""Question answering: an answer from sources that cites them, or the sentence that declines."""

from __future__ import annotations

from collections.abc import Iterable

from ragkit.messages.counters import Counted
from ragkit.prompts.examples import AnyExample
from ragkit.prompts.few_shot import FewShot, Layout
from ragkit.prompts.library import load_prompt
from ragkit.prompts.parsers.texts import answer_parser
from ragkit.prompts.prompt import Prompt
from ragkit.prompts.selectors.selector import Selector
from ragkit.prompts.tasks.shown import shown

__all__ = ["answer_question"]


def answer_question(
    examples: Iterable[AnyExample] = (),
    *,
    declines: str = "The sources do not answer this.",
    selector: Selector | None = None,
    prompt: Prompt | None = None,
    layout: Layout = "turns",
    max_tokens: int | None = None,
    counter: Counted = None,
) -> FewShot[str | None]:
    """Make a prompt that answers a question from sources, given for each question as `sources`.

    Args:
        examples: Questions with their answers, shown for every question.
        declines: What the model is to say where the sources do not answer.
        selector: Chooses other examples for each question, in place of `examples`.
        prompt: Your own words, such as `read_prompt("answer-question.md")`; None for those of ragkit.
        layout: Examples as turns of a chat, or as text before the question.
        max_tokens: The most that all messages may take; None for no bound.
        counter: Counts them, needed with `max_tokens`: the chat model, its name, or a `TokenCounter`.

    Returns:
        A prompt whose replies are read as an answer, or None where the model declines.

    Raises:
        ConfigError: If `declines` has no words, `max_tokens` has no counter, or both examples and a selector are given.
        InputError: If an example has no input or output.

    Example:
        >>> asked = answer_question().render("When was Ada born?", sources=["Ada was born in 1815."])
        >>> asked[-1].content.splitlines()[-2:]
        ['Question: When was Ada born?', 'Answer:']
        >>> answer_question().parse("The sources do not answer this.") is None
        True
    """
    return FewShot(
        prompt=prompt or load_prompt("answer-question"),
        selector=shown(examples, selector),
        parser=answer_parser(declines),
        layout=layout,
        measure="token_f1",
        options={"declines": declines},
        subject="question",
        max_tokens=max_tokens,
        counter=counter,
    )
