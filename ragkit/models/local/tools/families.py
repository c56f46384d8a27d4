"""The ways in which models write tool calls, as values.

A family says how a call looks in a reply; `calls.py` reads it and `grammar.py` holds a model to it. Sources: the chat
templates of NousResearch/Hermes-2-Pro and Qwen/Qwen2.5 (Hermes), meta-llama/Llama-3.1 (Llama), and
mistralai/Mistral-7B-Instruct-v0.3 (list) and Mistral-Small-3.2 (named).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

__all__ = ["FAMILIES", "HERMES", "LLAMA", "MISTRAL", "MISTRAL_NAMED", "ToolFamily", "family_of"]

Style: TypeAlias = Literal["tagged", "bare", "list", "named"]
"""How calls stand in a reply; see the four families."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolFamily:
    """How one family of models writes a tool call."""

    name: str
    """What people call it: `hermes`, `llama`, `mistral`, `mistral-named`."""
    style: Style
    """`tagged`: each call between two marks; `bare`: the whole reply is a call; `list`: one mark, then a JSON list;
    `named`: a mark, the tool's name, a second mark, the arguments."""
    begin: str
    """The mark before a call; a model may write it or, where `style` is `bare`, leave it out."""
    end: str = ""
    """The mark after a call (`tagged`) or between name and arguments (`named`)."""
    arguments: str = "arguments"
    """The key under which the arguments stand."""

    @property
    def marks(self) -> tuple[str, ...]:
        """Text that must survive decoding even where the tokenizer counts it among its special tokens."""
        return tuple(mark for mark in (self.begin, self.end) if mark)


HERMES = ToolFamily(name="hermes", style="tagged", begin="<tool_call>", end="</tool_call>")
r"""`<tool_call>\n{"name": "add", "arguments": {"a": 1}}\n</tool_call>`: Hermes 2 Pro, Qwen 2.5 and 3, and many more."""
LLAMA = ToolFamily(name="llama", style="bare", begin="<|python_tag|>", arguments="parameters")
"""`{"name": "add", "parameters": {"a": 1}}`: Llama 3.1 and later; several calls are separated by `; `."""
MISTRAL = ToolFamily(name="mistral", style="list", begin="[TOOL_CALLS]")
"""`[TOOL_CALLS] [{"name": "add", "arguments": {"a": 1}}]`: Mistral and Mixtral up to tokenizer v7."""
MISTRAL_NAMED = ToolFamily(name="mistral-named", style="named", begin="[TOOL_CALLS]", end="[ARGS]")
"""`[TOOL_CALLS]add[ARGS]{"a": 1}`: Mistral from tokenizer v11 on."""

FAMILIES = (HERMES, LLAMA, MISTRAL, MISTRAL_NAMED)


def family_of(chat_template: str | None) -> ToolFamily | None:
    """Recognise how a model writes tool calls by the marks in its chat template.

    Returns:
        None where the template is absent, takes no tools, or has them written in a way that is not known here.
    """
    if chat_template is None:
        return None
    if MISTRAL.begin in chat_template:
        return MISTRAL_NAMED if MISTRAL_NAMED.end in chat_template else MISTRAL
    if HERMES.begin in chat_template and "<function=" not in chat_template:
        return HERMES
    llama = "<|start_header_id|>" in chat_template and "tools" in chat_template and "parameters" in chat_template
    return LLAMA if llama else None
