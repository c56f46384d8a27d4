"""HTTP that cannot outlive its caller's patience, whatever the server does.

httpx bounds each read, so a server that drips one byte a second is never late. Here a `Watch` bounds a whole exchange:
its deadline reaches into every wait for the socket, and it remembers what the server sent, for a sentence about replies
that cannot be read. A limit in bytes reaches into every piece of the body.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import zlib
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from ragkit._optional import require
from ragkit.errors import ConfigError, ModelUnavailableError, shorten
from ragkit.remote.policy import Deadline
from ragkit.remote.sockets import bound
from ragkit.remote.watch import Watch, watch_in_force

with require(feature="The client of an OpenAI-compatible server", package="httpx2", extra="openai"):
    import httpx2

__all__ = ["AsyncWatchedTransport", "WatchedTransport", "trusted"]

_IDLE_CONNECTION_S = 60.0
_LAST_EVENT = b"[DONE]"
_LINGER_S = 0.05
# Of zlib: whether it is gzip's or its own, the header says.
_ANY_HEADER = 47


def trusted(ca_file: Path | None, *, encrypted: bool = True) -> ssl.SSLContext:
    """Give what to trust, whatever SSL_CERT_FILE of the environment says.

    Args:
        ca_file: Authorities in PEM; None for the usual ones.
        encrypted: Whether it will be used at all; plain http needs none.

    Raises:
        ConfigError: If the file cannot be read.
    """
    if not encrypted:
        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if ca_file is None:
        return _usual()
    try:
        return ssl.create_default_context(cafile=str(ca_file))
    except OSError as error:
        raise ConfigError(f"ca_file {shorten(ca_file)} cannot be read as certificates in PEM: {error}.") from error


@cache
def _usual() -> ssl.SSLContext:
    return httpx2.create_ssl_context(trust_env=False)


class _Begun:
    """The body of one reply on its way: noted, unpacked and counted."""

    def __init__(self, response: httpx2.Response, max_bytes: int) -> None:
        self.watch = watch_in_force() or Watch()
        self.watch.begin(response.status_code)
        self._max_bytes = max_bytes
        self._unpacking = None
        # httpx would unpack too, and a few bytes could become more than memory holds.
        coding = response.headers.pop("content-encoding", "identity").lower()
        if coding in ("gzip", "x-gzip", "deflate"):
            self._unpacking = zlib.decompressobj(_ANY_HEADER)
        elif coding != "identity":
            raise self._unreadable(f"is packed by {shorten(coding)}, though none was asked to be")

    def read(self, piece: bytes) -> bytes:
        """Take a piece from the wire and give it readable."""
        if self._unpacking is not None:
            try:
                piece = self._unpacking.decompress(piece, self._max_bytes - self.watch.size + 1)
            except zlib.error as error:
                raise self._unreadable("is packed, and damaged") from error
        self.watch.note(piece)
        if self.watch.size > self._max_bytes:
            raise self._unreadable(f"is longer than {self._max_bytes} bytes, the most that is read (max_reply_bytes)")
        return piece

    def _unreadable(self, what: str) -> ModelUnavailableError:
        """Make an error with the reply's status, so that a whole one is not asked for again."""
        return ModelUnavailableError(f"the reply {what}.", status=self.watch.status)


class _Body(httpx2.SyncByteStream):
    def __init__(self, inner: Any, begun: _Begun) -> None:
        self._inner = inner
        self._pieces = iter(inner)
        self._begun = begun

    def __iter__(self) -> Iterator[bytes]:
        for piece in self._pieces:
            yield self._begun.read(piece)

    def close(self) -> None:
        # openai stops reading at [DONE], one empty chunk before the end: only when that is read is the connection kept.
        if _LAST_EVENT in self._begun.watch.tail:
            with contextlib.suppress(httpx2.HTTPError), Watch(Deadline(_LINGER_S)):
                next(self._pieces, None)
        self._inner.close()


class _AsyncBody(httpx2.AsyncByteStream):
    def __init__(self, inner: Any, begun: _Begun) -> None:
        self._inner = inner
        self._begun = begun

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for piece in self._inner:
            yield self._begun.read(piece)

    async def aclose(self) -> None:
        await self._inner.aclose()


class WatchedTransport(httpx2.BaseTransport):
    """HTTP/1.1 with a pool of connections; every exchange is bounded by the watch in force and by `max_bytes`."""

    def __init__(self, *, verify: ssl.SSLContext, proxy: str | None, max_bytes: int) -> None:
        """Read nothing from the environment."""
        self._inner = httpx2.HTTPTransport(verify=verify, proxy=proxy, trust_env=False, limits=_limits())
        bound(self._inner)
        self._max_bytes = max_bytes

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send, and note the reply in the watch in force."""
        response = self._inner.handle_request(request)
        try:
            response.stream = _Body(response.stream, _Begun(response, self._max_bytes))
        except ModelUnavailableError:
            response.close()
            raise
        return response

    def close(self) -> None:
        """Close every connection."""
        self._inner.close()


class AsyncWatchedTransport(httpx2.AsyncBaseTransport):
    """The same for asyncio, with a pool for each event loop: a connection does not outlive the loop it was made in.

    It leaves deadlines to `asyncio.timeout`, which reaches everywhere.
    """

    def __init__(self, *, verify: ssl.SSLContext, proxy: str | None, max_bytes: int) -> None:
        """Read nothing from the environment."""
        self._options: dict[str, Any] = {"verify": verify, "proxy": proxy, "trust_env": False, "limits": _limits()}
        self._pools: dict[asyncio.AbstractEventLoop, _Pool] = {}
        self._max_bytes = max_bytes

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send, and note the reply in the watch in force."""
        pool = await self._pool()
        response = await pool.handle_async_request(request)
        try:
            response.stream = _AsyncBody(response.stream, _Begun(response, self._max_bytes))
        except ModelUnavailableError:
            await response.aclose()
            raise
        return response

    async def aclose(self) -> None:
        """Close the connections of the running loop; those of other loops go with them."""
        pool = self._pools.pop(asyncio.get_running_loop(), None)
        if pool is not None:
            await pool.end.aclose()

    async def _pool(self) -> httpx2.AsyncHTTPTransport:
        loop = asyncio.get_running_loop()
        if loop not in self._pools:
            for other in [other for other in list(self._pools) if other.is_closed()]:
                self._pools.pop(other, None)
            transport = httpx2.AsyncHTTPTransport(**self._options)
            self._pools[loop] = _Pool(transport, _closed_with_its_loop(transport))
            await anext(self._pools[loop].end)
        return self._pools[loop].transport


class _Pool(NamedTuple):
    transport: httpx2.AsyncHTTPTransport
    end: AsyncGenerator[None]


async def _closed_with_its_loop(transport: httpx2.AsyncHTTPTransport) -> AsyncGenerator[None]:
    """Close a pool when the loop ends or nobody holds it: of what is alive then, a loop ends generators only."""
    try:
        yield
    finally:
        await transport.aclose()


def _limits() -> httpx2.Limits:
    return httpx2.Limits(max_connections=1000, max_keepalive_connections=100, keepalive_expiry=_IDLE_CONNECTION_S)
