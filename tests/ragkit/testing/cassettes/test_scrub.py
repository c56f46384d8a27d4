from __future__ import annotations

import gzip
import json
import sys
import zlib
from types import SimpleNamespace
from typing import Any

import pytest
from vcr.request import Request  # type: ignore[import-untyped]

from ragkit.testing.cassettes.findings import findings_in
from ragkit.testing.cassettes.scrub import Scrubber

KEY = "sk-proj-abcdefghij0123456789ABCDEFGHIJ"
JSON = {"content-type": ["application/json"]}


def request(body: Any = None, uri: str = "https://api.example.com/v1", **headers: str) -> Request:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Request("POST", uri, body, {"Content-Type": "application/json"} | named)


def response(text: str | bytes, headers: dict[str, Any] = JSON) -> dict[str, Any]:
    content = text if isinstance(text, bytes) else text.encode()
    return {"status": {"code": 200, "message": "OK"}, "headers": dict(headers), "body": {"string": content}}


def cleaned(text: str, headers: dict[str, Any] = JSON) -> str:
    content: bytes = Scrubber().response(response(text, headers))["body"]["string"]
    return content.decode()


def test_only_listed_headers_are_kept() -> None:
    private = {
        "Authorization": "Bearer x", "Cookie": "a=b", "OpenAI-Organization": "acme", "OpenAI-Project": "p",
        "X-Stainless-Os": "Linux", "User-Agent": "OpenAI/Python", "X-Request-Id": "1", "Host": "h", "X-Api-Key": "k",
    }  # fmt: skip
    kept = Scrubber().request(request("{}", **private, Accept="application/json")).headers
    assert dict(kept) == {"Content-Type": "application/json", "Accept": "application/json"}
    answered = {
        "Content-Type": ["application/json"], "Set-Cookie": ["a", "b"], "openai-organization": ["acme"],
        "x-request-id": ["1"], "Date": ["today"], "CF-Ray": ["1"], "Retry-After": ["2"], "X-RateLimit-Limit": ["1"],
        "x-forwarded-for": ["10.0.0.1"],
    }  # fmt: skip
    assert Scrubber().response(response("{}", answered))["headers"] == {
        "content-type": ["application/json"],
        "retry-after": ["2"],
    }


def test_more_headers_names_and_values_can_be_chosen() -> None:
    scrubber = Scrubber(request_headers={"X-Own"}, response_headers={"Date"}, secret_names={"Pin"}, secrets={"sesame"})
    clean = scrubber.request(request('{"pin": "1234", "said": "open sesame"}', X_Own="1"))
    assert (dict(clean.headers), json.loads(clean.body)) == (
        {"X-Own": "1"},
        {"pin": "SCRUBBED", "said": "open SCRUBBED"},
    )
    assert scrubber.response(response("sesame", {"Date": ["d"]}))["headers"] == {"date": ["d"]}


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ('{"api_key": "k", "max_tokens": 5}', '{"api_key":"SCRUBBED","max_tokens":5}'),
        ('{"a": [{"Access-Token": "k"}]}', '{"a":[{"Access-Token":"SCRUBBED"}]}'),
        (
            '{"client_secret": {"value": "ek", "expires_at": 5}}',
            '{"client_secret":{"value":"SCRUBBED","expires_at":5}}',
        ),
        ('{"tokens": ["k"], "cookie": ["k"]}', '{"tokens":["k"],"cookie":["SCRUBBED"]}'),
        ('{"arguments": "{\\"password\\": \\"k\\"}"}', '{"arguments":"{\\"password\\":\\"SCRUBBED\\"}"}'),
        # None of these is a secret, and their spelling stays.
        ('{"token":  " Hello", "logprob": -0.1}', '{"token":  " Hello", "logprob": -0.1}'),
        ('{"properties": {"password": {"type": "string"}}}', '{"properties": {"password": {"type": "string"}}}'),
        ('{"key": "value",  "password": ""}', '{"key": "value",  "password": ""}'),
        ('{"broken', '{"broken'),
    ],
)
def test_secrets_inside_json_are_taken_out(body: str, expected: str) -> None:
    assert cleaned(body) == expected
    assert Scrubber().request(request(body)).body == expected.encode()


def test_secrets_inside_a_stream_of_events_are_taken_out() -> None:
    stream = f'event: a\ndata: {{"api_key": "k"}}\n\ndata: {KEY}\n\ndata: [DONE]\n\n'
    clean = cleaned(stream, {"content-type": ["text/event-stream; charset=utf-8"]})
    assert clean == 'event: a\ndata: {"api_key":"SCRUBBED"}\n\ndata: SCRUBBED\n\ndata: [DONE]\n\n'


