"""The whole conversation, its newest turns, or as much of it as a limit of tokens holds."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from itertools import islice
from typing import Any, Final

from langchain_core.language_models import BaseChatModel, BaseLanguageModel
from langchain_core.messages import BaseMessage, get_buffer_string
from langchain_core.runnables import run_in_executor
from pydantic import Field

from ragkit.errors import ConfigError
from ragkit.memory.adapted import kept_history
from ragkit.memory.classic.context import ChatContextMemory, ContextMemory, LanguageModel, output_of, value_of
from ragkit.memory.strategies.window import WindowMemory
from ragkit.messages.counters import counter_of
from ragkit.messages.rounds import sound
from ragkit.messages.tokens import estimate_model_tokens

__all__ = [
    "ConversationBufferMemory",
    "ConversationBufferWindowMemory",
    "ConversationStringBufferMemory",
    "ConversationTokenBufferMemory",
]

_PAGE: Final = 16


class ConversationBufferMemory(ChatContextMemory):
    """Shows the whole conversation.

    Example:
        >>> memory = ConversationBufferMemory()
        >>> memory.save_context({"input": "hi"}, {"output": "what's up"})
        >>> print(memory.load_memory_variables({})["history"])
        Human: hi
        AI: what's up
    """

    @property
    def buffer_as_messages(self) -> list[BaseMessage]:
        """The whole conversation."""
        return sound(self.chat_memory.messages, waits=False)

    @property
    def buffer(self) -> Any:
        """What `load_memory_variables` gives."""
        return self.load_memory_variables({})[self.memory_key]

    async def abuffer(self) -> Any:
        """What `load_memory_variables` gives."""
        return (await self.aload_memory_variables({}))[self.memory_key]

    async def abuffer_as_str(self) -> str:
        """What is shown of the conversation, as text."""
        return await run_in_executor(None, lambda: self.buffer_as_str)

    async def abuffer_as_messages(self) -> list[BaseMessage]:
        """What is shown of the conversation, as messages."""
        return await run_in_executor(None, lambda: self.buffer_as_messages)


class ConversationBufferWindowMemory(ConversationBufferMemory):
    """Shows the newest `k` turns."""

    k: int = 5
    """How many; none if it is below 1."""

    @property
    def buffer_as_messages(self) -> list[BaseMessage]:
        """The newest turns."""
        return sound(WindowMemory(self.chat_memory, turns=max(self.k, 0)).load(), waits=False)


class ConversationTokenBufferMemory(ConversationBufferMemory):
    """Shows the newest messages that together take at most `max_token_limit` tokens, as `llm` counts them."""

    llm: LanguageModel = Field(repr=False)
    """Counts; it is not asked."""
    max_token_limit: int = 2000

    @property
    def buffer_as_messages(self) -> list[BaseMessage]:
        """The newest messages within the limit."""
        count, newest = count_for(self.llm), list[BaseMessage]()
        source = kept_history(self.chat_memory).newest_first()
        while page := [kept.message for kept in islice(source, max(_PAGE, len(newest)))]:
            newest += page
            if count(newest[::-1]) > self.max_token_limit:
                break
        # More messages never take fewer tokens, so that the last one that fits is found by halves.
        fitting = bisect_left(range(len(newest)), True, key=lambda at: count(newest[at::-1]) > self.max_token_limit)
        return sound(newest[:fitting][::-1], waits=False)


class ConversationStringBufferMemory(ContextMemory):
    """Keeps and shows the whole conversation as one text."""

    human_prefix: str = "Human"
    ai_prefix: str = "AI"
    buffer: str = Field(default="", repr=False)
    output_key: str | None = None
    input_key: str | None = None
    memory_key: str = "history"

    def __init__(self, **options: Any) -> None:
        if options.pop("return_messages", False):
            raise ConfigError("ConversationStringBufferMemory gives text: use ConversationBufferMemory for messages.")
        super().__init__(**options)

    @property
    def memory_variables(self) -> list[str]:
        """The only variable."""
        return [self.memory_key]

    def load_memory_variables(self, inputs: Mapping[str, Any]) -> dict[str, Any]:
        """Give the text under `memory_key`."""
        return {self.memory_key: self.buffer}

    def save_context(self, inputs: Mapping[str, Any], outputs: Mapping[str, Any]) -> None:
        """Add the question and the answer.

        Raises:
            InputError: If it cannot be told which of several values they are.
        """
        question = value_of(inputs, self.input_key, known=[self.memory_key, "stop"], named="input_key")
        answer = output_of(outputs, self.output_key)
        self.buffer += f"\n{self.human_prefix}: {question}\n{self.ai_prefix}: {answer}"

    def clear(self) -> None:
        """Forget the conversation."""
        self.buffer = ""


def count_for(llm: LanguageModel) -> Callable[[Sequence[BaseMessage]], int]:
    """Give what counts the tokens of messages: as the model does where it can, else of their text; no network."""
    own = type(llm).get_num_tokens_from_messages is not BaseLanguageModel.get_num_tokens_from_messages
    if isinstance(llm, BaseChatModel):
        counter = counter_of(llm)
        if own:
            return lambda messages: counter.messages(messages) if messages else 0
        of_text: Callable[[str], int] = counter.text
    else:
        of_text = llm.get_num_tokens if _counts(llm) else estimate_model_tokens
    return lambda messages: sum(of_text(get_buffer_string([message])) for message in messages)


def _counts(llm: LanguageModel) -> bool:
    names = ("get_num_tokens", "get_token_ids")
    brought = any(getattr(type(llm), name) is not getattr(BaseLanguageModel, name) for name in names)
    return brought or llm.custom_get_token_ids is not None
