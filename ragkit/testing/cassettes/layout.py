"""How a cassette stands in its file: YAML that a person can read and that changes only where the exchange changed."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from datetime import date
from importlib.metadata import version
from typing import Any

import yaml

from ragkit.testing.cassettes.bodies import is_event_stream, is_json, parse_json

__all__ = ["Layout"]

_HEAD = (
    "# Replayed by pytest; `pytest --ragkit-record` records anew, `python -m ragkit.testing.cassettes check` checks.\n"
)


class Layout:
    """A serializer for vcrpy. JSON bodies are indented, streams of events stand line by line, binary is base64.

    Plain vcrpy can read the files too.
    """

    def __init__(self, *, today: Callable[[], date] = date.today) -> None:
        """Take a calendar, for the date in the head of the file."""
        self._today = today

    def serialize(self, cassette: Mapping[str, Any]) -> str:
        """Give the text of the file; the same exchanges on the same day give the same text."""
        interactions = [_interaction(exchange) for exchange in cassette["interactions"]]
        document = {
            "version": cassette["version"],
            "recorded": {
                "date": self._today().isoformat(),
                "with": [f"ragkit {version('ragkit')}", f"vcrpy {version('vcrpy')}"],
                "models": sorted({name for exchange in interactions if (name := _model(exchange))}),
            },
            "interactions": interactions,
        }
        return _HEAD + yaml.dump(
            document, Dumper=_Dumper, sort_keys=False, allow_unicode=True, default_flow_style=False, width=10**9
        )

    def deserialize(self, text: str) -> Any:
        """Read a file, ours or one that vcrpy wrote."""
        return yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506  # both are safe


def _interaction(exchange: Mapping[str, Any]) -> dict[str, Any]:
    request, response = exchange["request"], exchange["response"]
    return {
        "request": {
            "method": request["method"],
            "uri": request["uri"],
            "headers": _headers(request["headers"]),
            "body": _readable(request.get("body"), request["headers"]),
        },
        "response": {
            "status": dict(response["status"]),
            "headers": _headers(response["headers"]),
            "body": {"string": _readable(response["body"]["string"], response["headers"])},
        },
    }


def _headers(headers: Mapping[str, Any]) -> dict[str, list[str]]:
    listed = {name.lower(): [value] if isinstance(value, str) else list(value) for name, value in headers.items()}
    return dict(sorted(listed.items()))


def _readable(body: Any, headers: Mapping[str, Any]) -> Any:
    if not isinstance(body, str):
        return body
    if is_json(headers):
        try:
            return _escaped(json.dumps(parse_json(body), ensure_ascii=False, allow_nan=False, indent=2)) + "\n"
        except ValueError:
            return body
    return re.sub("\r\n?", "\n", body) if is_event_stream(headers) else body


def _escaped(text: str) -> str:
    """Write characters that YAML will not show in a block as JSON writes them."""
    return re.sub(
        r"[\x7f-\x9f\u2028\u2029\ufeff\ud800-\udfff\ufffe\uffff]", lambda found: f"\\u{ord(found[0]):04x}", text
    )


def _model(exchange: Mapping[str, Any]) -> str | None:
    for side in (exchange["response"]["body"]["string"], exchange["request"]["body"]):
        found = re.search(r'"model": ?"([^"]+)"', side) if isinstance(side, str) else None
        if found:
            return found.group(1)
    return None


class _Dumper(yaml.SafeDumper):
    """Writes text of several lines as a block, as it is."""

    def ignore_aliases(self, data: Any) -> bool:
        return True

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _text)
