"""A chat model named on the command line: `module:function`, a function that gives a `ragkit.evaluate.chat.ChatModel`.

LangChain models are wrapped in a line: `def model(): return LangChainChat(ChatOpenAI(model="..."), name="...")` with
`LangChainChat` of `ragkit.evaluate.judges.langchain`. SPECs (`local:...`, `openai:...`) come with ragkit's own models.
"""

from __future__ import annotations

import argparse
import importlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from ragkit.errors import ConfigError, shorten

if TYPE_CHECKING:
    from ragkit.evaluate.chat import ChatModel

__all__ = ["add_model_option", "chat_model"]


def add_model_option(parser: argparse.ArgumentParser) -> None:
    """Let the command line name a chat model."""
    parser.add_argument(
        "--model",
        metavar="MODULE:FUNCTION",
        help="a function that gives a chat model (ragkit.evaluate.chat.ChatModel); modules here are found. "
        "SPECs such as local:... come with ragkit's own chat models",
    )


def chat_model(name: str) -> ChatModel:
    """Call the function that `name` stands for.

    Raises:
        ConfigError: If `name` has another form, or the module or the function is missing.
    """
    module, _, function = name.partition(":")
    if not module or not function:
        raise ConfigError(f"the model {shorten(repr(name))} cannot be found: expected MODULE:FUNCTION.")
    if (here := str(Path.cwd())) not in sys.path:
        sys.path.append(here)
    try:
        maker = getattr(importlib.import_module(module), function)
    except ModuleNotFoundError as error:
        if error.name != module:
            raise
        raise ConfigError(
            f"there is no module {shorten(module)} to import the model from: is it in this folder?"
        ) from error
    except AttributeError as error:
        raise ConfigError(f"{module} has no {shorten(function)}: name a function that gives a chat model.") from error
    model: ChatModel = maker()
    return model
