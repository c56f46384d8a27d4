"""Reading bodies: compression, JSON that means one thing only, server-sent events, multipart forms."""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Iterable, Mapping
from importlib import import_module
from typing import Any

__all__ = [
    "body_bytes",
    "content_type",
    "decompressed",
    "header",
    "is_event_stream",
    "is_json",
    "parse_json",
    "with_fixed_boundary",
]

_BOUNDARY = "ragkit-boundary"
_PACKAGES = {"br": ("brotli", "brotlicffi"), "zstd": ("compression.zstd", "backports.zstd", "zstandard")}


def parse_json(body: bytes | str) -> Any:
    """Parse JSON of which there are no two readings.

    Raises:
        ValueError: If it is no JSON, names a key twice, holds NaN or an infinity, or is nested too deep.
    """
    try:
        return json.loads(body, object_pairs_hook=_unique, parse_constant=_refused)
    except RecursionError as error:
        raise ValueError("nested too deep") from error


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands there twice")
    return found


def _refused(constant: str) -> float:
    raise ValueError(f"{constant} is not JSON")


def header(headers: Mapping[str, Any], name: str) -> str:
    """Give a header's first value in lower case, empty where it is missing; names in any case."""
    for key, value in headers.items():
        if key.lower() == name:
            first = value if isinstance(value, str | bytes) else next(iter(value), "")
            return (first.decode("latin-1") if isinstance(first, bytes) else str(first)).lower()
    return ""


def content_type(headers: Mapping[str, Any]) -> str:
    """Give the media type alone, in lower case."""
    return header(headers, "content-type").split(";")[0].strip()


def is_json(headers: Mapping[str, Any]) -> bool:
    """Tell whether the headers say that the body is JSON."""
    kind = content_type(headers)
    return kind in {"application/json", "text/json"} or kind.endswith("+json")


def is_event_stream(headers: Mapping[str, Any]) -> bool:
    """Tell whether the headers say that the body is a stream of server-sent events."""
    return content_type(headers) == "text/event-stream"


def body_bytes(body: Any) -> bytes:
    """Give a request's body whole, whatever vcrpy holds it as: bytes, text, a file, parts, or nothing."""
    if body is None:
        return b""
    if isinstance(body, bytes | bytearray):
        return bytes(body)
    if isinstance(body, str):
        return body.encode()
    if hasattr(body, "read"):
        return body_bytes(body.read())
    return b"".join(body_bytes(part) if not isinstance(part, int) else bytes([part]) for part in body)


def decompressed(body: bytes, encodings: Iterable[str]) -> bytes | None:
    """Undo the content encodings of a response; None if one of them cannot be undone here.

    Brotli and zstd are undone by the package that the client has for them. Text that is not compressed any more, as
    aiohttp hands it over, is given as it is.
    """
    names = [name.strip().lower() for value in encodings for name in value.split(",") if name.strip()]
    plain: bytes | None = body
    for name in reversed(names):
        if plain is not None:
            plain = _unpacked(plain, name)
    return plain if plain is not None or not _is_text(body) else body


def _unpacked(body: bytes, name: str) -> bytes | None:
    if name == "identity":
        return body
    if name in {"gzip", "x-gzip", "deflate"}:
        try:
            return _inflated(body)
        except zlib.error:
            return None
    for package in _PACKAGES.get(name, ()):
        try:
            module: Any = import_module(package)
        except ImportError:
            continue
        wrong = module.error if name == "br" else module.ZstdError
        reader = module.ZstdDecompressor().decompressobj() if package == "zstandard" else module
        try:
            return bytes(reader.decompress(body))
        except wrong:
            return None
    return None


def _is_text(body: bytes) -> bool:
    try:
        body.decode()
    except UnicodeDecodeError:
        return False
    return True


def _inflated(body: bytes) -> bytes:
    if body[:2] == b"\x1f\x8b":
        whole = b""
        while body:  # a gzip body may be several, one after the other
            reader = zlib.decompressobj(zlib.MAX_WBITS | 16)
            whole += reader.decompress(body) + reader.flush()
            body = reader.unused_data
        return whole
    try:
        return zlib.decompress(body)
    except zlib.error:
        return zlib.decompress(body, -zlib.MAX_WBITS)  # what some servers call deflate


def with_fixed_boundary(kind: str, body: bytes) -> tuple[str, bytes]:
    """Give a multipart body and its content type with one boundary for all: the client draws a new one each time."""
    found = re.search(r'boundary="?([^";]+)"?', kind)
    if not kind.lower().startswith("multipart/") or found is None:
        return kind, body
    drawn = found.group(1)
    return kind.replace(drawn, _BOUNDARY), body.replace(drawn.encode("latin-1"), _BOUNDARY.encode())
