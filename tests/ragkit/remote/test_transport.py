"""Bounded HTTP: deadlines reach into every read, and a body has an end."""

from __future__ import annotations

import asyncio
import gc
import gzip
import shutil
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import certifi
import httpx2
import pytest

from ragkit.errors import ModelUnavailableError
from ragkit.remote.policy import Deadline
from ragkit.remote.transport import AsyncWatchedTransport, WatchedTransport, trusted
from ragkit.remote.watch import Watch
from ragkit.testing.openai_replies import stream_reply
from ragkit.testing.servers import Answer, LoopbackServer

OPTIONS: dict[str, Any] = {"verify": ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), "proxy": None, "max_bytes": 1000}


@pytest.fixture
def http(socket_enabled: None) -> Iterator[httpx2.Client]:
    with httpx2.Client(transport=WatchedTransport(**OPTIONS), trust_env=False, timeout=30.0) as client:
        yield client


def test_a_watch_remembers_the_reply(http: httpx2.Client) -> None:
    with LoopbackServer([Answer(status=418, body="abc"), Answer(body="de")]) as server:
        watch = Watch()
        assert watch.status is None
        with watch:
            http.get(server.url)
        assert (watch.status, watch.head, watch.tail, watch.size) == (418, b"abc", b"abc", 3)
        with watch:
            http.get(server.url)
        assert (watch.status, watch.head, watch.size) == (200, b"de", 2)


def test_without_a_watch_the_clients_own_timeout_counts(http: httpx2.Client) -> None:
    with LoopbackServer([Answer(body="ok"), Answer(delay_s=60.0)]) as server:
        assert http.get(server.url).text == "ok"
        with pytest.raises(httpx2.ReadTimeout):
            http.get(server.url, timeout=0.2)


def test_a_body_has_an_end(http: httpx2.Client) -> None:
    with LoopbackServer([Answer(body="x" * 1000), Answer(body="x" * 1001)]) as server:
        assert len(http.get(server.url).content) == 1000
        with pytest.raises(ModelUnavailableError, match=r"longer than 1000 bytes, the most that is read"):
            http.get(server.url)


PACKED = {"content-encoding": "gzip"}


def test_a_packed_reply_is_unpacked_no_further_than_its_limit(http: httpx2.Client) -> None:
    bomb = Answer(headers=PACKED, body=gzip.compress(b"x" * 50_000_000))
    watch = Watch()
    with LoopbackServer([Answer(headers=PACKED, body=gzip.compress(b"abc")), bomb]) as server, watch:
        assert http.get(server.url).text == "abc"
        assert watch.head == b"abc"
        with pytest.raises(ModelUnavailableError, match=r"longer than 1000 bytes"):
            http.get(server.url)
        assert watch.size == 1001


@pytest.mark.parametrize(
    ("coding", "message"), [("br", "the reply is packed by br, though"), ("gzip", "the reply is packed, and damaged")]
)
async def test_a_packed_reply_that_cannot_be_unpacked_is_a_sentence(
    http: httpx2.Client, coding: str, message: str
) -> None:
    answer = Answer(headers={"content-encoding": coding}, body=b"no such thing")
    async with httpx2.AsyncClient(transport=AsyncWatchedTransport(**OPTIONS), trust_env=False) as client:
        with LoopbackServer([answer, answer]) as server:
            with pytest.raises(ModelUnavailableError, match=message):
                http.get(server.url)
            with pytest.raises(ModelUnavailableError, match=message):
                await client.get(server.url)


def test_a_stream_read_to_its_last_event_leaves_its_connection_to_the_next(http: httpx2.Client) -> None:
    with LoopbackServer([stream_reply(["a"])] * 3) as server:
        for _ in range(3):
            with http.stream("GET", server.url) as response:
                for line in response.iter_lines():
                    if "[DONE]" in line:
                        break
        assert server.connections == 1


def test_a_stream_left_early_gives_its_connection_up(http: httpx2.Client) -> None:
    with LoopbackServer([Answer(pieces=["x\n", 60.0])] * 2) as server:
        for _ in range(2):
            with http.stream("GET", server.url) as response:
                next(response.iter_lines())
        assert server.connections == 2
        assert server.wait_until_left(2)


