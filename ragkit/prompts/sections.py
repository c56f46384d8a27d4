"""The sections of a prompt, and what may be wrong with them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import NamedTuple, get_args

from ragkit.errors import ConfigError, shorten
from ragkit.prompts.template import Piece, Template
from ragkit.prompts.variable import Role, Variable

__all__ = ["Flaw", "Section", "flaws", "identity_flaws"]

_ESCAPED = {"data", "examples"}
_NAME = re.compile(r"[a-z0-9]+(?:[-_.][a-z0-9]+)*")


@dataclass(frozen=True, slots=True)
class Section:
    r"""One message of a prompt, or a slot for whole messages.

    Line ends become `\n`; blanks at the ends of lines, and empty lines around the text, are layout and go.
    """

    role: Role
    """`system`, `user`, `assistant`, or `slot` for the messages that a variable brings."""
    text: str = field(repr=False)
    """A template; of a slot: the variable's name."""

    def __post_init__(self) -> None:
        if self.role not in get_args(Role) or not isinstance(self.text, str):
            raise ConfigError(f"a section is system, user, assistant or slot with a text, got {shorten(self.role)!r}.")
        object.__setattr__(self, "text", _canonical(self.text))

    @property
    def template(self) -> Template:
        """The text with its slots found."""
        return Template(f"{{{{{self.text}}}}}" if self.role == "slot" else self.text)


class Flaw(NamedTuple):
    """What is wrong with a prompt, and where."""

    message: str
    section: int | None = None
    """Place of the section, from 0; None where none is to blame."""
    offset: int = 0
    """First character of the fault in the section's text."""
    key: tuple[str, ...] = ()
    """What to blame outside of sections, as its keys in a file: `("version",)`, `("variables", "text")`."""


def identity_flaws(name: object, version: object, about: object) -> Iterator[Flaw]:
    """Give what is wrong with how a prompt is called."""
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        message = f"a prompt cannot be called {shorten(repr(name))}: use a-z, 0-9 and - between them."
        yield Flaw(message, key=("name",))
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        message = f"the version of a prompt must be a number from 1, got {shorten(repr(version))}."
        yield Flaw(message, key=("version",))
    if not isinstance(about, str):
        yield Flaw(f"about of a prompt must be a text, got {type(about).__name__}.", key=("about",))


def flaws(variables: Sequence[Variable], sections: Sequence[Section]) -> Iterator[Flaw]:
    """Give what is wrong with the variables and sections of a prompt, the first fault first."""
    known = {variable.name: variable for variable in variables}
    if len(known) < len(variables):
        yield Flaw("two variables have the same name: give each its own.")
    if not sections:
        yield Flaw("there is no section: write at least one of system, user and assistant.")
    used: set[str] = set()
    for place, section in enumerate(sections):
        if section.role == "system" and place:
            yield Flaw("a system section must be the first and only one: many models take no other.", place)
        if section.role == "slot" and [slot.name for slot in section.template.slots] != [section.text]:
            yield Flaw(f"a slot is the name of one variable, got {shorten(repr(section.text))}.", place)
        if not _encodable(section.text):
            yield Flaw("a section holds half a character (a lone surrogate): write it in UTF-8.", place)
        for slot in section.template.slots:
            used.add(slot.name)
            if message := _misplaced(slot.name, known, section.role):
                yield Flaw(message, place, slot.offset)
        for one, other in pairwise(section.template.pieces()):
            if {_kind(one, known), _kind(other, known)} <= _ESCAPED:  # each is escaped alone: half a token in either
                message = (
                    f"nothing stands between {{{{{one.variable}}}}} and {{{{{other.variable}}}}}: write a line end."
                )
                yield Flaw(message, place)
    for name in known:
        if name not in used:
            message = f"variable {name} is declared and stands in no section: use {{{{{name}}}}} or drop it."
            yield Flaw(message, key=("variables", name))


def _kind(piece: Piece, known: Mapping[str, Variable]) -> str:
    return known[piece.variable].kind if piece.variable in known else ""


def _misplaced(name: str, known: Mapping[str, Variable], role: Role) -> str:
    if name not in known:
        declared = ", ".join(known) or "none"
        return (
            f"{{{{{name}}}}} is not declared: the variables are {declared}; write \\{{{{{name}}}}} for the text itself."
        )
    variable = known[name]
    if role in variable.places:
        return ""
    own = f"a section of its own (# {{{{{name}}}}})"
    places = " or ".join(own if place == "slot" else place for place in variable.places)
    here = "as a section of its own" if role == "slot" else f"in the {role} section"
    return f"variable {name} of kind {variable.kind} may not stand {here}: expected {places}."


def _canonical(text: str) -> str:
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return "\n".join(line.rstrip(" \t") for line in lines).strip("\n")


def _encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
