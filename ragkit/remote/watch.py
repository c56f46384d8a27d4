"""What one exchange with a server may take, and what came of it: set by the caller, looked at by `transport.py`."""

from __future__ import annotations

from contextvars import ContextVar, Token

from ragkit.remote.policy import Deadline

__all__ = ["Watch", "watch_in_force"]

_KEPT_BYTES = 2000


class Watch:
    """What one exchange may take, and what came of it. Use as a context around each wait for the server.

    Attributes:
        deadline: When the running wait must be over; a stream renews it piece by piece.
        status: The status of the last reply; None before one began.
        head: The first bytes of its body, at most 2,000.
        tail: The last bytes of its body, at most 2,000.
        size: Bytes of its body so far, unpacked.
    """

    def __init__(self, deadline: Deadline | None = None) -> None:
        """Start with a deadline, None for none."""
        self.deadline = deadline or Deadline()
        self._token: Token[Watch | None] | None = None
        self.begin(None)

    def begin(self, status: int | None) -> None:
        """Note that a reply begins."""
        self.status = status
        self.head = b""
        self.tail = b""
        self.size = 0

    def note(self, piece: bytes) -> None:
        """Note a piece of its body."""
        self.size += len(piece)
        if len(self.head) < _KEPT_BYTES:
            self.head = (self.head + piece)[:_KEPT_BYTES]
        self.tail = (self.tail + piece[-_KEPT_BYTES:])[-_KEPT_BYTES:]

    def __enter__(self) -> Watch:
        self._token = _IN_FORCE.set(self)
        return self

    def __exit__(self, *_: object) -> None:
        if self._token is not None:
            _IN_FORCE.reset(self._token)


_IN_FORCE: ContextVar[Watch | None] = ContextVar("ragkit_watch", default=None)


def watch_in_force() -> Watch | None:
    """Give the watch whose block is running; None outside of any."""
    return _IN_FORCE.get()
