"""What a stream of events says piece by piece: a secret that is cut over several pieces is found in none of them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import accumulate
from typing import Any, NamedTuple

from ragkit.testing.cassettes.bodies import parse_json
from ragkit.testing.cassettes.shapes import PLACEHOLDER

__all__ = ["Event", "Split", "events_of", "hide_split"]

_DATA = re.compile(r"(?m)^data: ?([\[{].*?)\r?$")


class Event(NamedTuple):
    """The JSON of one event, and where it stands in the text."""

    start: int
    end: int
    value: Any


class Split(NamedTuple):
    """A secret that begins in one event and ends in another."""

    event: int
    """Place of the event that it begins in, from 0."""
    secret: str


class _Piece(NamedTuple):
    event: int
    holder: Any
    key: Any
    text: str


def events_of(text: str) -> list[Event]:
    """Give the events of a stream whose data is JSON."""
    found = []
    for match in _DATA.finditer(text):
        try:
            found.append(Event(*match.span(1), parse_json(match[1])))
        except ValueError:
            continue
    return found


def hide_split(values: Sequence[Any], find: Callable[[str], Iterable[tuple[int, int]]]) -> list[Split]:
    """Put the placeholder in place of what is found only once the texts of one place in all events are joined.

    Args:
        values: The JSON of events in their order; changed in place.
        find: Gives start and end of secrets in a text, which do not overlap.
    """
    places: dict[tuple[Any, ...], list[_Piece]] = {}
    for number, value in enumerate(values):
        kind = value.get("type") if isinstance(value, dict) else None
        for path, piece in _pieces(value, number, (kind,)):
            places.setdefault(path, []).append(piece)
    return [split for pieces in places.values() if len(pieces) > 1 for split in _hidden(pieces, find)]


def _pieces(value: Any, event: int, path: tuple[Any, ...]) -> Iterator[tuple[tuple[Any, ...], _Piece]]:
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in list(inside):
        # Choices and tool calls tell by `index` which one they go on with.
        place = inner.get("index", key) if isinstance(value, list) and isinstance(inner, dict) else key
        if isinstance(inner, str):
            yield (*path, place), _Piece(event, value, key, inner)
        else:
            yield from _pieces(inner, event, (*path, place))


def _hidden(pieces: Sequence[_Piece], find: Callable[[str], Iterable[tuple[int, int]]]) -> Iterator[Split]:
    whole = "".join(piece.text for piece in pieces)
    ends = list(accumulate(len(piece.text) for piece in pieces))
    for start, end in sorted(find(whole), reverse=True):
        parts = [
            (piece, piece_end - len(piece.text))
            for piece, piece_end in zip(pieces, ends, strict=True)
            if piece_end > start and piece_end - len(piece.text) < end
        ]
        if len(parts) < 2:
            continue
        for place, (piece, piece_start) in enumerate(parts):
            text = piece.holder[piece.key]
            before, after = text[: max(start - piece_start, 0)], text[end - piece_start :]
            piece.holder[piece.key] = f"{before}{'' if place else PLACEHOLDER}{after}"
        yield Split(parts[0][0].event, whole[start:end])