async def test_the_asynchronous_twin_counts_too(socket_enabled: None) -> None:
    async with httpx2.AsyncClient(transport=AsyncWatchedTransport(**OPTIONS), trust_env=False) as client:
        with LoopbackServer([Answer(body="abc"), Answer(body="x" * 1001)]) as server:
            with Watch() as watch:
                await client.get(server.url)
            assert (watch.status, watch.head, watch.size) == (200, b"abc", 3)
            with pytest.raises(ModelUnavailableError, match="longer than 1000 bytes"):
                await client.get(server.url)


def test_each_event_loop_has_connections_of_its_own(socket_enabled: None) -> None:
    transport = AsyncWatchedTransport(**OPTIONS)

    async def ask(url: str) -> str:
        client = httpx2.AsyncClient(transport=transport, trust_env=False)
        return (await client.get(url)).text + (await client.get(url)).text

    with LoopbackServer(lambda _: Answer(body="ok")) as server:
        assert [asyncio.run(ask(server.url)) for _ in range(3)] == ["okok"] * 3
        assert server.connections == 3
    assert len(transport._pools) == 1


async def test_a_transport_that_nobody_holds_closes_its_connections(socket_enabled: None) -> None:
    client = httpx2.AsyncClient(transport=AsyncWatchedTransport(**OPTIONS), trust_env=False)
    with LoopbackServer([Answer(body="ok")]) as server:
        assert (await client.get(server.url)).text == "ok"
        del client
        gc.collect()
        await asyncio.sleep(0)
        await asyncio.sleep(0.01)


async def test_closing_what_was_never_used_is_no_error() -> None:
    await AsyncWatchedTransport(**OPTIONS).aclose()


def test_authorities_are_the_usual_ones_or_those_of_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", "/nowhere.pem")
    monkeypatch.setenv("SSL_CERT_DIR", "/nowhere")
    assert trusted(Path(certifi.where())).cert_store_stats()["x509_ca"] > 50
    assert trusted(None).verify_mode == ssl.CERT_REQUIRED
    assert trusted(None, encrypted=False).cert_store_stats()["x509_ca"] == 0


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate of this very host, signed by itself, and its key."""
    folder = tmp_path_factory.mktemp("tls")
    made, key = folder / "certificate.pem", folder / "key.pem"
    program = shutil.which("openssl")
    if program is None:
        pytest.skip("openssl is not installed, which would make a certificate for this test")
    subject = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1", "-days", "2"]
    kind = ["-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    subprocess.run(
        [program, "req", *kind, *subject, "-keyout", key, "-out", made], check=True, capture_output=True, timeout=60
    )
    return made, key


@pytest.fixture
def tls(certificate: tuple[Path, Path]) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    return context


def test_an_encrypted_server_is_asked_and_bounded_the_same_way(
    socket_enabled: None, certificate: tuple[Path, Path], tls: ssl.SSLContext
) -> None:
    options = {**OPTIONS, "verify": trusted(certificate[0])}
    drip = Answer(pieces=["x", 0.02], endless=True)
    with (
        httpx2.Client(transport=WatchedTransport(**options), trust_env=False) as client,
        LoopbackServer([Answer(body="secret"), drip], tls=tls) as server,
    ):
        assert server.url.startswith("https://")
        assert client.get(server.url).text == "secret"
        with pytest.raises(httpx2.ReadTimeout), Watch(Deadline(0.3)):
            client.get(server.url)
        assert server.wait_until_left()


def test_a_server_whose_certificate_nobody_signed_is_not_trusted(socket_enabled: None, tls: ssl.SSLContext) -> None:
    options = {**OPTIONS, "verify": trusted(None)}
    with (
        httpx2.Client(transport=WatchedTransport(**options), trust_env=False) as client,
        LoopbackServer([Answer(body="secret")], tls=tls) as server,
    ):
        with pytest.raises(httpx2.ConnectError, match="certificate"):
            client.get(server.url)
        assert server.requests == []
