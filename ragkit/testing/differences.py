"""Where two JSON values differ first, and how to say it in one line."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from ragkit.errors import shorten

__all__ = ["Difference", "first_difference", "told"]


class Difference(NamedTuple):
    """The first place where two values differ; `...` stands for what is missing."""

    path: str
    recorded: Any
    asked: Any


def first_difference(recorded: Any, asked: Any, path: str = "") -> Difference | None:
    """Find where two JSON values differ first: None if nowhere.

    Numbers are compared by value (1 is 1.0), and are never equal to true or false.
    """
    if isinstance(recorded, Mapping) and isinstance(asked, Mapping):
        for key in [*recorded, *(key for key in asked if key not in recorded)]:
            here = f"{path}.{key}" if path else str(key)
            if (found := first_difference(recorded.get(key, ...), asked.get(key, ...), here)) is not None:
                return found
        return None
    if _is_list(recorded) and _is_list(asked):
        for place in range(max(len(recorded), len(asked))):
            one, other = (side[place] if place < len(side) else ... for side in (recorded, asked))
            if (found := first_difference(one, other, f"{path}[{place}]")) is not None:
                return found
        return None
    same = isinstance(recorded, bool) == isinstance(asked, bool) and recorded == asked
    return None if same else Difference(path, recorded, asked)


def _is_list(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str | bytes)


def told(difference: Difference) -> str:
    """Tell a difference in one line; long values are cut."""
    path, recorded, asked = difference
    return f"{path or 'the body'}: {_shown(recorded)} was recorded, it is {_shown(asked)} now"


def _shown(value: Any) -> str:
    return "nothing" if value is ... else shorten(json.dumps(value, ensure_ascii=False))
