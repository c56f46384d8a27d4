"""A message as it is kept: bytes with a checksum in the file, a value outside."""

from __future__ import annotations

import json
import zlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from langchain_core.messages import BaseMessage

from ragkit.errors import InputError, StoreDamagedError
from ragkit.messages.plain import as_plain, from_plain

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["Kept", "Note", "Packed", "kept_of", "microseconds", "moment", "note_of", "packed", "packed_message"]

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Kept:
    """A message with its place in the history."""

    seq: int
    """Rises within a session, with gaps; never used for another message of the file."""
    message: BaseMessage
    """A copy, the reader's own."""
    at: datetime
    """When it was added, UTC; never falls within a session."""


@dataclass(frozen=True, slots=True)
class Note:
    """Something derived from a conversation, such as a summary of its first messages."""

    kind: str
    """The writer's own name for it."""
    upto_seq: int
    """The last message it stands for."""
    content: dict[str, Any]
    """JSON values; the reader's own."""
    at: datetime
    """When it was written, UTC."""


@dataclass(frozen=True, slots=True)
class Packed:
    """JSON as bytes, with the checksum that tells later whether they are still the same."""

    crc: int
    content: bytes


def packed(value: Mapping[str, Any]) -> Packed:
    """Give JSON values as bytes.

    Raises:
        InputError: If something in it is no JSON value.
    """
    try:
        text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    except (TypeError, ValueError, RecursionError) as error:
        raise InputError(
            f"what should be kept is no JSON: {type(error).__name__}; give texts, numbers, lists and objects."
        ) from None
    content = text.encode("utf-8", "surrogatepass")
    return Packed(zlib.crc32(content), content)


def packed_message(message: BaseMessage) -> Packed:
    """Give a message as bytes.

    Raises:
        InputError: If it is of no kind that can be kept, holds what is no JSON value, or was changed into what its kind
            does not allow.
    """
    plain = as_plain(message)
    from_plain(plain)  # one that cannot be made again would make the whole session unreadable
    return packed(plain)


def _unpacked(crc: int, content: bytes, what: str) -> dict[str, Any]:
    """Read what `packed` wrote.

    Raises:
        StoreDamagedError: If the bytes are not those that were written.
    """
    if zlib.crc32(content) != crc:
        raise StoreDamagedError(f"{what} is damaged (its checksum does not fit): restore the file from a backup.")
    read: dict[str, Any] = json.loads(content.decode("utf-8", "surrogatepass"))
    return read


def kept_of(row: Sequence[Any]) -> Kept:
    """Make the value of a row (seq, at, crc, message)."""
    seq, at, crc, content = row
    return Kept(seq, from_plain(_unpacked(crc, content, f"message {seq}")), moment(at))


def note_of(row: Sequence[Any]) -> Note:
    """Make the value of a row (kind, upto_seq, at, crc, content)."""
    kind, upto_seq, at, crc, content = row
    return Note(kind, upto_seq, _unpacked(crc, content, f"the note on messages up to {upto_seq}"), moment(at))


def microseconds(at: datetime) -> int:
    """Give a moment as microseconds since 1970.

    Raises:
        InputError: If it has no time zone.
    """
    if at.tzinfo is None:
        raise InputError(f"{at.isoformat()} has no time zone: give moments and clocks with one, such as UTC.")
    return (at.astimezone(UTC) - _EPOCH) // timedelta(microseconds=1)


def moment(at: int) -> datetime:
    """Give microseconds since 1970 as a moment, UTC."""
    return _EPOCH + timedelta(microseconds=at)