def test_whatever_looks_like_a_key_is_taken_out_of_any_text() -> None:
    assert cleaned(f"wrong key {KEY} of org-abcdefghij0123456789.", {}) == "wrong key SCRUBBED of SCRUBBED."


@pytest.mark.parametrize("before", ["\\n", "\\t", "\\u2014", "%20", "%3D", "=", "(", '\\"', "\n"])
def test_a_key_is_seen_after_the_escape_of_another_character(before: str) -> None:
    assert cleaned(f"my key:{before}{KEY}", {}) == f"my key:{before}SCRUBBED"
    assert cleaned(f"my task-{KEY}", {}) == f"my task-{KEY}"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("see https://h/a?x=1&sig=abc%3D&y=2", "see https://h/a?x=1&sig=SCRUBBED&y=2"),
        ('{"url": "https://h/a?x=1\\u0026sig=abc"}', '{"url": "https://h/a?x=1\\u0026sig=SCRUBBED"}'),
        ('{"a": 1}\n{"password": "abc"}\n', '{"a": 1}\n{"password": "SCRUBBED"}\n'),
        ('{"said": "[{\\"password\\": \\"abc\\"}]"}', '{"said": "[{\\"password\\": \\"SCRUBBED\\"}]"}'),
    ],
)
def test_whatever_stands_under_a_secret_name_is_taken_out_of_any_text(text: str, expected: str) -> None:
    assert cleaned(text) == expected
    assert findings_in(expected, "x") == []


def test_of_secrets_that_overlap_nothing_is_left() -> None:
    scrubber = Scrubber(secrets={"abcd", "cdef", "bcdefg", "abc"})
    assert scrubber.body(b"1abcdefg2abc3", {}) == b"1SCRUBBED2SCRUBBED3"


EVENTS = {"content-type": ["text/event-stream"]}


def test_a_secret_in_pieces_is_taken_out_of_a_stream() -> None:
    def stream(*pieces: str) -> str:
        # Two choices take turns.
        events = [{"choices": [{"index": index, "delta": {"content": piece}}]} for piece in pieces for index in (0, 1)]
        return "".join(f"data: {json.dumps(event)}\r\n\r\n" for event in events) + "data: [DONE]\r\n\r\n"

    said = ["key ", KEY[:3], KEY[3:9], f"{KEY[9:]}, ", "my-", "own-key", "!"]
    scrubber = Scrubber(secrets={"my-own-key"})
    clean = scrubber.response(response(stream(*said), EVENTS))["body"]["string"].decode()
    pieces = [json.loads(line[6:])["choices"][0] for line in clean.splitlines() if line.startswith("data: {")]
    for index in (0, 1):
        parts = [piece["delta"]["content"] for piece in pieces if piece["index"] == index]
        assert parts == ["key ", "SCRUBBED", "", ", ", "SCRUBBED", "", "!"]
    assert scrubber.response(response(clean, EVENTS))["body"]["string"].decode() == clean
    plain = stream("no ", "key")
    assert cleaned(plain, EVENTS) == plain


def test_arguments_of_a_tool_in_pieces_are_cleaned_by_their_names() -> None:
    pieces = ['{"pass', 'word": "hun', 'ter2", "', 'city": "Oslo"}']
    stream = "".join(f"data: {json.dumps({'type': 'delta', 'delta': piece})}\n\n" for piece in pieces)
    clean = cleaned(stream + 'data: {"broken\n\n', EVENTS)
    joined = "".join(json.loads(line[6:])["delta"] for line in clean.splitlines() if line.endswith("}"))
    assert json.loads(joined) == {"password": "SCRUBBED", "city": "Oslo"}
    assert findings_in(clean, "x") == []


def test_a_key_seen_in_a_header_is_taken_out_wherever_it_stands_later() -> None:
    scrubber = Scrubber()
    scrubber.request(request("{}", Authorization="Token my-own-form-of-key"))
    assert scrubber.response(response("echo: my-own-form-of-key"))["body"]["string"] == b"echo: SCRUBBED"


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        ("https://h/v1?key=k&page=2", "https://h/v1?key=SCRUBBED&page=2"),
        ("https://h/v1?X-Amz-Signature=k", "https://h/v1?X-Amz-Signature=SCRUBBED"),
        ("https://me:pass@h:8080/v1", "https://h:8080/v1"),
        ("https://h/v1?page=2&q=a%20b", "https://h/v1?page=2&q=a%20b"),
    ],
)
def test_secrets_in_addresses_are_taken_out(uri: str, expected: str) -> None:
    assert Scrubber().request(request(uri=uri)).uri == expected
    assert Scrubber().response(response("", {"Location": [uri]}))["headers"] == {"location": [expected]}


