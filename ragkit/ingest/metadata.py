"""What a file says of itself, made fit for storing: plain JSON values of bounded size."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import date
from typing import Any

from ragkit.errors import LoadError
from ragkit.text.clean import normalise

__all__ = ["MAX_VALUES", "plain_metadata"]

MAX_VALUES = 10_000
"""Most values, nested ones counted, that one document's metadata may hold."""
_MAX_DEPTH = 32


def plain_metadata(metadata: Mapping[Any, Any], *, path: str) -> dict[str, Any]:
    """Give a copy with text keys and JSON values: dates as ISO 8601 text, NaN and infinity as None.

    Args:
        metadata: From YAML, JSON or CSV; may refer to itself, as YAML allows.
        path: Named in the error.

    Raises:
        LoadError: If it nests deeper than 32 levels or holds more than `MAX_VALUES` values.
    """
    room = [MAX_VALUES]
    return {_key(key): _plain(value, path, room, 1) for key, value in metadata.items()}


def _plain(value: Any, path: str, room: list[int], depth: int) -> Any:
    room[0] -= 1
    if room[0] < 0 or depth > _MAX_DEPTH:
        raise LoadError(path, f"its metadata holds more than {MAX_VALUES} values, or nests deeper than {_MAX_DEPTH}")
    if isinstance(value, Mapping):
        return {_key(key): _plain(item, path, room, depth + 1) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(item, path, room, depth + 1) for item in value]
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return value if abs(value) < 2**63 else str(value)  # beyond, no database can compare it as a number
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return normalise(value.isoformat() if isinstance(value, date) else str(value))


def _key(key: Any) -> str:
    return normalise(key.isoformat() if isinstance(key, date) else str(key))
