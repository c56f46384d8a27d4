"""The client of OpenAI and of every server that speaks its API, and what its errors mean.

Nothing is read from the environment, and openai's own retries are off: `policy.py` decides them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit
from weakref import finalize

from ragkit._optional import require
from ragkit.errors import ConfigError, MissingExtraError, shorten
from ragkit.remote.openai_errors import as_model_error
from ragkit.remote.transport import AsyncWatchedTransport, WatchedTransport, trusted

with require(feature="The client of an OpenAI-compatible server", package="openai", extra="openai"):
    import openai

__all__ = ["OPENAI_URL", "Clients", "OpenAIServer", "as_model_error", "clients", "openai_errors"]

OPENAI_URL = "https://api.openai.com/v1"
"""Where OpenAI itself answers."""
_NO_KEY = "none"


@dataclass(frozen=True, kw_only=True)
class OpenAIServer:
    """Where a server is, and how it is spoken to. Keys and headers are not part of its `repr`.

    Raises:
        ConfigError: If a value does not fit, or OpenAI itself is to be asked without a key.
    """

    base_url: str = OPENAI_URL
    """Address up to `/v1`; http or https."""
    api_key: str | None = field(default=None, repr=False)
    """Sent as a bearer token; None sends none, which suits a local server and never OpenAI itself."""
    organization: str | None = field(default=None, repr=False)
    """Which organisation is charged, where the key belongs to several."""
    project: str | None = field(default=None, repr=False)
    """Which project is charged."""
    timeout_s: float = 120.0
    """Longest silence of the server, in seconds."""
    connect_timeout_s: float = 10.0
    """Longest time to reach it, in seconds."""
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Further headers of every request."""
    query: Mapping[str, object] = field(default_factory=dict, repr=False)
    """Further query parameters of every request."""
    proxy: str | None = field(default=None, repr=False)
    """Address of a proxy; HTTP_PROXY and the like are not read."""
    ca_file: Path | None = None
    """Authorities to trust, in PEM; None for the usual ones. SSL_CERT_FILE is not read."""
    max_reply_bytes: int = 128 << 20
    """Most bytes of one reply that are read."""

    def __post_init__(self) -> None:
        """Check what can be known before asking."""
        _check_url(self.base_url)
        _check_proxy(self.proxy)
        for name in ("timeout_s", "connect_timeout_s", "max_reply_bytes"):
            if not 0 < getattr(self, name) < float("inf"):
                raise ConfigError(f"{name} must be above 0, got {getattr(self, name)}.")
        if self.api_key is None and not self.headers and urlsplit(self.base_url).hostname == _host(OPENAI_URL):
            raise ConfigError("OpenAI needs a key: pass api_key=..., or base_url=... for a server that needs none.")
        given = {name: getattr(self, name) or "" for name in ("api_key", "organization", "project")}
        for name, value in [*given.items(), *self.headers.items()]:
            if not (value.isascii() and value.isprintable() and value == value.strip()):
                raise ConfigError(
                    f"{name} holds a character that no header can carry: was a line break or a space copied with it?"
                )


class Clients(NamedTuple):
    """Both clients of one server; each keeps its connections until it is closed."""

    client: openai.OpenAI
    async_client: openai.AsyncOpenAI


def clients(server: OpenAIServer) -> Clients:
    """Make the clients of a server; no connection is opened yet.

    The plain one is closed with its last user, the one for asyncio must be closed by `await async_client.close()`.
    Redirects are not followed: what they would send elsewhere is the key and the prompt.
    """
    pool: dict[str, Any] = {
        "verify": trusted(server.ca_file, encrypted=server.base_url.startswith("https:")),
        "proxy": server.proxy,
        "max_bytes": server.max_reply_bytes,
    }
    web: dict[str, Any] = {"trust_env": False, "follow_redirects": False, "headers": {"accept-encoding": "identity"}}
    hooks, async_hooks = ([_drop_key], [_adrop_key]) if server.api_key is None else ([], [])
    http = openai.DefaultHttpxClient(transport=WatchedTransport(**pool), event_hooks={"request": hooks}, **web)
    async_http = openai.DefaultAsyncHttpxClient(
        transport=AsyncWatchedTransport(**pool), event_hooks={"request": async_hooks}, **web
    )
    options = _options(server)
    client = openai.OpenAI(**options, http_client=http)
    async_client = openai.AsyncOpenAI(**options, http_client=async_http)
    for made in (client, async_client):
        _forget_environment(made, server)
    finalize(client, http.close)
    return Clients(client, async_client)


@contextmanager
def openai_errors(client: openai.OpenAI | openai.AsyncOpenAI) -> Iterator[None]:
    """Turn openai's errors within the block into ours, without the key and without the request that carried it.

    Raises:
        ModelError: In place of every error of openai; others pass.
    """
    try:
        yield
    except openai.OpenAIError as error:
        failure = as_model_error(error, secrets=[client.api_key, *map(str, client._custom_headers.values())])
        for name in ("request", "response", "body", "completion"):
            error.__dict__.pop(name, None)
        error.args = (type(error).__name__,)
        raise failure from None


def _options(server: OpenAIServer) -> dict[str, Any]:
    """Give every option, so that none is read from the environment; openai asks for a key, even where none is sent."""
    return {
        "api_key": server.api_key or _NO_KEY,
        "admin_api_key": "none",
        "organization": server.organization or "none",
        "project": server.project or "none",
        "webhook_secret": "none",
        "base_url": server.base_url,
        "timeout": openai.Timeout(server.timeout_s, connect=min(server.connect_timeout_s, server.timeout_s)),
        "max_retries": 0,
        "default_query": dict(server.query),
    }


def _forget_environment(client: openai.OpenAI | openai.AsyncOpenAI, server: OpenAIServer) -> None:
    """Take out what had to be given, and the headers of OPENAI_CUSTOM_HEADERS, which no option keeps away.

    Raises:
        MissingExtraError: If this openai keeps them elsewhere.
    """
    if not {"_custom_headers", "_ambient_authorizations"} <= vars(client).keys():
        raise MissingExtraError(
            f"openai {openai.__version__} is unknown to ragkit, which could not keep OPENAI_CUSTOM_HEADERS from being "
            "sent: install an earlier one."
        )
    client.admin_api_key = client.webhook_secret = None
    client.organization = server.organization
    client.project = server.project
    client._custom_headers = dict(server.headers)
    client._ambient_authorizations = frozenset()


def _drop_key(request: Any) -> None:
    """Take out the placeholder that openai insists on."""
    if request.headers.get("authorization") == f"Bearer {_NO_KEY}":
        del request.headers["authorization"]


async def _adrop_key(request: Any) -> None:
    _drop_key(request)


def _host(url: str) -> str | None:
    return urlsplit(url).hostname


def _is_url(url: str, *schemes: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in schemes and parts.hostname is not None and parts.port != 0
    except ValueError:
        return False


def _check_url(url: str) -> None:
    if not _is_url(url, "http", "https"):
        raise ConfigError(f"base_url must be like https://host/v1, got {shorten(url.rpartition('@')[2])!r}.")
    parts = urlsplit(url)
    if parts.username is not None or parts.password is not None:
        raise ConfigError("base_url holds a user's name or password, which logs would show: give them as headers.")
    if parts.query or parts.fragment:
        raise ConfigError("base_url must end with its path: give what follows a ? as query parameters.")


def _check_proxy(url: str | None) -> None:
    """Check the address of a proxy, which is never shown: it may hold a password."""
    if url is not None and not _is_url(url, "http", "https", "socks5", "socks5h"):
        raise ConfigError("proxy must be like http://host:port.")
