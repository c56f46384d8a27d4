"""A chain of LangChain with one model in another's place, whatever chain the model's own class made."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from langchain_core.language_models import BaseChatModel
from langchain_core.runnables import (
    Runnable,
    RunnableBinding,
    RunnableParallel,
    RunnableSequence,
    RunnableWithFallbacks,
)

from ragkit.errors import ConfigError

__all__ = ["put_in_place"]

_Put = Callable[[BaseChatModel], Runnable[Any, Any]]
_C = TypeVar("_C", bound=Runnable[Any, Any])


def put_in_place(chain: Runnable[Any, Any], put: _Put) -> Runnable[Any, Any]:
    """Give a copy of `chain` in which `put` has chosen what stands for each chat model.

    Looks into bindings, sequences, parallel steps and fallbacks: what `bind`, `bind_tools`, `with_structured_output`
    and `with_config` are made of.

    Args:
        chain: What a model's `bind_tools` or `with_structured_output` gave; it is not changed.
        put: Gives what stands for a model that was found, with whatever was bound to it around it.

    Raises:
        ConfigError: If there is no chat model in it, so that the wrapper would be left out in silence.
    """
    found: list[BaseChatModel] = []

    def noted(model: BaseChatModel) -> Runnable[Any, Any]:
        found.append(model)
        return put(model)

    rebuilt = _rebuilt(chain, noted)
    if not found:
        raise ConfigError(
            f"the model inside made a {type(chain).__name__} in which no chat model can be found, so that the wrapper "
            "would be left out: call it on the inner model, and wrap nothing."
        )
    return rebuilt


def _rebuilt(part: Runnable[Any, Any], put: _Put) -> Runnable[Any, Any]:
    if isinstance(part, BaseChatModel):
        return put(part)
    if isinstance(part, RunnableBinding):
        return _copied(part, bound=_rebuilt(part.bound, put))
    if isinstance(part, RunnableSequence):
        first, *middle, last = (_rebuilt(step, put) for step in part.steps)
        return _copied(part, first=first, middle=middle, last=last)
    if isinstance(part, RunnableParallel):
        return _copied(part, steps__={name: _rebuilt(step, put) for name, step in part.steps__.items()})
    if isinstance(part, RunnableWithFallbacks):
        return _copied(
            part, runnable=_rebuilt(part.runnable, put), fallbacks=[_rebuilt(one, put) for one in part.fallbacks]
        )
    return part


def _copied(part: _C, **changes: Any) -> _C:
    copy: _C = part.model_copy(update=changes)  # type: ignore[attr-defined]  # every one of these is a pydantic model
    return copy
