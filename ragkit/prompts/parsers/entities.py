"""Mentions of named entities, with their places in the text they were found in."""

from __future__ import annotations

import json
import re
from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from ragkit.errors import ConfigError, OutputParseError, shorten
from ragkit.prompts.control import unescape_control
from ragkit.prompts.parsers.labels import texts_of
from ragkit.prompts.parsers.schema import complaint
from ragkit.prompts.parsers.strict import read_json

__all__ = ["EntitiesParser", "Mention", "entities_parser", "show_mentions"]

_MOST = 10_000


class Mention(NamedTuple):
    """A named entity as it is written."""

    text: str
    """As the text has it where it was found there, else as the model said it."""
    type: str
    start: int | None = None
    """First character in the text; None where the mention does not stand there, or no text was given."""
    end: int | None = None
    """One past the last character."""


@dataclass(frozen=True, slots=True)
class EntitiesParser:
    """Takes the JSON that `show_mentions` writes; see `entities_parser`."""

    types: tuple[str, ...]

    @property
    def schema(self) -> Mapping[str, Any]:
        """An object with a list of `text` and `type`."""
        mention = {
            "type": "object",
            "properties": {"text": {"type": "string"}, "type": {"type": "string", "enum": list(self.types)}},
            "required": ["text", "type"],
            "additionalProperties": False,
        }
        return {
            "type": "object",
            "properties": {"entities": {"type": "array", "items": mention}},
            "required": ["entities"],
            "additionalProperties": False,
        }

    def parse(self, reply: str, /, given: str | None = None) -> tuple[Mention, ...]:
        """Give the mentions in the order in which they were said.

        Each takes the first place in `given` that no mention before it took: where it stands as a word of its own, else
        anywhere; a line end passes for a blank, and a control token for what prompts show of it. One that stands
        nowhere has no place, and is kept: it was said.

        Raises:
            OutputParseError: If the reply is not such JSON, or has a type that was not asked for or an empty mention.
        """
        value = read_json(reply)
        known = {kind.casefold(): kind for kind in self.types}
        for row in _rows(value):
            if isinstance(kind := row.get("type"), str):
                row["type"] = known.get(kind.casefold(), kind)
        if said := complaint(self.schema, value):
            raise OutputParseError(f"the JSON is not as asked for: {said}", reply)
        said_of = [Mention(row["text"], row["type"]) for row in value["entities"]]
        if len(said_of) > _MOST or any(not mention.text.strip() for mention in said_of):
            raise OutputParseError(f"a mention is empty, or there are more than {_MOST:,} of them", reply)
        return tuple(said_of if given is None else _placed(said_of, given))


def entities_parser(types: Sequence[str]) -> EntitiesParser:
    """Make a parser of named entities.

    Args:
        types: The types to tell apart; case does not matter in replies.

    Raises:
        ConfigError: If there is none, or two that differ in case alone.

    Example:
        >>> reply = '{"entities": [{"text": "Ada", "type": "person"}]}'
        >>> entities_parser(["person"]).parse(reply, given="I met Ada.")
        (Mention(text='Ada', type='person', start=6, end=9),)
    """
    kinds = {kind.strip().casefold() for kind in texts_of(types)}
    if not kinds or "" in kinds or len(kinds) < len(types):
        raise ConfigError(f"types of entities that differ in more than case are needed, got {shorten(repr(types))}.")
    return EntitiesParser(tuple(types))


def show_mentions(mentions: Sequence[tuple[str, str]]) -> str:
    """Write texts and types as the JSON that `entities_parser` reads: what an example's output says.

    Example:
        >>> show_mentions([("Ada", "person")])
        '{"entities": [{"text": "Ada", "type": "person"}]}'
    """
    listed = [{"text": text, "type": kind} for text, kind in mentions]
    return json.dumps({"entities": listed}, ensure_ascii=False)


def _rows(value: Any) -> list[dict[str, Any]]:
    listed = value.get("entities") if isinstance(value, dict) else None
    return [row for row in listed if isinstance(row, dict)] if isinstance(listed, list) else []


def _placed(mentions: Sequence[Mention], given: str) -> Iterator[Mention]:
    flat, origins = _flat(given)
    free = bytearray(b"\1") * len(flat)
    # A place once taken stays taken, so each phrase is searched through the text only once, however often it is said.
    places: dict[str, Iterator[tuple[int, int]]] = {}
    for mention in mentions:
        search = places.setdefault(mention.text, _places(mention.text, flat))
        place = next(((start, end) for start, end in search if all(free[start:end])), None)
        if place is None:
            yield mention
            continue
        start, end = place
        free[start:end] = bytes(end - start)
        first, last = origins[start], origins[end - 1]
        yield Mention(given[first : last + 1], mention.type, first, last + 1)


def _flat(given: str) -> tuple[str, Sequence[int]]:
    """Give a text with one blank for all white space between words, and where each of its characters stood."""
    origins = array("Q")
    for run in re.finditer(r"\s+|\S+", given):
        origins.extend([run.start()] if run[0].isspace() else range(*run.span()))
    return re.sub(r"\s+", " ", given), origins


def _places(phrase: str, flat: str) -> Iterator[tuple[int, int]]:
    """Give where a phrase stands: first as a word of its own, then anywhere."""
    for said in dict.fromkeys([phrase, unescape_control(phrase)]):
        words = " ".join(said.split())
        inside = []
        start = flat.find(words) if words else -1
        while start >= 0:
            end = start + len(words)
            if _is_letter(flat[start - 1 : start]) or _is_letter(flat[end : end + 1]):
                inside.append((start, end))
                end = flat.find(" ", start, end) + 1 or end
            else:
                yield start, end
            start = flat.find(words, end)
        yield from inside


def _is_letter(sign: str) -> bool:
    return sign.isalnum() or sign == "_"
