"""Names under which secrets stand in headers, fields and parameters, and the values that stand under them."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator

__all__ = ["SECRET_NAMES", "find_named", "is_kept", "is_secret_name"]

_NAMES = """
accesskey accesstoken apikey apitoken auth authorization authtoken awsaccesskeyid bearertoken clientsecret
cookie credential credentials idtoken key openaiapikey passphrase passwd password privatekey proxyauthorization
refreshtoken sas secret secretaccesskey secretkey securitytoken sessiontoken setcookie sig signature signingkey
token webhooksecret xamzcredential xamzsecuritytoken xamzsignature xapikey
"""
SECRET_NAMES = frozenset(_NAMES.split())
"""Names of fields and parameters whose value is secret, in lower case without `-` and `_`."""

# In JSON these also name what is no secret: a key of a mapping, a signature of a function, a method of authorisation.
_ONLY_IN_QUERIES = frozenset({"auth", "key", "sas", "sig", "signature"})
_NO_SECRET = re.compile(
    r"(?i).*(?:scrubbed|placeholder|redacted|filtered|dummy|masked|example|fake|\*{3}|x{4}|<[^>]*>|\{[^}]*\}).*|\W*"
)
_QUERY = re.compile(r"(?:[?&]|&amp;|\\u0026)([\w.-]+)=([^&\s\"'#\\]+)")
_FIELD = re.compile(r'"([\w.-]+)\\*"\s*:\s*\\*"([^"\\]+)')
_PART = re.compile(r'name="([\w.-]+)"\r?\n\r?\n([^\r\n]+)')


def is_secret_name(name: str, *, in_query: bool = False, more: Collection[str] = ()) -> bool:
    """Tell whether a field or parameter of this name holds a secret.

    Example:
        >>> [is_secret_name(name) for name in ("X-Api-Key", "access_token", "max_tokens", "key")]
        [True, True, False, False]
    """
    plain = re.sub(r"[^a-z0-9]", "", name.lower())
    if plain in _ONLY_IN_QUERIES and not in_query:
        return False
    return plain in SECRET_NAMES or name.lower() in more


def is_kept(name: str, value: str) -> bool:
    """Tell a secret from a word that stands under the same name, such as a token of text beside its probability."""
    if name.lower() == "token" and not (len(value) >= 16 and re.search(r"\d", value)):
        return False
    return len(value) >= 3 and _NO_SECRET.fullmatch(value) is None and value not in {"string", "null", "true", "false"}


def find_named(text: str, *, more: Collection[str] = ()) -> Iterator[tuple[str, int, int]]:
    """Give name, start and end of values under secret names: parameters of addresses, JSON fields, parts of forms.

    Args:
        text: Any text; JSON need not be whole, and its quotes may be escaped.
        more: More secret names, in lower case.
    """
    for pattern in (_QUERY, _FIELD, _PART):
        for match in pattern.finditer(text):
            name, value = match.groups()
            if is_secret_name(name, in_query=pattern is _QUERY, more=more) and is_kept(name, value):
                yield name, *match.span(2)
