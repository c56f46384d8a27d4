"""Names that callers give, as they are kept: of users, sessions, kinds of notes, models."""

from __future__ import annotations

from ragkit.errors import InputError, shorten

__all__ = ["name_of", "user_of"]


def name_of(given: str, what: str) -> str:
    """Give a name that can be kept and found again; `what` it names is said where it cannot.

    Raises:
        InputError: If it is no text, is empty, or cannot be written as UTF-8.
    """
    if not isinstance(given, str) or not given:
        raise InputError(f"{what} must be a text that is not empty, got {shorten(repr(given))}.")
    try:
        given.encode()
    except UnicodeEncodeError:
        raise InputError(f"{what} holds half of a character (a lone surrogate): give it as it was before.") from None
    return given


def user_of(user_id: str) -> str:
    """Give a user's name; empty where nobody is named.

    Raises:
        InputError: As `name_of`, but for the empty one.
    """
    return "" if isinstance(user_id, str) and not user_id else name_of(user_id, "user_id")
