"""What a command line chooses: the part of a set that is measured, and a chat model or another function of yours.

A chat model is named by a SPEC (`local:<hub id or folder>`, `openai:<model>`), or is what a function of yours gives.
LangChain's models are wrapped in a line: `def model(): return LangChainChat(ChatXai(model="..."), name="...")` with
`LangChainChat` of `ragkit.evaluate.judges.langchain`.
"""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from ragkit.errors import ConfigError, shorten

if TYPE_CHECKING:
    from ragkit.evaluate.chat import ChatModel

__all__ = ["add_model_option", "chat_model", "function_named", "spread"]

T = TypeVar("T")


def spread(items: Sequence[T], most: int | None) -> list[T]:
    """Take at most `most` items, evenly from first to last; all where it is None.

    Raises:
        ConfigError: If `most` is below 1.

    Example:
        >>> spread(range(10), 3)
        [0, 3, 6]
    """
    if most is not None and most < 1:
        raise ConfigError(f"at least one item must be measured, got {most}.")
    if most is None or most >= len(items):
        return list(items)
    return [items[place * len(items) // most] for place in range(most)]


def add_model_option(parser: argparse.ArgumentParser) -> None:
    """Let the command line name a chat model."""
    parser.add_argument(
        "--model",
        metavar="SPEC",
        help="local:<hub id or folder>, openai:<model>, or MODULE:FUNCTION, a function that gives a chat model "
        "(ragkit.evaluate.chat.ChatModel); modules here are found",
    )


def chat_model(name: str) -> ChatModel:
    """Give the chat model that a SPEC names, or that the function `name` makes.

    Raises:
        ConfigError: As `ragkit.compose.evaluated_model` of a SPEC, as `function_named` of anything else.
    """
    if name.partition(":")[0] in ("local", "openai"):
        from ragkit.compose import evaluated_model

        return evaluated_model(name)
    model: ChatModel = function_named(name, "chat model")()
    return model


def function_named(name: str, what: str) -> Callable[..., Any]:
    """Give the function that `MODULE:FUNCTION` stands for; modules of the working folder are found too.

    Args:
        name: As written on the command line.
        what: It is looked for, in a word, for the errors.

    Raises:
        ConfigError: If `name` has another form, or the module or the function is missing.
    """
    module, _, function = name.partition(":")
    if not module or not function:
        raise ConfigError(f"the {what} {shorten(repr(name))} cannot be found: expected MODULE:FUNCTION.")
    if (here := str(Path.cwd())) not in sys.path:
        sys.path.append(here)
    try:
        imported = importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{module}.".startswith(f"{error.name}."):
            raise
        raise ConfigError(
            f"there is no module {shorten(module)} to import the {what} from: is it in this folder?"
        ) from error
    found: Callable[..., Any] | None = getattr(imported, function, None)
    if not callable(found):
        raise ConfigError(f"{module} has no function {shorten(function)}: name one that gives a {what}.")
    return found