def test_forms_and_multipart_bodies() -> None:
    form = request("client_secret=k&grant=x", Content_Type="application/x-www-form-urlencoded")
    assert Scrubber().request(form).body == b"client_secret=SCRUBBED&grant=x"
    plain = request("grant=a%20x", Content_Type="application/x-www-form-urlencoded")
    assert Scrubber().request(plain).body == b"grant=a%20x"
    parts = request(b"--x1\r\n\xff\r\n--x1--", Content_Type="multipart/form-data; boundary=x1")
    clean = Scrubber().request(parts)
    assert clean.headers["content-type"] == "multipart/form-data; boundary=ragkit-boundary"
    assert clean.body == b"--ragkit-boundary\r\n\xff\r\n--ragkit-boundary--"
    named = b'--x1\r\nContent-Disposition: form-data; name="token"\r\n\r\na-secret-of-2026\r\n--x1\r\n\xff\r\n--x1--'
    clean = Scrubber().request(request(named, Content_Type="multipart/form-data; boundary=x1"))
    assert b'name="token"\r\n\r\nSCRUBBED\r\n' in clean.body
    assert b"\xff" in clean.body


PLAIN = b'{"said": "\xc3\xbc"}'


@pytest.mark.parametrize(
    ("encoding", "packed"),
    [
        ("gzip", gzip.compress(PLAIN, mtime=0)),
        ("x-gzip", gzip.compress(PLAIN[:5], mtime=0) + gzip.compress(PLAIN[5:], mtime=0)),
        ("deflate", zlib.compress(PLAIN)),
        ("deflate", zlib.compress(PLAIN)[2:-4]),
        ("identity", PLAIN),
        ("deflate, gzip", gzip.compress(zlib.compress(PLAIN), mtime=0)),
    ],
)
def test_compressed_bodies_are_kept_as_text(encoding: str, packed: bytes) -> None:
    clean = Scrubber().response(response(packed, {**JSON, "Content-Encoding": [encoding]}))
    assert clean["body"]["string"] == PLAIN
    assert "content-encoding" not in clean["headers"]


@pytest.mark.parametrize("encoding", ["br", "gzip", "deflate", "zstd", "compress", "gzip, br"])
def test_what_cannot_be_unpacked_is_kept_as_it_is_with_its_header(encoding: str) -> None:
    packed = b"\x1f\x8b\xffno"
    clean = Scrubber().response(response(packed, {"content-encoding": [encoding]}))
    assert (clean["body"]["string"], clean["headers"]) == (packed, {"content-encoding": [encoding]})


@pytest.mark.parametrize("encoding", ["br", "gzip", "deflate", "zstd"])
def test_text_that_the_client_has_unpacked_is_cleaned(encoding: str) -> None:
    clean = Scrubber().response(response(f"a {KEY}", {"content-encoding": [encoding]}))
    assert (clean["body"]["string"], clean["headers"]) == (b"a SCRUBBED", {})


def test_zstd_and_brotli_are_unpacked_by_the_package_of_the_client(monkeypatch: pytest.MonkeyPatch) -> None:
    zstandard = pytest.importorskip("zstandard")
    whole = zstandard.ZstdCompressor().compress(PLAIN)
    parts = zstandard.ZstdCompressor().compressobj()  # does not tell the length
    for packed in (whole, parts.compress(PLAIN) + parts.flush()):
        assert Scrubber().response(response(packed, {"content-encoding": ["zstd"]}))["body"]["string"] == PLAIN
    brotli = SimpleNamespace(error=ZeroDivisionError, decompress=lambda body: PLAIN if body == b"\xff" else 1 / 0)
    monkeypatch.setitem(sys.modules, "brotli", brotli)
    assert Scrubber().response(response(b"\xff", {"content-encoding": ["br"]}))["body"]["string"] == PLAIN
    assert Scrubber().response(response(b"\xfe", {"content-encoding": ["br"]}))["body"]["string"] == b"\xfe"


def test_cleaning_twice_changes_nothing_and_the_original_stays() -> None:
    scrubber = Scrubber()
    original = response(f'{{"api_key": "k", "text": "{KEY}"}}', {**JSON, "x-own": ["1"]})
    before = json.dumps(original["headers"]), original["body"]["string"]
    once = scrubber.response(original)
    assert scrubber.response(once) == once
    assert (json.dumps(original["headers"]), original["body"]["string"]) == before
    asked = scrubber.request(request('{"password": "k"}', "https://a:b@h/?key=1", Authorization="Bearer 12345678"))
    again = scrubber.request(asked)
    assert (again.uri, again.body, dict(again.headers)) == (asked.uri, asked.body, dict(asked.headers))
