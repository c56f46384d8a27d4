"""Instructions to try, written by a model that is named for it.

Source: Zhou et al., Large Language Models Are Human-Level Prompt Engineers, ICLR 2023 (APE): a model sees examples of
the task and proposes instructions, which are then measured like any other. What it writes is only tried, never trusted:
words that are none for the prompt are refused, and nothing is kept that is not better on held-out rows.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from langchain_core.language_models.chat_models import BaseChatModel

from ragkit.errors import ConfigError, ModelError, OutputParseError
from ragkit.evaluate.blocks import at_least_one
from ragkit.evaluate.chat import Ask, ChatModel
from ragkit.evaluate.judges.langchain import plain_messages
from ragkit.evaluate.optimise.bench import Till, as_chat
from ragkit.evaluate.optimise.candidates import Refused
from ragkit.prompts.examples import Example
from ragkit.prompts.few_shot import FewShot
from ragkit.prompts.library import load_prompt
from ragkit.prompts.parsers.objects import json_parser
from ragkit.prompts.prompt import Prompt

__all__ = ["Proposer", "proposals"]


@dataclass(frozen=True, slots=True)
class Proposer:
    """A model that writes instructions. It is asked once."""

    model: ChatModel | BaseChatModel = field(repr=False)
    count: int = 4
    """Instructions it is asked for, at least 1."""
    shown: int = 6
    """Rows of the pool that it sees, with their outputs."""
    prompt: Prompt = field(default_factory=lambda: load_prompt("propose-instructions"))

    def __post_init__(self) -> None:
        at_least_one(count=self.count)


def proposals(
    proposer: Proposer, builder: FewShot[Any], pool: Sequence[Example], till: Till, *, seed: int = 0
) -> tuple[list[str], list[Refused]]:
    """Ask for other instructions than the builder's; costs one call.

    Args:
        proposer: Who is asked.
        builder: Has the instruction to begin with.
        pool: Rows to show, drawn by the seed.
        till: Pays.
        seed: Of the draw.

    Returns:
        Its instructions; none, and why, where it fails or says something else.

    Raises:
        ConfigError: If the builder's prompt has no system section to begin with.
    """
    instruction = next((section.text for section in builder.prompt.sections if section.role == "system"), None)
    if instruction is None:
        raise ConfigError(f"prompt {builder.prompt.name} has no system section that other words could be found for.")
    shown = random.Random(seed).sample(list(pool), min(proposer.shown, len(pool)))  # noqa: S311  # no secret
    examples = "\n\n".join(f"{example.input}\n=> {example.output}" for example in shown)
    values = {"count": proposer.count, "instruction": instruction, "examples": examples}
    form = json_parser({"type": "array", "items": {"type": "string"}})
    ask = Ask(messages=plain_messages(proposer.prompt.render(values, seed=seed)))
    (reply,) = till.replies(as_chat(proposer.model), [ask])
    try:
        if isinstance(reply, ModelError):
            raise reply
        return [text.strip() for text in form.parse(reply.text)][: proposer.count], []
    except OutputParseError as error:
        return [], [Refused("", f"the proposer's reply could not be read: {error}")]
    except ModelError as error:
        return [], [Refused("", f"the proposer failed with {type(error).__name__}.")]
