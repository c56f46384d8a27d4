"""What may fill the slots of a prompt: six kinds, each with the values it takes and the sections it may stand in."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from enum import Enum
from typing import Any, Final, Literal, TypeAlias, get_args

from langchain_core.messages import BaseMessage

from ragkit.errors import ConfigError, InputError, shorten
from ragkit.prompts.data import Source, as_source
from ragkit.prompts.examples import Example, as_examples
from ragkit.prompts.template import Template

__all__ = ["REQUIRED", "Kind", "Required", "Role", "Variable"]

Kind: TypeAlias = Literal["option", "text", "data", "documents", "examples", "messages", "mark"]
"""What a variable holds; see `Variable`."""

Role: TypeAlias = Literal["system", "user", "assistant", "slot"]
"""Who speaks in a section; a slot is filled by whole messages."""


class Required(Enum):
    """The default of a variable that has none."""

    REQUIRED = "required"

    def __repr__(self) -> str:
        return self.value


REQUIRED: Final = Required.REQUIRED
"""A value must be given."""

# Other people's words never enter the system's: what stands there is obeyed.
_PLACES: dict[str, tuple[Role, ...]] = {
    "option": ("system", "user", "assistant"),
    "mark": ("system", "user", "assistant"),
    "text": ("user", "assistant"),
    "data": ("user",),
    "documents": ("user",),
    "examples": ("user", "slot"),
    "messages": ("slot",),
}
_TAKES = {
    "option": "a text, a number or a list of texts",
    "text": "a text",
    "data": "a text",
    "documents": "a list of documents, hits or texts",
    "examples": "a list of examples with an input and an output",
    "messages": "a list of LangChain messages",
}
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True, slots=True)
class Variable:
    """A slot's name and what may fill it.

    Raises:
        ConfigError: If the name is no identifier, the kind is unknown, or the default does not fit it.

    Example:
        >>> Variable("labels", "option").checked(["yes", "no"])
        ('yes', 'no')
    """

    name: str
    """Letters, digits and `_`, in ASCII."""
    kind: Kind
    """`option`: the developer's own words, such as labels; a list is joined by commas. `text`: what a user or a model
    wrote, as it is. `data`: a text somebody else wrote, its chat control tokens escaped. `documents`: sources, numbered
    and fenced, escaped too. `examples`: turns where the slot is a section of its own, else text, and where there are
    none the line ends after it go too; escaped as well, since most come out of data. `messages`: a history, as it is.
    `mark`: takes no value; the word that fences the documents of this rendering, which nobody can foresee."""
    about: str = ""
    """What it is for, in a sentence."""
    default: Any = field(default=REQUIRED, repr=False)
    """What stands there where no value is given."""
    layout: str = field(default="", repr=False)
    """Of `examples` only: how one is laid out, with `{{input}}` once and `{{output}}` at its end, such as
    `Text: {{input}}⏎Mood: {{output}}`; empty for `{{input}}⏎{{output}}`. As turns, what stands before the output is the
    user's."""

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not _NAME.fullmatch(self.name):
            raise ConfigError(f"a variable cannot be called {shorten(repr(self.name))}: use letters, digits and _.")
        if self.name == "stop":  # what LangChain's models are told by that name would never reach the prompt
            raise ConfigError("a variable cannot be called 'stop', which LangChain keeps for itself: rename it.")
        if self.kind not in get_args(Kind):
            known = ", ".join(get_args(Kind))
            raise ConfigError(f"variable {self.name} is of kind {shorten(repr(self.kind))}: expected one of {known}.")
        if not isinstance(self.about, str) or not isinstance(self.layout, str):
            raise ConfigError(f"about and layout of variable {self.name} must be text.")
        if self.layout:
            self._check_layout()
        if self.kind in ("documents", "messages") and self.default not in (REQUIRED, (), []):
            raise ConfigError(
                f"the default of variable {self.name} may only be empty: give {self.kind} when rendering."
            )
        if self.default is not REQUIRED:
            try:
                object.__setattr__(self, "default", self.checked(self.default))
            except InputError as error:
                raise ConfigError(f"the default of {error}") from error

    def _check_layout(self) -> None:
        if self.kind != "examples":
            raise ConfigError(f"variable {self.name} has a layout: only variables of kind examples have one.")
        names = [piece.variable for piece in Template(self.layout).pieces()]
        if names[-1] != "output" or [name for name in names if name] != ["input", "output"]:
            raise ConfigError(
                f"the layout of variable {self.name} must hold {{{{input}}}} once and end in {{{{output}}}}."
            )

    @property
    def required(self) -> bool:
        """Whether a value must be given."""
        return self.default is REQUIRED and self.kind != "mark"

    @property
    def places(self) -> tuple[Role, ...]:
        """The sections where it may stand."""
        return _PLACES[self.kind]

    def checked(self, value: Any, /) -> Any:
        """Give `value` if it fits the kind: lists as tuples, of `Source` and `Example` where the kind is such.

        Raises:
            InputError: If it does not; the value itself is not shown.
        """
        if self.kind == "mark":
            raise InputError(f"variable {self.name} takes no value: it is made anew for each rendering.")
        if self.kind in ("text", "data"):
            if isinstance(value, str):
                return value
        elif self.kind == "option" and _is_word(value):
            return value
        elif self.kind in ("examples", "documents") and _is_list(value):
            return self._read(value)
        elif _is_list(value) and all(_fits(self.kind, item) for item in value):
            return tuple(value)
        raise InputError(f"variable {self.name} must be {_TAKES[self.kind]}, got {_told(value)}.")

    def _read(self, value: Any) -> tuple[Example, ...] | tuple[Source, ...]:
        try:
            return as_examples(value) if self.kind == "examples" else tuple(map(as_source, value))
        except InputError as error:
            raise InputError(f"variable {self.name}: {error}") from error

    def plain_default(self) -> Any:
        """Give the default in JSON's types; None for a variable that has none."""
        if self.default is REQUIRED:
            return None
        if self.kind == "examples":
            return [{name: value for name, value in asdict(item).items() if value} for item in self.default]
        return list(self.default) if isinstance(self.default, tuple) else self.default


def _is_word(value: object) -> bool:
    return isinstance(value, str | int | float) and not isinstance(value, bool)


def _is_list(value: object) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str | bytes | bytearray | memoryview)


def _fits(kind: Kind, item: object) -> bool:
    return isinstance(item, str if kind == "option" else BaseMessage)


def _told(value: object) -> str:
    """Give the type of a value, and for a list the type of its items: what people wrote is not for messages."""
    name = type(value).__name__
    if _is_list(value):
        kinds = sorted({type(item).__name__ for item in value})  # type: ignore[attr-defined]  # a Sequence, then
        return f"{name} of {shorten(', '.join(kinds))}" if kinds else f"an empty {name}"
    return name
