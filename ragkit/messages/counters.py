"""The counter that fits a chat model, whoever made it; none of them uses the network.

LangChain's own count is of little use without one: where a model brings none, GPT-2's tokenizer is looked for, and with
transformers 5 and no network every text has 0 tokens. A budget kept by that count keeps everything.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import BaseMessage
from langchain_core.runnables import Runnable

from ragkit.errors import ConfigError, ModelError, shorten
from ragkit.messages.bound import models_in, name_of
from ragkit.messages.tokens import TokenCounter, Tool, counter_for, counter_of_text, estimate_model_tokens

__all__ = ["Counted", "counter_of"]

Counted: TypeAlias = "TokenCounter | Runnable[Any, Any] | str | None"
"""What tokens are counted for: a chat model, bare or in a chain, its name, a counter, or None for the estimate."""

_PROMPT = "get_num_tokens_from_messages"


def counter_of(model: Counted, *, folder: Path | None = None) -> TokenCounter:
    """Give the counter that fits a chat model; never uses the network.

    A model of ragkit counts as it does itself: a local one exactly, template and tools included. So does a model of
    your own with a count of its own. The counts of LangChain's packages (langchain-openai, langchain-anthropic …) ask a
    server or download a vocabulary: their models are counted by their name, as `counter_for` does, by a vocabulary of
    `folder`, else estimated, rather too high than too low.

    Args:
        model: A chat model; a chain with one in it, of which the first counts, and the tools bound to it where none are
            given; a name such as `gpt-4o` or `openai:gpt-4o`, which need not be known; a counter, given back as it is;
            or None for the estimate.
        folder: Where vocabulary files lie, as for `counter_for`.

    Raises:
        ConfigError: If it is none of these, or a chain without a chat model.
        ModelFilesError: If a file of `folder` is not the published one.

    Example:
        >>> counter_of("openai:gpt-4o").text("Say this is a test")
        5
    """
    if model is None or isinstance(model, str):
        return counter_for((model or "").removeprefix("openai:"), folder=folder)
    if isinstance(model, BaseChatModel):
        return _of_model(model, folder)
    if isinstance(model, Runnable):
        return _of_chain(model, folder)
    if isinstance(model, TokenCounter):
        return model
    raise ConfigError(
        f"tokens can be counted for a chat model, a model's name or a TokenCounter, "
        f"got {shorten(type(model).__name__)}."
    )


def _of_chain(chain: Runnable[Any, Any], folder: Path | None) -> TokenCounter:
    found = next(iter(models_in(chain)), None)
    if found is None:
        raise ConfigError(
            f"there is no chat model in this {type(chain).__name__}, so that its tokens cannot be counted: "
            "pass the model, its name or a TokenCounter."
        )
    counter = _of_model(found.model, folder)
    tools = found.kwargs.get("tools")
    return _WithTools(counter, tuple(tools)) if isinstance(tools, Sequence) and tools else counter


def _of_model(model: BaseChatModel, folder: Path | None) -> TokenCounter:
    own = getattr(model, "token_counter", None)  # models of ragkit say how they count
    if isinstance(own, TokenCounter):
        return own
    counts = _counts_text(model)
    if _brings(model, _PROMPT):
        return _ByModel(model, counts)
    name = name_of(model) or ""
    if counts is not None:
        return counter_of_text(_ByModel(model, counts).text, model=name)
    return counter_for(name, folder=folder)


def _counts_text(model: BaseChatModel) -> Callable[[str], int] | None:
    """Give how a model counts a text without a network; None if it does not."""
    if (cut := model.custom_get_token_ids) is not None:
        return lambda text: len(cut(text))
    if _brings(model, "get_num_tokens"):
        return model.get_num_tokens
    return (lambda text: len(model.get_token_ids(text))) if _brings(model, "get_token_ids") else None


def _brings(model: BaseChatModel, name: str) -> bool:
    """Say whether a model has a method of its own: not LangChain's, nor that of one of its packages for a vendor."""
    maker = next(kind for kind in type(model).__mro__ if name in vars(kind))
    return not maker.__module__.startswith("langchain_")


@dataclass(frozen=True, slots=True)
class _ByModel:
    """Asks the model's own methods, and does not believe that something takes no token."""

    model: BaseChatModel
    counts_text: Callable[[str], int] | None

    @property
    def estimated(self) -> bool:
        return self.counts_text is None

    def text(self, text: str) -> int:
        if self.counts_text is None:
            return estimate_model_tokens(text)
        return self._believed(self.counts_text(text)) if text else 0

    def messages(self, messages: Sequence[BaseMessage], tools: Sequence[Tool] | None = None) -> int:
        offered = {"tools": list(tools)} if tools else {}  # some have no such argument
        count = self.model.get_num_tokens_from_messages(list(messages), **offered)
        return self._believed(count) if messages else count

    def _believed(self, count: int) -> int:
        if count < 1:
            raise ModelError(
                f"{type(self.model).__name__} counts {count} tokens where there is text: pass a TokenCounter, such as "
                "counter_for(name), instead of the model."
            )
        return count


@dataclass(frozen=True, slots=True)
class _WithTools:
    """Counts tools that are bound to a model where no others are given."""

    counter: TokenCounter
    tools: tuple[Tool, ...]

    @property
    def estimated(self) -> bool:
        return self.counter.estimated

    def text(self, text: str) -> int:
        return self.counter.text(text)

    def messages(self, messages: Sequence[BaseMessage], tools: Sequence[Tool] | None = None) -> int:
        return self.counter.messages(messages, self.tools if tools is None else tools)
