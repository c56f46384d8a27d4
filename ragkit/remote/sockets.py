"""Sockets whose every wait ends with the deadline of the watch in force, however the server drips."""

from __future__ import annotations

import contextlib
import socket
import ssl
from typing import Any

from ragkit._optional import require
from ragkit.errors import MissingExtraError
from ragkit.remote.watch import watch_in_force

with require(feature="The client of an OpenAI-compatible server", package="httpx2", extra="openai"):
    import httpx2
with require(feature="The client of an OpenAI-compatible server", package="httpcore2", extra="openai"):
    import httpcore2

__all__ = ["bound"]

_WRITTEN_BYTES = 1 << 16


def bound(transport: httpx2.HTTPTransport) -> None:
    """Give a transport sockets that know the deadline, for which httpx has no seam.

    Raises:
        MissingExtraError: If this httpx keeps them elsewhere: a deadline would not reach a server that drips.
    """
    pool = getattr(transport, "_pool", None)
    if not isinstance(getattr(pool, "_network_backend", None), httpcore2.NetworkBackend):
        raise MissingExtraError(
            f"httpx2 {httpx2.__version__} is unknown to ragkit, whose deadlines would not hold: install an earlier one."
        )
    vars(pool)["_network_backend"] = _BoundedBackend()


def _left(timeout: float | None) -> float | None:
    watch = watch_in_force()
    if watch is None:
        return timeout
    left = watch.deadline.remaining_s()
    if left <= 0:
        raise httpcore2.ReadTimeout("the deadline is over")
    return left if timeout is None else min(left, timeout)


class _BoundedStream(httpcore2.NetworkStream):
    """A socket whose every wait ends with the deadline of the watch in force."""

    def __init__(self, inner: httpcore2.NetworkStream) -> None:
        self._inner = inner

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._inner.read(max_bytes, _left(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        # The inner one waits anew for whatever part the server takes.
        for start in range(0, len(buffer), _WRITTEN_BYTES):
            self._inner.write(buffer[start : start + _WRITTEN_BYTES], _left(timeout))

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore2.NetworkStream:
        return _BoundedStream(self._inner.start_tls(ssl_context, server_hostname, _left(timeout)))

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)


class _BoundedBackend(httpcore2.SyncBackend):
    """Opens sockets that know the deadline."""

    def connect_tcp(
        self, host: str, port: int, timeout: float | None = None, *args: Any, **options: Any
    ) -> httpcore2.NetworkStream:
        # One by one, for the inner one would give each address of a host the whole time-out.
        *others, last = _addresses(host, port)
        for address in others:
            with contextlib.suppress(httpcore2.ConnectError, httpcore2.ConnectTimeout):
                return _BoundedStream(super().connect_tcp(address, port, _left(timeout), *args, **options))
        return _BoundedStream(super().connect_tcp(last, port, _left(timeout), *args, **options))


def _addresses(host: str, port: int) -> list[str]:
    """Give what a name stands for; the name itself where nobody knows, so that connecting to it says why."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError:
        return [host]
    return list(dict.fromkeys(str(address[0]) for *_, address in found))
