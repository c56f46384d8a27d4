"""The chat models inside a chain of LangChain, and the name a model goes by."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from langchain_core.language_models import BaseChatModel
from langchain_core.runnables import Runnable, RunnableParallel, RunnableSequence, RunnableWithFallbacks
from langchain_core.runnables.base import RunnableBindingBase
from langchain_core.runnables.configurable import DynamicRunnable

__all__ = ["BoundModel", "models_in", "name_of"]


class BoundModel(NamedTuple):
    """A chat model, and the arguments that its chain passes to it."""

    model: BaseChatModel
    kwargs: dict[str, Any]


def models_in(chain: Runnable[Any, Any]) -> list[BoundModel]:
    """Give the chat models of a chain in order, each with the arguments bound to it.

    Looks into bindings, sequences, parallel steps, fallbacks and configurable models: what `bind`, `bind_tools`,
    `with_structured_output`, `with_config`, `with_retry` and `with_fallbacks` make. What is bound to a sequence reaches
    its first step alone, and what is bound to parallel steps none of them, as in LangChain.
    """
    return list(_found(chain, {}))


def name_of(model: BaseChatModel) -> str | None:
    """Give the name that a chat model goes by where it has one: `model_name`, or a `model` that is text."""
    names = (getattr(model, name, None) for name in ("model_name", "model"))
    return next((name for name in names if isinstance(name, str)), None)


def _found(chain: Runnable[Any, Any], kwargs: dict[str, Any]) -> Iterator[BoundModel]:
    match chain:
        case BaseChatModel():
            yield BoundModel(chain, kwargs)
        case RunnableBindingBase():
            yield from _found(chain.bound, {**chain.kwargs, **kwargs})
        case RunnableSequence():
            for place, step in enumerate(chain.steps):
                yield from _found(step, {} if place else kwargs)
        case RunnableParallel():
            for step in chain.steps__.values():
                yield from _found(step, {})
        case DynamicRunnable():
            yield from _found(chain.default, kwargs)
        case RunnableWithFallbacks():
            for part in (chain.runnable, *chain.fallbacks):
                yield from _found(part, kwargs)
