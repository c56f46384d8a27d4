"""From sections and values to messages, in one pass: what fills a slot is never read as a template."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage

from ragkit.prompts.control import close_seams, escape_control
from ragkit.prompts.data import fenced
from ragkit.prompts.examples import Example
from ragkit.prompts.sections import Section
from ragkit.prompts.template import Piece, Template
from ragkit.prompts.variable import Variable

__all__ = ["Part", "rendered"]

_MESSAGES: Mapping[str, type[BaseMessage]] = {"system": SystemMessage, "user": HumanMessage, "assistant": AIMessage}
_LAYOUT = "{{input}}\n{{output}}"
_ESCAPED = ("data", "documents", "examples")


@dataclass(frozen=True, slots=True)
class Part:
    """A message and what it is made of."""

    message: BaseMessage
    pieces: tuple[Piece, ...]
    """Joined they are the message's text; of a message that a variable brought whole: one piece with that name."""
    index: int | None = None
    """Place of the example or message in its variable's value, from 0; None for sections."""


def rendered(
    sections: Sequence[Section], variables: Mapping[str, Variable], values: Mapping[str, Any], *, mark: str
) -> Iterator[Part]:
    """Give one part for each section, and one for each message that a slot brings.

    Args:
        sections: Whose slots are all among `variables`.
        variables: By name.
        values: A checked value for each variable but those of kind mark.
        mark: Stands in none of the values.
    """
    for section in sections:
        if section.role == "slot":
            yield from _turns(variables[section.text], values[section.text])
        else:
            yield _part(section.role, _closed(list(_pieces(section, variables, values, mark)), variables))


def _pieces(
    section: Section, variables: Mapping[str, Variable], values: Mapping[str, Any], mark: str
) -> Iterator[Piece]:
    swallow = False
    for piece in section.template.pieces():
        if piece.variable:
            variable = variables[piece.variable]
            text = _text(variable, values.get(piece.variable), mark)
            swallow = variable.kind == "examples" and not text  # no examples: no empty lines in their place either
            yield Piece(piece.variable, text)
        else:
            yield Piece("", piece.text.lstrip("\n") if swallow else piece.text)
            swallow = False


def _closed(pieces: Sequence[Piece], variables: Mapping[str, Variable]) -> tuple[Piece, ...]:
    """Give pieces that make no control token together where one of them was escaped."""
    escaped = [bool(piece.variable) and variables[piece.variable].kind in _ESCAPED for piece in pieces]
    if not any(escaped):
        return tuple(pieces)
    texts = close_seams([(piece.text, flag) for piece, flag in zip(pieces, escaped, strict=True)])
    return tuple(Piece(piece.variable, text) for piece, text in zip(pieces, texts, strict=True))


def _turns(variable: Variable, value: Sequence[Any]) -> Iterator[Part]:
    if variable.kind == "messages":
        for index, message in enumerate(value):
            yield Part(message, (Piece(variable.name, message.text),), index)
        return
    for index, example in enumerate(value):
        question, answer = _question(variable.layout, example), escape_control(example.output)
        for role, text in (("user", question), ("assistant", answer)):
            yield _part(role, (Piece(variable.name, text),), index)


def _part(role: str, pieces: tuple[Piece, ...], index: int | None = None) -> Part:
    return Part(_MESSAGES[role](content="".join(piece.text for piece in pieces)), pieces, index)


def _text(variable: Variable, value: Any, mark: str) -> str:
    match variable.kind:
        case "mark":
            return mark
        case "documents":
            return fenced(value, mark=mark)
        case "examples":
            return "\n\n".join(_laid_out(Template(variable.layout or _LAYOUT).pieces(), example) for example in value)
        case "data":
            return escape_control(value)
        case "text":
            return str(value)
        case _:
            return ", ".join(value) if isinstance(value, tuple) else str(value)


def _question(layout: str, example: Example) -> str:
    """Lay out an example up to its output; blanks between the two are no part of a turn."""
    *pieces, _ = Template(layout or _LAYOUT).pieces()
    if not pieces[-1].variable:
        pieces[-1] = Piece("", pieces[-1].text.rstrip())
    return _laid_out(pieces, example)


def _laid_out(pieces: Iterable[Piece], example: Example) -> str:
    words = {"input": escape_control(example.input), "output": escape_control(example.output)}
    return "".join(close_seams([(words.get(piece.variable, piece.text), bool(piece.variable)) for piece in pieces]))
