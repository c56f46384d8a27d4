"""Exchanges with OpenAI's API that other projects recorded, read once for all tests that serve them again."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request with its response, as they were recorded."""

    name: str
    """File and number."""
    method: str
    path: str
    asked: Mapping[str, Any]
    """The JSON of the request; empty where it was none."""
    status: int
    headers: Mapping[str, str]
    """Of the response, names in small letters."""
    body: bytes
    """Of the response, unpacked."""

    @property
    def kind(self) -> str:
        """Which API: `chat`, `responses`, `embeddings`, or the path of another."""
        if self.method == "POST":
            for kind, end in (
                ("chat", "/chat/completions"),
                ("responses", "/responses"),
                ("embeddings", "/embeddings"),
            ):
                if self.path.endswith(end):
                    return kind
        return f"{self.method} {self.path}"

    @property
    def streamed(self) -> bool:
        """Whether it came event by event."""
        return self.headers.get("content-type", "").startswith("text/event-stream")


@pytest.fixture(scope="session")
def exchanges(data: Path) -> list[Exchange]:
    """All exchanges of the shared recordings, in the order of their files."""
    folder = data / "openai_cassettes" / "cassettes"
    if not folder.is_dir():
        pytest.skip(f"real data is not at hand: {folder} is missing")
    return [exchange for path in sorted(folder.glob("*.yaml")) for exchange in _read(path)]


def _read(path: Path) -> Iterator[Exchange]:
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    recording = yaml.load(path.read_text(encoding="utf-8"), Loader=loader)  # noqa: S506 - both are safe loaders
    for number, item in enumerate(recording["interactions"]):
        request, response = item["request"], item["response"]
        status = response.get("status_code") or response["status"]["code"]
        yield Exchange(
            name=f"{path.stem}#{number}",
            method=request["method"],
            path=urlsplit(request["uri"]).path,
            asked=_json(_body(request)),
            status=int(status),
            headers={name.lower(): values[0] for name, values in response["headers"].items()},
            body=_body(response),
        )


def _body(message: Mapping[str, Any]) -> bytes:
    """Undo the four ways in which the recorders wrote a body."""
    if "parsed_body" in message:
        return json.dumps(message["parsed_body"]).encode()
    body = message.get("body", message.get("content")) or ""
    if isinstance(body, dict):
        body = body.get("string") or ""
    raw = body.encode() if isinstance(body, str) else bytes(body)
    return gzip.decompress(raw) if raw.startswith(b"\x1f\x8b") else raw


def _json(body: bytes) -> Mapping[str, Any]:
    try:
        parsed = json.loads(body)
    except ValueError:
        return {}
    return parsed if isinstance(parsed, dict) else {}
