"""Where a JSON value ends, told as its characters arrive."""

from __future__ import annotations

__all__ = ["JsonEnd"]

_CLOSES = {"{": "}", "[": "]"}


class JsonEnd:
    """Follow one JSON value; nothing is checked but strings, brackets and where they close.

    Example:
        >>> end = JsonEnd()
        >>> end.feed('{"a": "}'), end.feed('"} tail')
        (None, 2)
    """

    def __init__(self, *, open_brackets: str = "") -> None:
        self._owed = [_CLOSES[bracket] for bracket in open_brackets]
        self._in_string = False
        self._escaped = False
        self._scalar = False
        self.begun = bool(open_brackets)

    def feed(self, text: str) -> int | None:
        """Read on.

        Returns:
            How many characters of `text` still belong to the value, once it has ended; None while it goes on.
        """
        for at, character in enumerate(text):
            if self._scalar and not self._in_string and character in ",}] \n\r\t":
                return at
            if self._ends_with(character):
                return at + 1
        return None

    def _ends_with(self, character: str) -> bool:
        if self._in_string:
            return self._in_string_ends_with(character)
        if character == '"':
            self._in_string = self.begun = True
        elif character in _CLOSES:
            self._owed.append(_CLOSES[character])
            self.begun = True
        elif character in "}]":
            # A bracket that closes nothing, or the wrong thing, is left to the JSON parser to report.
            del self._owed[-1:]
            return not self._owed
        elif not self.begun and not character.isspace():
            self._scalar = self.begun = True
        return False

    def _in_string_ends_with(self, character: str) -> bool:
        if self._escaped:
            self._escaped = False
        elif character == "\\":
            self._escaped = True
        elif character == '"':
            self._in_string = False
            return not self._owed
        return False

    @property
    def spoiler(self) -> str:
        """Text after which what was read can no longer be taken for a whole value by a forgiving parser."""
        string_end = ("\\" if self._escaped else "") + '"' if self._in_string else ""
        return string_end + ("}" if self._owed and self._owed[-1] == "]" else "]")
