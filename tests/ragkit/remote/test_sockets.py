"""A deadline reaches into every wait for a socket: connecting, writing, reading."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from ragkit.errors import MissingExtraError
from ragkit.remote.policy import Deadline
from ragkit.remote.sockets import bound
from ragkit.remote.watch import Watch
from ragkit.testing.servers import Answer, LoopbackServer


@pytest.fixture
def http(socket_enabled: None) -> Iterator[httpx2.Client]:
    transport = httpx2.HTTPTransport(verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), trust_env=False)
    bound(transport)
    with httpx2.Client(transport=transport, trust_env=False, timeout=30.0) as client:
        yield client


@pytest.mark.parametrize(
    "answer",
    [
        Answer(delay_s=60.0),
        Answer(header_pause_s=0.05, body="x"),
        Answer(pieces=["x", 0.05], endless=True),
    ],
    ids=["silent", "headers", "body"],
)
def test_a_deadline_reaches_into_every_read(http: httpx2.Client, answer: Answer) -> None:
    with LoopbackServer([answer]) as server:
        started = time.monotonic()
        with pytest.raises(httpx2.ReadTimeout), Watch(Deadline(0.3)):
            http.get(server.url)
        assert time.monotonic() - started < 10
        assert server.wait_until_left()


def test_a_deadline_that_is_over_opens_no_connection(http: httpx2.Client) -> None:
    with LoopbackServer([Answer()]) as server:
        with pytest.raises(httpx2.TimeoutException), Watch(Deadline(1.0, iter([0.0, 5.0, 5.0]).__next__)):
            http.get(server.url)
        assert server.requests == []


def test_a_server_that_reads_slowly_is_over_at_the_deadline(http: httpx2.Client) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        over = threading.Event()
        came = 0

        def drip() -> None:
            nonlocal came
            connection, _ = listening.accept()
            with connection:
                while not over.wait(0.01) and (part := connection.recv(500_000)):
                    came += len(part)

        reader = threading.Thread(target=drip)
        reader.start()
        try:
            with pytest.raises(httpx2.TimeoutException), Watch(Deadline(0.3)):
                http.post(f"http://127.0.0.1:{port}/", content=b"x" * 60_000_000)
        finally:
            over.set()
            reader.join()
        assert came < 40_000_000


def test_the_addresses_of_a_host_share_one_deadline(http: httpx2.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[tuple[str, float]] = []

    def silent(address: tuple[str, int], timeout: float, **_: Any) -> None:
        tried.append((address[0], timeout))
        time.sleep(0.01)
        raise TimeoutError

    found = [(2, 1, 6, "", (f"192.0.2.{number}", 80)) for number in (1, 2, 2, 3)]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
    monkeypatch.setattr(socket, "create_connection", silent)
    with pytest.raises(httpx2.ConnectTimeout), Watch(Deadline(5.0)):
        http.get("http://host.invalid/")
    assert [address for address, _ in tried] == ["192.0.2.1", "192.0.2.2", "192.0.2.3"]
    first, second, third = (timeout for _, timeout in tried)
    assert 5.0 >= first > second > third > 0.0


def test_an_httpx_that_keeps_its_sockets_elsewhere_is_refused() -> None:
    with httpx2.HTTPTransport(verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), trust_env=False) as transport:
        vars(transport._pool)["_backend"] = vars(transport._pool).pop("_network_backend")
        with pytest.raises(MissingExtraError, match=r"httpx2 .* is unknown to ragkit, whose deadlines would not hold"):
            bound(transport)
