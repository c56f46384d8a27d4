"""What all classic memories have in common: variables for a prompt, and contexts (inputs and outputs) to save."""

from __future__ import annotations

import warnings
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from langchain_core.chat_history import BaseChatMessageHistory
from langchain_core.language_models import BaseLanguageModel
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, get_buffer_string
from langchain_core.prompts import BasePromptTemplate
from langchain_core.runnables import run_in_executor
from pydantic import BaseModel, ConfigDict, Field, model_validator

from ragkit.errors import InputError, shorten
from ragkit.memory.histories.histories import ChatHistories

__all__ = ["ChatContextMemory", "ContextMemory", "LanguageModel", "PromptTemplate", "output_of", "value_of"]

if TYPE_CHECKING:
    LanguageModel: TypeAlias = BaseLanguageModel[Any]
    PromptTemplate: TypeAlias = BasePromptTemplate[Any]
else:  # pydantic takes `X[Any]` for a class of its own, of which no model is an instance
    LanguageModel, PromptTemplate = BaseLanguageModel, BasePromptTemplate


class ContextMemory(BaseModel, ABC):
    """Gives variables to a prompt, and takes what went into a chain and came out of it.

    Keywords that are not known are passed over with a warning, so that old code goes on.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True, extra="ignore", hide_input_in_errors=True)

    @model_validator(mode="before")
    @classmethod
    def _unknown_are_told(cls, values: Any) -> Any:
        for name in sorted(set(values) - set(cls.model_fields)) if isinstance(values, Mapping) else ():
            warnings.warn(f"{cls.__name__} has no argument {shorten(name)!r}: it is passed over.", stacklevel=2)
        return values

    @property
    @abstractmethod
    def memory_variables(self) -> list[str]:
        """The variables that `load_memory_variables` gives."""

    @abstractmethod
    def load_memory_variables(self, inputs: Mapping[str, Any]) -> dict[str, Any]:
        """Give the variables for a prompt, from what goes into the chain."""

    @abstractmethod
    def save_context(self, inputs: Mapping[str, Any], outputs: Mapping[str, Any]) -> None:
        """Take what went into the chain and what came out of it."""

    @abstractmethod
    def clear(self) -> None:
        """Forget all."""

    async def aload_memory_variables(self, inputs: Mapping[str, Any]) -> dict[str, Any]:
        """Give the variables for a prompt, as `load_memory_variables` does."""
        return await run_in_executor(None, self.load_memory_variables, inputs)

    async def asave_context(self, inputs: Mapping[str, Any], outputs: Mapping[str, Any]) -> None:
        """Take what went into the chain and what came out of it."""
        await run_in_executor(None, self.save_context, inputs, outputs)

    async def aclear(self) -> None:
        """Forget all."""
        await run_in_executor(None, self.clear)


class ChatContextMemory(ContextMemory):
    """Keeps contexts as messages of a history, and gives one variable: text, or messages."""

    chat_memory: BaseChatMessageHistory = Field(
        default_factory=lambda: ChatHistories().session("conversation"), repr=False
    )
    """The whole conversation; in memory by default, a session of `ChatHistories` keeps it."""
    output_key: str | None = None
    """Which output is the answer; the only one, or `output`, by default."""
    input_key: str | None = None
    """Which input is the question; by default the only one that is neither a variable of the memory nor `stop`."""
    return_messages: bool = False
    """Whether the variable is a list of messages; else it is text."""
    human_prefix: str = "Human"
    ai_prefix: str = "AI"
    memory_key: str = "history"
    """Names the variable."""

    @property
    def memory_variables(self) -> list[str]:
        """The only variable."""
        return [self.memory_key]

    @property
    @abstractmethod
    def buffer_as_messages(self) -> list[BaseMessage]:
        """What is shown of the conversation, as messages."""

    @property
    def buffer_as_str(self) -> str:
        """What is shown of the conversation, as text."""
        return self.text(self.buffer_as_messages)

    def text(self, messages: Sequence[BaseMessage]) -> str:
        """Write messages as lines, each with the prefix of who spoke."""
        return get_buffer_string(messages, human_prefix=self.human_prefix, ai_prefix=self.ai_prefix)

    def load_memory_variables(self, inputs: Mapping[str, Any]) -> dict[str, Any]:
        """Give what is shown of the conversation under `memory_key`."""
        return {self.memory_key: self.buffer_as_messages if self.return_messages else self.buffer_as_str}

    def save_context(self, inputs: Mapping[str, Any], outputs: Mapping[str, Any]) -> None:
        """Add the question and the answer, both or none.

        Raises:
            InputError: If it cannot be told which of several values they are, or they are no text and no message.
        """
        question = value_of(inputs, self.input_key, known=[*self.memory_variables, "stop"], named="input_key")
        answer = output_of(outputs, self.output_key)
        self.chat_memory.add_messages([_message(question, HumanMessage), _message(answer, AIMessage)])

    def clear(self) -> None:
        """Forget the conversation."""
        self.chat_memory.clear()


def value_of(values: Mapping[str, Any], key: str | None, *, known: Sequence[str], named: str) -> Any:
    """Give the value under `key`, or the only one whose key is not among those known.

    Raises:
        InputError: If there is none, or more than one.
    """
    keys = [key] if key is not None else [one for one in values if one not in known]
    if len(keys) != 1 or keys[0] not in values:
        raise InputError(f"one of {shorten(sorted(values))} must be chosen: say which as {named}, got {key!r}.")
    return values[keys[0]]


def output_of(outputs: Mapping[str, Any], key: str | None) -> Any:
    """Give the output under `key`; the only one, or the one called `output`, where `key` is None.

    Raises:
        InputError: If there is none, or more than one.
    """
    if key is None and len(outputs) > 1 and "output" in outputs:
        others = ", ".join(repr(one) for one in outputs if one != "output")
        warnings.warn(f"of the outputs, 'output' is kept, not {shorten(others)}: say output_key.", stacklevel=4)
        key = "output"
    return value_of(outputs, key, known=(), named="output_key")


def _message(value: Any, kind: type[BaseMessage]) -> BaseMessage:
    if isinstance(value, BaseMessage):
        return value
    blocks = value if isinstance(value, list) else [value]
    if not all(isinstance(block, str | dict) for block in blocks) or isinstance(value, dict):
        raise InputError(f"what is kept must be text, content blocks or a message, got {type(value).__name__}.")
    return kind(content=value)
