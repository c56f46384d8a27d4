"""From tokens back to text, piece by piece: never half a character, nothing of a stop text or of what follows it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

__all__ = ["StopTexts", "TextStream"]

_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
# Four bytes make the longest character, and a token holds at least one of them: what is longer is no character.
_LONGEST = 16


class TextStream:
    """Text of a growing list of tokens.

    Args:
        decode: Gives the text of token ids; a reply's text may depend on the tokens before it (joining spaces).
        hidden: Tokens that are not shown.

    Example:
        >>> stream = TextStream(lambda ids: bytes(ids).decode(errors="replace"))
        >>> [stream.feed(byte) for byte in "aé".encode()]
        ['a', '', 'é']
    """

    def __init__(self, decode: Callable[[Sequence[int]], str], *, hidden: Collection[int] = ()) -> None:
        self._decode, self._hidden = decode, hidden
        self._ids: list[int] = []
        self._start = self._shown = 0  # decoded from `start`, of which the text up to `shown` has been given

    def feed(self, token: int) -> str:
        """Take the next token and give the text that is certain now, often none."""
        if token in self._hidden:
            return ""
        self._ids.append(token)
        return self._new(whole=len(self._ids) - self._shown > _LONGEST)

    def finish(self) -> str:
        """Give what was still open, a broken character as U+FFFD."""
        return self._new(whole=True)

    def _new(self, *, whole: bool) -> str:
        before = self._decode(self._ids[self._start : self._shown])
        text = self._decode(self._ids[self._start :])
        if len(text) <= len(before) or (text.endswith(_REPLACEMENT) and not whole):
            return ""
        self._start, self._shown = self._shown, len(self._ids)
        return text[len(before) :]


class StopTexts:
    """Ends a text before the first of some texts, however it is cut into pieces.

    Args:
        texts: What ends it, none of them empty.

    Example:
        >>> stops = StopTexts(["END"])
        >>> [stops.feed(piece) for piece in ("one E", "N", "two EN", "D three")], stops.found
        (['one ', '', 'ENtwo ', ''], True)
    """

    def __init__(self, texts: Sequence[str]) -> None:
        self._texts = list(texts)
        self._held = ""
        self.found = False

    def feed(self, piece: str) -> str:
        """Take the next piece and give what certainly stands before any of the texts."""
        if self.found:
            return ""
        text = self._held + piece
        ends = [at for stop in self._texts if (at := text.find(stop)) >= 0]
        if ends:
            self.found, self._held = True, ""
            return text[: min(ends)]
        keep = max((_overlap(text, stop) for stop in self._texts), default=0)
        self._held = text[len(text) - keep :]
        return text[: len(text) - keep]

    def finish(self) -> str:
        """Give what was held back and turned out to be no stop text."""
        held, self._held = self._held, ""
        return held


def _overlap(text: str, stop: str) -> int:
    """Give how many characters at the end of `text` may begin `stop`."""
    return next((n for n in range(min(len(stop) - 1, len(text)), 0, -1) if text.endswith(stop[:n])), 0)
