"""Taking out what is secret or changes from day to day, from requests and from responses, before anything is kept."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Collection, Iterator, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from ragkit.testing.cassettes.bodies import (
    body_bytes,
    content_type,
    decompressed,
    is_event_stream,
    is_json,
    parse_json,
    with_fixed_boundary,
)
from ragkit.testing.cassettes.fields import find_named, is_secret_name
from ragkit.testing.cassettes.shapes import PLACEHOLDER, find_shapes
from ragkit.testing.cassettes.streams import events_of, hide_split

if TYPE_CHECKING:
    from vcr.request import Request

__all__ = ["REQUEST_HEADERS", "RESPONSE_HEADERS", "Scrubber"]

REQUEST_HEADERS = frozenset({"accept", "content-type", "openai-beta"})
"""Headers of requests that are kept; every other one tells who asked, from where, with which key or program."""

RESPONSE_HEADERS = frozenset({"content-type", "location", "retry-after", "retry-after-ms", "x-should-retry"})
"""Headers of responses that are kept: what a client acts upon."""

_SCHEMA_WORDS = frozenset({"$ref", "allOf", "anyOf", "description", "enum", "oneOf", "properties", "title", "type"})
_LEAST_SECRET = 8


class Scrubber:
    """Cleans requests and responses of one cassette; what it cleaned once comes out of a second time unchanged.

    A key that a request carried in a header is taken out of every body that follows too, wherever it stands.
    """

    def __init__(
        self,
        *,
        request_headers: Collection[str] = REQUEST_HEADERS,
        response_headers: Collection[str] = RESPONSE_HEADERS,
        secret_names: Collection[str] = (),
        secrets: Collection[str] = (),
    ) -> None:
        """Choose what is kept.

        Args:
            request_headers: Names, in lower case, of the headers of requests that are kept.
            response_headers: Those of responses.
            secret_names: More names of JSON fields and parameters that hold secrets.
            secrets: Texts that must not be kept anywhere, such as the key in use.
        """
        self._request_headers = frozenset(name.lower() for name in request_headers)
        self._response_headers = frozenset(name.lower() for name in response_headers)
        self._secret_names = frozenset(name.lower() for name in secret_names)
        self._seen = {secret for secret in secrets if secret}

    def request(self, request: Request) -> Request:
        """Give the request without headers that are not listed, and with the placeholder for secrets."""
        self._learn(request.headers)
        headers = {name: value for name, value in request.headers.items() if name.lower() in self._request_headers}
        kind = headers.get(_named(headers, "content-type"), "")
        fixed, body = with_fixed_boundary(kind, body_bytes(request.body))
        if fixed != kind:
            headers[_named(headers, "content-type")] = fixed
        # A body of `iter` or a file would be read up; bytes can be compared and kept.
        clean = type(request)(request.method, self.address(request.uri), None, headers)
        clean.body = self.body(body, headers) or None
        return clean

    def response(self, response: dict[str, Any]) -> dict[str, Any]:
        """Give the response decompressed, without headers that are not listed, and with the placeholder for secrets."""
        clean = copy.deepcopy(response)
        headers = clean.get("headers") or {}
        kept = {name.lower(): value for name, value in headers.items() if name.lower() in self._response_headers}
        packed = [value for name, values in headers.items() if name.lower() == "content-encoding" for value in values]
        body = body_bytes(clean["body"]["string"])
        plain = decompressed(body, packed)
        if plain is None:
            kept["content-encoding"] = packed  # whoever replays it undoes it
        else:
            body = self.body(plain, kept)
        if "location" in kept:
            kept["location"] = [self.address(value) for value in kept["location"]]
        clean["headers"] = dict(sorted(kept.items()))
        clean["body"] = {"string": body}
        return clean

    def address(self, uri: str) -> str:
        """Give a URI without user and password, and with the placeholder for secret parameters."""
        parts = urlsplit(uri)
        place = parts.netloc.rpartition("@")[2]
        query = parts.query
        pairs = parse_qsl(query, keep_blank_values=True)
        clean = [(name, PLACEHOLDER if self._secret(name, in_query=True) else value) for name, value in pairs]
        if clean != pairs:
            query = urlencode(clean)
        return self._text(urlunsplit((parts.scheme, place, parts.path, query, parts.fragment)))

    def body(self, body: bytes, headers: Mapping[str, Any]) -> bytes:
        """Give a body with the placeholder for secrets."""
        try:
            text = body.decode()
        except UnicodeDecodeError:  # a form with a picture in it; each byte is a character, and comes back as it was
            return self._text(body.decode("latin-1")).encode("latin-1")
        if is_event_stream(headers):
            text = self._stream(text)
        elif is_json(headers) or text[:1] in {"{", "["}:
            text = self._json(text)
        elif content_type(headers) == "application/x-www-form-urlencoded":
            pairs = parse_qsl(text, keep_blank_values=True)
            clean = [(name, PLACEHOLDER if self._secret(name, in_query=True) else value) for name, value in pairs]
            text = text if clean == pairs else urlencode(clean)
        return self._text(text).encode()

    def _stream(self, text: str) -> str:
        events = events_of(text)
        clean = [self._value(event.value) for event in events]
        hide_split(clean, self._secrets_in)
        for event, value in reversed(list(zip(events, clean, strict=True))):
            if event.value != value:
                text = f"{text[: event.start]}{_dumped(value)}{text[event.end :]}"
        return text

    def _json(self, text: str) -> str:
        try:
            value = parse_json(text)
        except ValueError:
            return text
        clean = self._value(value)
        # What holds no secret keeps its very spelling.
        return text if clean == value else _dumped(clean)

    def _value(self, value: Any) -> Any:
        if isinstance(value, dict):
            logged = "logprob" in value  # beside a probability, `token` is a piece of text
            return {
                name: self._value(inner) if logged or not self._secret(name) else _hidden(inner)
                for name, inner in value.items()
            }
        if isinstance(value, list):
            return [self._value(inner) for inner in value]
        # Arguments of tool calls are JSON inside JSON.
        return self._json(value) if isinstance(value, str) and value[:1] == "{" else value

    def _text(self, text: str) -> str:
        for start, end in reversed(list(self._secrets_in(text))):
            text = f"{text[:start]}{PLACEHOLDER}{text[end:]}"
        return text

    def _secrets_in(self, text: str) -> Iterator[tuple[int, int]]:
        """Give start and end of secrets, in order; those that overlap are one."""
        seen = [match.span() for secret in self._seen for match in re.finditer(re.escape(secret), text)]
        named = [(start, end) for _, start, end in find_named(text, more=self._secret_names)]
        shaped = [(start, end) for _, start, end in find_shapes(text)]
        last: tuple[int, int] | None = None
        for start, end in sorted([*seen, *named, *shaped]):
            if last is not None and start < last[1]:
                last = last[0], max(last[1], end)
                continue
            if last is not None:
                yield last
            last = start, end
        if last is not None:
            yield last

    def _secret(self, name: str, *, in_query: bool = False) -> bool:
        return is_secret_name(name, in_query=in_query, more=self._secret_names)

    def _learn(self, headers: Mapping[str, Any]) -> None:
        for name, value in headers.items():
            if is_secret_name(name):
                words = str(value.decode("latin-1") if isinstance(value, bytes) else value).split()
                self._seen |= {word for word in words if len(word) >= _LEAST_SECRET and word != PLACEHOLDER}


def _hidden(value: Any) -> Any:
    if isinstance(value, dict):
        # A tool may have a parameter called `password`: its description is no secret.
        return value if _SCHEMA_WORDS & value.keys() else {name: _hidden(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_hidden(inner) for inner in value]
    return PLACEHOLDER if isinstance(value, str) and value else value


def _dumped(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _named(headers: Mapping[str, Any], name: str) -> str:
    return next((key for key in headers if key.lower() == name), name)
