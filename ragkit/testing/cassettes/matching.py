"""Which recorded request a request is: method, scheme, host, port, path, query and what the body means."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from ragkit.testing.cassettes.bodies import body_bytes, content_type, is_json, parse_json
from ragkit.testing.differences import first_difference, told

if TYPE_CHECKING:
    from vcr.request import Request

__all__ = ["BODY_MATCHER", "MATCH_ON", "body_matches"]

BODY_MATCHER = "ragkit_body"
"""Name that `register` gives the matcher of bodies."""

MATCH_ON = ("method", "scheme", "host", "port", "path", "query", BODY_MATCHER)
"""What has to agree."""


def body_matches(asked: Request, recorded: Request) -> None:
    """Compare two bodies by what they mean; vcrpy takes the error as "no match" and shows its text.

    JSON is compared as values: the order of keys and the spelling of numbers make no difference, `true` is not 1. A
    body that says it is JSON and cannot be parsed never matches, not even itself. Forms are compared field by field,
    anything else byte by byte.

    Raises:
        AssertionError: If they differ; says where.
    """
    if (difference := _difference(asked, recorded)) is not None:
        raise AssertionError(difference)


def _difference(asked: Request, recorded: Request) -> str | None:
    bodies = body_bytes(recorded.body), body_bytes(asked.body)
    if not any(bodies):
        return None
    kinds = content_type(recorded.headers), content_type(asked.headers)
    if is_json(recorded.headers) or is_json(asked.headers) or (not any(kinds) and bodies[0] != bodies[1]):
        return _json_difference(*bodies)
    if kinds[0] != kinds[1]:
        return f"content-type {kinds[0]!r} was recorded, it is {kinds[1]!r} now"
    if kinds[0] == "application/x-www-form-urlencoded":
        fields = [sorted(parse_qsl(body.decode("latin-1"), keep_blank_values=True)) for body in bodies]
        return None if fields[0] == fields[1] else "the fields of the form differ"
    return None if bodies[0] == bodies[1] else f"{len(bodies[0])} bytes were recorded, these {len(bodies[1])} differ"


def _json_difference(recorded: bytes, asked: bytes) -> str | None:
    try:
        found = first_difference(parse_json(recorded), parse_json(asked))
    except ValueError as error:
        return f"a body that cannot be parsed as JSON matches nothing ({error})"
    return None if found is None else told(found)
