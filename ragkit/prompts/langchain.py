"""Prompts as LangChain parts."""

from __future__ import annotations

from typing import Any, Self

from langchain_core.messages import AnyMessage, BaseMessage
from langchain_core.prompts.chat import BaseChatPromptTemplate
from pydantic import Field

from ragkit.errors import InputError
from ragkit.prompts.prompt import Prompt

__all__ = ["ChatPrompt"]

_TYPES: dict[str, Any] = {  # what LangChain shows of a chain's input
    "option": str | int | float | list[str],
    "text": str,
    "data": str,
    "documents": list[Any],
    "examples": list[Any],
    "messages": list[AnyMessage],
}


class ChatPrompt(BaseChatPromptTemplate):
    """A `Prompt` in LangChain's place for one: `ChatPrompt.of(prompt) | model | parser`.

    A chain that hands on more than the prompt takes, as LangChain's `ChatPromptTemplate` does to its parts, needs
    `strict=False`; a missing variable is an error always.
    """

    prompt: Prompt = Field(exclude=True)
    """The words."""
    seed: int | None = None
    """As of `Prompt.render`; a number makes the same input the same bytes."""
    strict: bool = True
    """Whether a variable that the prompt does not have is an error, or passed over."""

    @classmethod
    def of(cls, prompt: Prompt, *, seed: int | None = None, strict: bool = True) -> Self:
        """Give a prompt as a LangChain part."""
        required = list(prompt.required_names)
        return cls(
            prompt=prompt,
            seed=seed,
            strict=strict,
            input_variables=required,
            optional_variables=[name for name in prompt.variable_names if name not in required],
            input_types={name: _TYPES[prompt.variable(name).kind] for name in prompt.variable_names},
        )

    @classmethod
    def is_lc_serializable(cls) -> bool:
        """Say no: a prompt is saved as its Markdown file, and traces show its name and hash."""
        return False

    def format_messages(self, **kwargs: Any) -> list[BaseMessage]:
        """Give the messages for these values.

        Raises:
            InputError: Naming the variable that is missing, unknown or given what its kind does not take.
        """
        known = kwargs if self.strict else {name: kwargs[name] for name in self.prompt.variable_names if name in kwargs}
        return self.prompt.render(known, seed=self.seed)

    def partial(self, **kwargs: Any) -> Self:
        """Give a copy that has these values already, as `Prompt.with_defaults`."""
        return type(self).of(self.prompt.with_defaults(**kwargs), seed=self.seed, strict=self.strict)

    def pretty_repr(self, html: bool = False) -> str:
        """Give the prompt as its file would say it."""
        from ragkit.prompts.file import write_prompt

        return write_prompt(self.prompt)

    def _validate_input(self, inner_input: Any) -> dict[str, Any]:
        if isinstance(inner_input, dict):
            return inner_input
        if len(self.input_variables) == 1:
            return {self.input_variables[0]: inner_input}
        names = ", ".join(self.prompt.variable_names) or "none"
        raise InputError(
            f"prompt {self.prompt.name} needs a dict with its variables ({names}), got a {type(inner_input).__name__}."
        )
