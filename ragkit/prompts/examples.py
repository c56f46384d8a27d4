"""Examples: an input and the output that is wanted for it, read from files, mappings and pairs."""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path
from typing import Any, TypeAlias

from ragkit.errors import InputError, LoadError, shorten

__all__ = ["AnyExample", "Example", "as_examples", "examples_digest", "read_examples", "write_examples"]


@dataclass(frozen=True, slots=True)
class Example:
    """What a model is shown: a text, and what should be said of it.

    Raises:
        InputError: If a field is no text, or input or output is empty.
    """

    input: str = field(repr=False)
    """As the user would write it."""
    output: str = field(repr=False)
    """As the model should answer."""
    label: str = ""
    """The class the example stands for, where the output says more than it; else empty."""
    id: str = ""
    """Where it comes from; empty where nobody asks."""

    def __post_init__(self) -> None:
        for name in ("input", "output", "label", "id"):
            if not isinstance(value := getattr(self, name), str):
                raise InputError(f"{name} of an example must be text, got {type(value).__name__}.")
        if empty := next((name for name in ("input", "output") if not getattr(self, name)), None):
            raise InputError(f"{empty} of an example is empty: an example needs an input and an output.")

    @property
    def stratum(self) -> str:
        """Its label, or its output where it has none."""
        return self.label or self.output


AnyExample: TypeAlias = Example | Mapping[str, Any] | tuple[str, str]
"""An example, a mapping with its fields, or a pair of input and output."""

_OPTIONAL = ("label", "id")


def as_examples(
    examples: Iterable[AnyExample], /, *, input_key: str = "input", output_key: str = "output"
) -> tuple[Example, ...]:
    """Give examples of whatever form as `Example`s, in order.

    Args:
        examples: Examples, pairs, or mappings such as LangChain's; of a mapping `label` and `id` are taken too where
            they are there, and its other fields are left.
        input_key: Where a mapping has its input.
        output_key: Where a mapping has its output.

    Raises:
        InputError: Naming the place, from 0, of what is none of these, has no such field, or one that is no text.

    Example:
        >>> [example.output for example in as_examples([("2+2", "4"), {"input": "2+3", "output": "5"}])]
        ['4', '5']
    """
    if isinstance(examples, str | Mapping | Example):
        raise InputError(f"examples must be a list of them, got one {type(examples).__name__}.")
    return tuple(_one(given, f"example {place}", input_key, output_key) for place, given in enumerate(examples))


def _one(given: AnyExample, place: str, input_key: str, output_key: str) -> Example:
    if isinstance(given, Example):
        return given
    try:
        if isinstance(given, Mapping):
            return _from_mapping(given, input_key, output_key)
        if isinstance(given, tuple) and len(given) == 2:
            return Example(*given)
    except InputError as error:
        raise InputError(f"{place}: {error}") from error
    raise InputError(
        f"{place} is of type {type(given).__name__}: expected an Example, a mapping with {input_key!r} and "
        f"{output_key!r}, or a pair of texts."
    )


def _from_mapping(given: Mapping[str, Any], input_key: str, output_key: str) -> Example:
    for key in (input_key, output_key):
        if key not in given:
            known = ", ".join(map(str, given)) or "none"
            raise InputError(f"there is no field {key!r}; its fields are {shorten(known)}.")
    more = {key: given[key] for key in _OPTIONAL if key not in (input_key, output_key) and given.get(key) is not None}
    return Example(given[input_key], given[output_key], **more)


def read_examples(path: Path | str, *, input_key: str = "input", output_key: str = "output") -> tuple[Example, ...]:
    """Read a CSV file with a header (`.csv`), or one with a JSON object per line; empty lines are passed over.

    Args:
        path: A file in UTF-8.
        input_key: The column or field of the input.
        output_key: That of the output; `label` and `id` are read where they are there.

    Raises:
        LoadError: Naming the line that is no such row, or if the file cannot be read.
    """
    file = Path(path)
    try:
        content = file.read_bytes().decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else f"is not UTF-8 ({error.reason})"
        raise LoadError(str(file), f"{reason}.") from error
    rows = _csv_rows if file.suffix.lower() == ".csv" else _json_rows
    return tuple(_example(place, row, input_key, output_key) for place, row in rows(str(file), content))


def _example(place: str, row: Mapping[str, Any], input_key: str, output_key: str) -> Example:
    try:
        return _from_mapping(row, input_key, output_key)
    except InputError as error:
        raise LoadError(place, str(error)) from error


def _json_rows(path: str, content: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for number, line in enumerate(content.split("\n"), start=1):
        if not line.strip():
            continue
        place = f"{path}:{number}"
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise LoadError(place, "is not JSON.") from error
        if not isinstance(row, dict):
            raise LoadError(place, "expected a JSON object.")
        yield place, row


def _csv_rows(path: str, content: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    reader = csv.reader(StringIO(content, newline=""), strict=True)
    try:
        names = next(reader, [])
        for row in filter(None, reader):
            place = f"{path}:{reader.line_num}"
            if len(row) != len(names):
                raise LoadError(place, f"the row has {len(row)} columns, and the header {len(names)}.")
            yield place, dict(zip(names, row, strict=True))
    except csv.Error as error:
        raise LoadError(f"{path}:{reader.line_num}", f"is not CSV ({error}).") from error


def write_examples(examples: Sequence[Example]) -> str:
    r"""Write examples as `read_examples` reads them: a line of JSON each, empty fields left out.

    Example:
        >>> write_examples([Example("2+2", "4", id="a")])
        '{"input": "2+2", "output": "4", "id": "a"}\n'
    """
    return "".join(f"{_line(example)}\n" for example in examples)


def examples_digest(examples: Sequence[Example]) -> str:
    """Give what tells these examples, in this order, from others: 64 hexadecimal digits; where they come from is left.

    Linear in the length of all of them.
    """
    digest = hashlib.sha256()
    for example in examples:
        row = json.dumps(
            [example.input, example.output, example.label]
        )  # ASCII, so that a lone surrogate is no trouble
        digest.update(f"{row}\n".encode())
    return digest.hexdigest()


def _line(example: Example) -> str:
    fields = {"input": example.input, "output": example.output, "label": example.label, "id": example.id}
    row = {name: value for name, value in fields.items() if value}
    # Half a character cannot stand in a UTF-8 file: it becomes its escape, which is JSON's as well.
    return json.dumps(row, ensure_ascii=False).encode(errors="backslashreplace").decode()
