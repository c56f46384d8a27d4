"""The clients of a server: what they send, what they trust, what they forget."""

from __future__ import annotations

import dataclasses
import gc
import traceback
from pathlib import Path
from typing import Any

import openai
import pytest

from ragkit.errors import ConfigError, MissingExtraError, ModelAccessError, ModelUnavailableError
from ragkit.remote.openai_client import OPENAI_URL, OpenAIServer, clients, openai_errors
from ragkit.testing.openai_replies import chat_reply, error_reply
from ragkit.testing.servers import LoopbackServer

KEY = "sk-test-Ab3dEf6hIj9kLmNoPqRsTuVwXyZ"
ASK: dict[str, Any] = {"model": "m", "messages": []}


def test_a_server_hides_its_key_and_what_it_charges_to() -> None:
    server = OpenAIServer(
        api_key=KEY, organization="org-x", project="proj-x", headers={"x": KEY}, query={"k": KEY}, proxy="http://u:p@h"
    )
    assert KEY not in repr(server)
    assert "org-x" not in repr(server)
    assert "u:p" not in repr(server)
    assert server.base_url == OPENAI_URL


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "OpenAI needs a key"),
        ({"base_url": "https://API.OPENAI.COM/v1"}, "OpenAI needs a key"),
        ({"base_url": "ftp://host/v1"}, "base_url must be like https://host/v1, got 'ftp://host/v1'"),
        ({"base_url": "https://"}, "base_url must be like"),
        ({"base_url": "https://host:99999/v1"}, "base_url must be like"),
        ({"base_url": "https://user@host/v1"}, "base_url holds a user's name"),
        ({"api_key": "k", "timeout_s": 0}, "timeout_s must be above 0, got 0"),
        ({"api_key": "k", "timeout_s": float("nan")}, "timeout_s must be above 0"),
        ({"api_key": "k", "connect_timeout_s": float("inf")}, "connect_timeout_s must be above 0"),
        ({"api_key": "k", "max_reply_bytes": -1}, "max_reply_bytes must be above 0"),
        ({"api_key": "k\n"}, "api_key holds a character that no header can carry"),
        ({"api_key": "kéy"}, "api_key holds a character that no header can carry"),
        ({"api_key": "k", "headers": {"x-a": "b\0"}}, "x-a holds a character that no header can carry"),
        ({"api_key": "k "}, "api_key holds a character .*: was a line break or a space copied with it"),
        ({"api_key": "k", "organization": "é"}, "organization holds a character that no header can carry"),
        ({"api_key": "k", "project": "a b\n"}, "project holds a character that no header can carry"),
        ({"base_url": "https://host/v1?key=k"}, "base_url must end with its path: give what follows"),
        ({"api_key": "k", "proxy": "user:pass@host:80"}, r"^proxy must be like http://host:port\.$"),
        ({"api_key": "k", "proxy": "ftp://user:pass@host"}, r"^proxy must be like http://host:port\.$"),
        ({"api_key": "k", "proxy": "http://user:pass@host:99999"}, r"^proxy must be like http://host:port\.$"),
    ],
)
def test_what_does_not_fit_is_a_sentence(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        OpenAIServer(**options)


def test_a_server_that_is_asked_by_a_header_of_its_own_needs_no_key(socket_enabled: None) -> None:
    with LoopbackServer([chat_reply("fine")]) as server:
        made = clients(OpenAIServer(base_url=server.url, headers={"Authorization": "Basic abc"}))
        made.client.chat.completions.create(**ASK)
        assert server.requests[0].headers["authorization"] == "Basic abc"
        made.client.close()


def test_a_key_that_is_given_with_the_call_is_sent(socket_enabled: None) -> None:
    with LoopbackServer([chat_reply("fine")]) as server:
        made = clients(OpenAIServer(base_url=server.url))
        made.client.chat.completions.create(**ASK, extra_headers={"Authorization": "Basic abc"})
        assert server.requests[0].headers["authorization"] == "Basic abc"
        made.client.close()


def test_replies_are_asked_for_unpacked(socket_enabled: None) -> None:
    with LoopbackServer([chat_reply("fine")]) as server:
        made = clients(OpenAIServer(base_url=server.url))
        made.client.chat.completions.create(**ASK)
        assert server.requests[0].headers["accept-encoding"] == "identity"
        made.client.close()


def test_an_openai_that_keeps_headers_elsewhere_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    class Moved(openai.OpenAI):
        def __init__(self, **options: Any) -> None:
            super().__init__(**options)
            vars(self)["_headers"] = vars(self).pop("_custom_headers")

    monkeypatch.setattr(openai, "OpenAI", Moved)
    with pytest.raises(MissingExtraError, match=r"openai .* is unknown to ragkit, .*OPENAI_CUSTOM_HEADERS"):
        clients(OpenAIServer(api_key=KEY))


async def test_both_clients_send_the_same(socket_enabled: None) -> None:
    with LoopbackServer([chat_reply("fine")] * 2) as server:
        options = OpenAIServer(base_url=server.url, api_key=KEY, organization="o", project="p", query={"v": 1})
        made = clients(options)
        made.client.chat.completions.create(**ASK)
        await made.async_client.chat.completions.create(**ASK)
        await made.async_client.close()
        made.client.close()
        one, other = server.requests
        for asked in (one, other):
            assert asked.headers["authorization"] == f"Bearer {KEY}"
            assert (asked.headers["openai-organization"], asked.headers["openai-project"]) == ("o", "p")
            assert asked.path == "/v1/chat/completions?v=1"
        assert one.json == other.json


def test_a_client_closes_its_connections_with_its_last_user() -> None:
    made = clients(OpenAIServer(api_key=KEY))
    http = made.client._client
    del made
    gc.collect()
    assert http.is_closed


async def test_within_the_block_openais_errors_are_ours_and_hold_no_key(socket_enabled: None) -> None:
    with LoopbackServer([error_reply(401, f"bad {KEY}")] * 2) as server:
        made = clients(OpenAIServer(base_url=server.url, api_key=KEY))
        with pytest.raises(ModelAccessError, match=r"bad \[key\]") as caught, openai_errors(made.client):
            made.client.chat.completions.create(**ASK)
        context = caught.value.__context__
        assert KEY not in "".join(traceback.format_exception(caught.value))
        assert isinstance(context, openai.APIStatusError)
        assert vars(context).keys() & {"request", "response", "body"} == set()
        assert KEY not in repr(context)
        made.client.close()
    with pytest.raises(ZeroDivisionError), openai_errors(made.client):
        raise ZeroDivisionError


def test_a_long_reply_is_refused(socket_enabled: None) -> None:
    with LoopbackServer([chat_reply("x" * 5000)]) as server:
        made = clients(OpenAIServer(base_url=server.url, max_reply_bytes=1000))
        with pytest.raises(ModelUnavailableError, match="longer than 1000 bytes"):
            made.client.chat.completions.create(**ASK)
        made.client.close()


def test_authorities_that_cannot_be_read_are_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "bad.pem").write_text("no certificate")
    with pytest.raises(ConfigError, match=r"ca_file .*bad.pem cannot be read as certificates in PEM"):
        clients(OpenAIServer(api_key=KEY, ca_file=tmp_path / "bad.pem"))


def test_a_server_is_a_value() -> None:
    server = OpenAIServer(api_key=KEY)
    assert dataclasses.replace(server, timeout_s=5.0).timeout_s == 5.0
    assert server == OpenAIServer(api_key=KEY)
