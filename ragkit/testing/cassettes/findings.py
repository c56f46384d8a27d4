"""Looking for what should not stand in a recording; what is found is told by place and kind and never shown."""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import yaml

from ragkit.errors import LoadError
from ragkit.testing.cassettes.bodies import decompressed
from ragkit.testing.cassettes.entropy import find_random
from ragkit.testing.cassettes.fields import find_named, is_kept, is_secret_name
from ragkit.testing.cassettes.shapes import find_shapes
from ragkit.testing.cassettes.streams import events_of, hide_split

__all__ = ["Finding", "findings_in", "findings_under", "masked", "recordings_under"]

_SUFFIXES = (".yaml", ".yml", ".json", ".jsonl", ".yaml.gz", ".json.gz", ".jsonl.gz")
_ALSO_PRIVATE = frozenset({"openai-organization", "openai-project"})
_BINARY = "tag:yaml.org,2002:binary"
_UNDONE = frozenset({"", "deflate", "gzip", "identity", "x-gzip"})


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """One place in one file where something looks like a secret."""

    file: str
    line: int
    """From 1."""
    kind: str
    masked: str
    """The beginning of what was found, and its length."""

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.kind}: {self.masked}"


class _Place(NamedTuple):
    line: int
    kind: str
    secret: str


def masked(secret: str) -> str:
    """Show a fifth of a secret, four characters at most, and how long it is.

    Example:
        >>> masked("sk-proj-0123456789abcdef")
        'sk-p… (24 characters)'
    """
    return f"{secret[: min(4, len(secret) // 5)]}… ({len(secret)} characters)"


def findings_under(paths: Iterable[Path], *, allow: Sequence[re.Pattern[str]] = ()) -> list[Finding]:
    """Look into files, and into every recording (YAML, JSON, JSON lines, also gzipped) under folders.

    Args:
        paths: Files and folders.
        allow: What one of these matches whole is no finding.

    Returns:
        By file and line.

    Raises:
        LoadError: If a path does not exist or is no text.
    """
    files = recordings_under(paths)
    return [finding for file in files for finding in findings_in(_text_of(file), str(file), allow=allow)]


def recordings_under(paths: Iterable[Path]) -> list[Path]:
    """List the files given, and every recording under the folders given.

    Raises:
        LoadError: If a path does not exist.
    """
    return list(_files(paths))


def findings_in(text: str, file: str, *, allow: Sequence[re.Pattern[str]] = ()) -> list[Finding]:
    """Look into the text of one recording.

    Key shapes are looked for in the lines as they are and in every value that YAML reads from them, compressed and
    binary ones too; secret names and random strings in the values.

    Binary that is said to be packed in another way than gzip or deflate is a finding: nobody looked into it.

    Args:
        text: YAML, or any lines.
        file: Its name in the findings.
        allow: What one of these matches whole is no finding.
    """
    places: dict[str, _Place] = {}
    for place in (*_in_lines(text), *_in_values(text)):
        if not any(pattern.fullmatch(place.secret) for pattern in allow):
            places.setdefault(f"{place.line} {place.secret}", place)
    shown: dict[tuple[int, str, str], Finding] = {}
    for line, kind, secret in _told_once(places.values()):
        shown[line, kind, secret] = Finding(file=file, line=line, kind=kind, masked=masked(secret))
    return sorted(shown.values())


def _told_once(places: Iterable[_Place]) -> Iterator[_Place]:
    """Leave out what lies inside another finding of the same line: the whole cookie, not each part of it."""
    kept = list(places)
    for place in kept:
        inside = (other for other in kept if other.line == place.line and other is not place)
        if not any(place.secret in other.secret and len(place.secret) < len(other.secret) for other in inside):
            yield place


def _in_lines(text: str) -> Iterator[_Place]:
    for number, line in enumerate(text.split("\n"), start=1):
        for kind, start, end in find_shapes(line):
            yield _Place(number, kind, line[start:end])


def _in_values(text: str) -> Iterator[_Place]:
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        tree = yaml.compose(text, Loader=loader)
    except yaml.YAMLError:
        tree = None
    if not isinstance(tree, yaml.MappingNode):  # JSON lines, or no recording at all
        for number, line in enumerate(text.split("\n"), start=1):
            yield from (_Place(number, kind, secret) for _, kind, secret in _in_value(line, ""))
        return
    scalars = list(_scalars(tree, ""))
    binary = any(node.tag == _BINARY for _, node in scalars)
    for field, node in scalars:
        value = _decoded(node)
        if binary and field.lower() == "content-encoding" and value.strip().lower() not in _UNDONE:
            yield _Place(node.start_mark.line + 1, "body packed in a way that is not known here", value)
        block = node.style in {"|", ">"}
        for offset, kind, secret in _in_value(value, field):
            below = 1 + value.count("\n", 0, offset) if block else 0
            yield _Place(node.start_mark.line + 1 + below, kind, secret)


def _scalars(node: yaml.Node, field: str) -> Iterator[tuple[str, yaml.ScalarNode]]:
    if isinstance(node, yaml.MappingNode):
        for name, value in node.value:
            yield from _scalars(value, str(name.value))
    elif isinstance(node, yaml.SequenceNode):
        for value in node.value:
            yield from _scalars(value, field)
    elif isinstance(node, yaml.ScalarNode):
        yield field, node


def _decoded(node: yaml.ScalarNode) -> str:
    if node.tag != _BINARY:
        return str(node.value)
    content = yaml.SafeLoader("").construct_yaml_binary(node)
    plain = decompressed(content, ["gzip" if content[:2] == b"\x1f\x8b" else "identity"])
    return (plain if plain is not None else content).decode("utf-8", "replace")


def _in_value(value: str, field: str) -> Iterator[tuple[int, str, str]]:
    shapes = [(start, end, kind) for kind, start, end in find_shapes(value)]
    yield from ((start, kind, value[start:end]) for start, end, kind in shapes)
    if (is_secret_name(field) or field.lower() in _ALSO_PRIVATE) and is_kept(field, value):
        yield 0, f"value of {field}", value
    for name, start, end in find_named(value):
        yield start, f"value of {name}", value[start:end]
    events = events_of(value)
    for event, secret in hide_split([event.value for event in events], _keys_and_values):
        yield events[event].start, "secret in pieces", secret
    for start, end in find_random(value, field=field):
        if not any(start < other_end and other < end for other, other_end, _ in shapes):
            yield start, "random string", value[start:end]


def _keys_and_values(text: str) -> Iterator[tuple[int, int]]:
    last = 0
    for start, end in sorted((start, end) for find in (find_shapes, find_named) for _, start, end in find(text)):
        if start >= last:
            yield start, end
            last = end


def _files(paths: Iterable[Path]) -> Iterator[Path]:
    for path in paths:
        if path.is_dir():
            yield from sorted(file for file in path.rglob("*") if file.name.endswith(_SUFFIXES) and file.is_file())
        elif path.is_file():
            yield path
        else:
            raise LoadError(str(path), "there is no such file or folder: give recordings, or folders of them.")


def _text_of(file: Path) -> str:
    content = file.read_bytes()
    try:
        return (gzip.decompress(content) if file.suffix == ".gz" else content).decode()
    except (UnicodeDecodeError, OSError, EOFError) as error:
        raise LoadError(str(file), f"it cannot be read as text ({error}): is it a recording?") from error
