"""Selectors where LangChain expects an example selector."""

from __future__ import annotations

from collections.abc import Iterable
from threading import Lock
from typing import Any

from langchain_core.example_selectors import BaseExampleSelector

from ragkit.errors import InputError, shorten
from ragkit.prompts.examples import Example, as_examples
from ragkit.prompts.selectors.selector import PoolSelector

__all__ = ["LangChainExampleSelector"]


class LangChainExampleSelector(BaseExampleSelector):
    """Any selector with a pool as LangChain's `BaseExampleSelector`, for its few-shot prompt templates.

    Examples go in and come out as dicts with the keys `input_key` and `output_key`. Of the variables that a prompt is
    given only `input_key` decides which examples are chosen. Threads may share it.

    Example:
        >>> from ragkit.prompts import FixedSelector
        >>> selector = LangChainExampleSelector(FixedSelector(as_examples([("happy", "sad")])), output_key="antonym")
        >>> selector.select_examples({"input": "tall"})
        [{'input': 'happy', 'antonym': 'sad'}]
    """

    def __init__(self, selector: PoolSelector, *, input_key: str = "input", output_key: str = "output") -> None:
        """Wrap a selector, which stays as it is.

        Args:
            selector: One of ragkit's, or any that has `examples` and `with_examples`.
            input_key: Where an example has its input, and a prompt the text asked about.
            output_key: Where an example has its output.
        """
        self._selector = selector
        self._input_key = input_key
        self._output_key = output_key
        self._lock = Lock()

    @property
    def selector(self) -> PoolSelector:
        """The selector with the examples added so far."""
        return self._selector

    def add_example(self, example: dict[str, str]) -> None:
        """Add an example behind the others; costs its embedding where the selector has any.

        Raises:
            InputError: If a key is missing or holds no text.
        """
        self.add_examples([example])

    def add_examples(self, examples: Iterable[dict[str, str]]) -> None:
        """Add many examples at once.

        Raises:
            InputError: As `add_example`, and then none is added.
        """
        added = as_examples(examples, input_key=self._input_key, output_key=self._output_key)
        with self._lock:
            self._selector = self._selector.with_examples((*self._selector.examples, *added))

    def select_examples(self, input_variables: dict[str, str]) -> list[dict[str, Any]]:
        """Give the examples for what `input_variables` has under the input's key, in the order they are shown.

        Raises:
            InputError: If there is none, or it is no text.
        """
        text = input_variables.get(self._input_key)
        if not isinstance(text, str):
            known = ", ".join(map(str, input_variables)) or "none"
            raise InputError(f"the text is expected as {self._input_key!r}; the variables are {shorten(known)}.")
        return [self._shown(example) for example in self._selector.select(text)]

    def _shown(self, example: Example) -> dict[str, Any]:
        return {self._input_key: example.input, self._output_key: example.output}
