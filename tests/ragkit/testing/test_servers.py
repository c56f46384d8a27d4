"""The server that misbehaves does what its script says."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from http.client import HTTPConnection, HTTPException, HTTPResponse
from threading import Thread
from urllib.error import HTTPError

import pytest

from ragkit.errors import InputError
from ragkit.testing.openai_replies import (
    chat_reply,
    error_reply,
    events,
    response_events,
    response_reply,
    sse_reply,
    stream_reply,
)
from ragkit.testing.servers import Answer, Asked, LoopbackServer

pytestmark = pytest.mark.usefixtures("socket_enabled")


Ask = Callable[..., HTTPResponse]


@pytest.fixture
def ask() -> Iterator[Ask]:
    """Send one request over a connection of its own."""
    with ExitStack() as stack:

        def send(
            server: LoopbackServer, body: bytes | None = None, headers: Mapping[str, str] | None = None
        ) -> HTTPResponse:
            connection = HTTPConnection(server.url.split("/")[2], timeout=20)
            stack.callback(connection.close)
            connection.request("GET" if body is None else "POST", "/v1/models?a=b", body, dict(headers or {}))
            response = connection.getresponse()
            stack.callback(response.close)
            return response

        yield send


def test_answers_come_in_order_and_requests_are_kept(ask: Ask) -> None:
    with LoopbackServer([Answer(body={"a": 1}), Answer(status=201, headers={"X-Y": "z"}, body="text")]) as server:
        assert json.loads(ask(server).read()) == {"a": 1}
        second = ask(server, b'{"q": 2}', {"X-Header": "v"})
        assert (second.status, second.headers["x-y"], second.read()) == (201, "z", b"text")
        assert [asked.method for asked in server.requests] == ["GET", "POST"]
        assert server.requests[1].path == "/v1/models?a=b"
        assert server.requests[1].json == {"q": 2}
        assert server.requests[1].headers["x-header"] == "v"
        assert server.connections == 2


def test_a_request_beyond_the_script_is_told_so() -> None:
    with LoopbackServer([]) as server, pytest.raises(HTTPError) as caught:
        urllib.request.urlopen(server.url)  # noqa: S310  # loopback
    assert caught.value.code == 400
    assert "the script of the LoopbackServer is over: GET /v1 has no answer." in caught.value.read().decode()
    caught.value.close()


def test_a_function_may_answer(ask: Ask) -> None:
    def echo(asked: Asked) -> Answer:
        return Answer(body=asked.body)

    with LoopbackServer(echo) as server:
        assert ask(server, b"hello").read() == b"hello"
        assert ask(server, b"again").read() == b"again"


def test_pieces_are_sent_one_by_one_and_pauses_are_kept(ask: Ask) -> None:
    with LoopbackServer([Answer(pieces=["ab", 0.01, b"cd"], delay_s=0.01)]) as server:
        response = ask(server)
        assert response.headers["transfer-encoding"] == "chunked"
        assert response.read() == b"abcd"


def test_a_cut_body_has_no_end(ask: Ask) -> None:
    with LoopbackServer([Answer(pieces=["ab"], cut=True)]) as server, pytest.raises(HTTPException):
        ask(server).read()


def test_a_quiet_end_looks_whole(ask: Ask) -> None:
    with LoopbackServer([Answer(pieces=["ab"], quiet_end=True)]) as server:
        response = ask(server)
        assert response.headers["connection"] == "close"
        assert response.read() == b"ab"


def test_a_server_may_hang_up_or_drip(ask: Ask) -> None:
    with LoopbackServer([Answer(hang_up=True), Answer(body="x", header_pause_s=0.0001)]) as server:
        with pytest.raises((HTTPException, OSError)):
            ask(server)
        assert ask(server).read() == b"x"


def test_an_endless_answer_ends_when_the_client_leaves() -> None:
    with LoopbackServer([Answer(pieces=["ab", 0.001], endless=True)]) as server:
        with urllib.request.urlopen(server.url) as response:  # noqa: S310  # loopback
            assert response.read(6) == b"ababab"
            assert server.left == 0
        assert server.wait_until_left()
        assert server.left == 1


def test_closing_ends_what_is_still_being_answered(ask: Ask) -> None:
    with LoopbackServer([Answer(pieces=["ab", 60.0])]) as server:
        response = ask(server)
        assert response.read(2) == b"ab"
    assert server.closing


def test_waiting_for_a_client_that_stays_gives_up() -> None:
    with LoopbackServer([Answer()]) as server:
        assert not server.wait_until_left(timeout_s=0.01)


def test_requests_are_waited_for(ask: Ask) -> None:
    with LoopbackServer([Answer(body="a")]) as server:
        assert server.wait_for(timeout_s=0.01) == []
        client = Thread(target=ask, args=[server, b"late"])
        client.start()
        assert [asked.body for asked in server.wait_for()] == [b"late"]
        client.join()


def test_events_are_written_as_servers_write_them() -> None:
    assert list(events([{"a": 1}, "raw"])) == ['data: {"a": 1}\n\n', "data: raw\n\n", "data: [DONE]\n\n"]
    assert list(events([{"type": "t"}], done=False)) == ['event: t\ndata: {"type": "t"}\n\n']
    assert sse_reply(["x"], done=False, pause_s=0.5).pieces == ["data: x\n\n", 0.5]


def test_replies_have_the_forms_of_the_api() -> None:
    body = chat_reply("fine", usage=(3, 1), refusal=None, finish_reason="length").body
    assert body["choices"][0]["message"] == {"role": "assistant", "content": "fine", "refusal": None}
    assert body["choices"][0]["finish_reason"] == "length"
    assert body["usage"]["total_tokens"] == 4
    assert "usage" not in chat_reply("fine", usage=None).body
    assert chat_reply(None, tool_calls=[{}]).body["choices"][0]["finish_reason"] == "tool_calls"
    streamed = "".join(str(piece) for piece in stream_reply(["fi", "ne"], usage=(3, 1)).pieces or ())
    assert streamed.count("data: ") == 6
    assert '"total_tokens": 4' in streamed
    response = response_reply("no", kind="refusal", usage=None, status="incomplete").body
    assert response["output"][0]["content"] == [{"type": "refusal", "refusal": "no"}]
    assert (response["usage"], response["status"]) == (None, "incomplete")
    assert [event["type"] for event in response_events(["a"], end=None)] == [
        "response.created",
        "response.output_item.added",
        "response.output_text.delta",
    ]
    error = error_reply(429, "slow", code="rate_limit_exceeded", headers={"retry-after": "1"})
    assert error.body["error"]["code"] == "rate_limit_exceeded"
    with pytest.raises(InputError, match="an error has a status of 400 or more, got 200"):
        error_reply(200, "odd")
