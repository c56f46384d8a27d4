"""Names of tool calls, by which results find them."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256

__all__ = ["call_ids"]

_LETTERS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_CHARACTERS = 9


def call_ids(source: bytes) -> Callable[[int], str]:
    """Name the calls of one reply: nine letters and digits, the form that Mistral's chat templates insist on.

    The same source gives the same ids, so that a recorded generation replays bit for bit. Take what makes the reply
    its own: the prompt, which grows with every turn of a conversation, and a random part where sampling has no seed.

    Example:
        >>> call_ids(b"prompt")(0)
        'jmdVic90g'
    """

    def call_id(index: int) -> str:
        number = int.from_bytes(sha256(source + index.to_bytes(8, "big")).digest(), "big")
        return "".join(_LETTERS[number // 62**place % 62] for place in range(_CHARACTERS))

    return call_id
