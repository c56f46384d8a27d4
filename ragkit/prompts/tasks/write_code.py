"""Code: a program that does what a task says."""

from __future__ import annotations

from collections.abc import Iterable

from ragkit.messages.counters import Counted
from ragkit.prompts.examples import AnyExample
from ragkit.prompts.few_shot import FewShot, Layout
from ragkit.prompts.library import load_prompt
from ragkit.prompts.parsers.code import code_parser
from ragkit.prompts.prompt import Prompt
from ragkit.prompts.selectors.selector import Selector
from ragkit.prompts.tasks.shown import shown

__all__ = ["write_code"]


def write_code(
    examples: Iterable[AnyExample] = (),
    *,
    language: str = "python",
    selector: Selector | None = None,
    prompt: Prompt | None = None,
    layout: Layout = "turns",
    max_tokens: int | None = None,
    counter: Counted = None,
) -> FewShot[str]:
    r"""Make a few-shot prompt that asks for a program.

    Args:
        examples: Tasks with programs in fenced blocks, shown for every task.
        language: The programming language, as after a fence.
        selector: Chooses other examples for each task, in place of `examples`.
        prompt: Your own words, such as `read_prompt("write-code.md")`; None for those of ragkit.
        layout: Examples as turns of a chat, or as text before the question.
        max_tokens: The most that all messages may take; None for no bound.
        counter: Counts them, needed with `max_tokens`: the chat model, its name, or a `TokenCounter`.

    Returns:
        A prompt whose replies are read as a program; the syntax of Python and JSON is checked, and nothing is ever run.

    Raises:
        ConfigError: If the language is no single word, `max_tokens` has no counter, or both examples and a selector
            are given.
        InputError: If an example has no input or output.

    Example:
        >>> write_code().parse("```python\nprint(1)\n```")
        'print(1)\n'
    """
    return FewShot(
        prompt=prompt or load_prompt("write-code"),
        selector=shown(examples, selector),
        parser=code_parser(language),
        layout=layout,
        measure="readable",
        options={"language": language},
        subject="task",
        max_tokens=max_tokens,
        counter=counter,
    )
