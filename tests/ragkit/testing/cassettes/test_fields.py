from __future__ import annotations

import pytest

from ragkit.testing.cassettes.fields import find_named, is_secret_name


def test_names_of_secrets() -> None:
    secret = ["API_KEY", "x-api-key", "refreshToken", "Authorization", "client_secret", "private_key", "set-cookie"]
    plain = ["max_tokens", "token_type", "tokens", "key", "signature", "author", "secretary", "keys"]
    assert [name for name in secret + plain if is_secret_name(name)] == secret
    assert is_secret_name("key", in_query=True)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("https://h/?key=k1k&page=2&amp;sig=s1s", [("key", "k1k"), ("sig", "s1s")]),
        ('{"api_key" : "abc", "max_tokens": "5"}', [("api_key", "abc")]),
        ('"{\\"password\\": \\"abc\\"}"', [("password", "abc")]),
        ('name="secret"\r\n\r\nabc\r\n--', [("secret", "abc")]),
        ('{"pin": "1234"}', [("pin", "1234")]),
        ('{"token": "a word"} {"token": "0123456789abcdef"}', [("token", "0123456789abcdef")]),
        ('{"api_key": "SCRUBBED", "password": "<your password>", "secret": "string", "cookie": ""}', []),
    ],
)
def test_values_under_secret_names_are_found_in_any_text(text: str, found: list[tuple[str, str]]) -> None:
    assert [(name, text[start:end]) for name, start, end in find_named(text, more={"pin"})] == found
