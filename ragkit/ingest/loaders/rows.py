"""JSONL and CSV: one document per row, read as a stream, so that length does not matter; `.gz` is unpacked on the way.

A row that cannot be read becomes a `Failure` named `path:line`, and the next one is read.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import re
import zlib
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple, cast

from ragkit.errors import LoadError, shorten
from ragkit.ingest.document import Failure, LoadedDocument, SourceFile
from ragkit.ingest.encoding import sniff
from ragkit.ingest.reading import open_regular
from ragkit.text.clean import normalise

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

__all__ = ["MAX_ROW_BYTES", "read_csv", "read_jsonl", "row_document"]

MAX_ROW_BYTES = 64 * 1024 * 1024
"""Longest row of a JSONL file, and longest cell of a CSV file in characters."""
_HEAD_BYTES = 4 * 1024 * 1024
_DELIMITERS = ",;\t|"
_NUMBER = re.compile(r"[+-]?(?:0|[1-9]\d{0,17})(?:\.\d+)?(?:[eE][+-]?\d{1,2})?")
_TRUTH = {"true": True, "false": False}
_ID_FIELDS, _TEXT_FIELDS = ("_id", "id"), ("text", "contents")

# The reader's own limit, 131,072 characters, is less than many documents hold; it is one setting for the process.
csv.field_size_limit(max(csv.field_size_limit(), MAX_ROW_BYTES))


def _nowhere(position: int) -> None:
    """Nobody asks how far it is."""


class _Row(NamedTuple):
    fields: Mapping[str, Any]
    number: int
    line: int


def read_jsonl(
    file: SourceFile, *, text_column: str = "text", at: Callable[[int], None] = _nowhere
) -> Iterator[LoadedDocument | Failure]:
    """Read one JSON object per line: `_id` or `id`, `title`, `text` or `contents`; all else is metadata.

    Args:
        file: The file; unpacked when its name ends in `.gz`.
        text_column: Looked for before `text` and `contents`.
        at: Told how many bytes of the file were read, before each row.

    Raises:
        LoadError: If the file cannot be opened or unpacked.
    """
    with _opened(file) as (stream, plain):
        number = 0
        for line, raw in enumerate(_lines(stream), start=1):
            if isinstance(raw, str):
                yield Failure(path=f"{file.source}:{line}", reason=raw)
            elif raw.strip():
                number += 1
                at(plain.tell())
                yield _parsed(file, raw, number=number, line=line, text_column=text_column)


def read_csv(
    file: SourceFile, *, text_column: str = "text", at: Callable[[int], None] = _nowhere
) -> Iterator[LoadedDocument | Failure]:
    """Read one document per record; the delimiter is found, the first record names the columns.

    Numbers written in the usual way become numbers, so that a filter can compare them; empty cells are left out.

    Args:
        file: The file; unpacked when its name ends in `.gz`.
        text_column: The column that holds the text.
        at: Told how many bytes of the file were read, before each row.

    Raises:
        LoadError: If the file cannot be opened or unpacked, or has no such column.
    """
    head = _head(file)
    encoding = sniff(head, path=file.source)
    delimiter = _delimiter(file.name, head[len(encoding.mark) :].decode(encoding.name, "replace"), text_column)
    with _opened(file) as (stream, plain):
        stream.read(len(encoding.mark))
        text = io.TextIOWrapper(stream, encoding=encoding.name, errors=encoding.errors, newline="")
        reader = csv.reader(text, delimiter=delimiter)
        for item in _records(file, reader, text_column):
            at(plain.tell())
            yield item


def row_document(
    file: SourceFile, fields: Mapping[str, Any], *, number: int, text_fields: Sequence[str]
) -> LoadedDocument | Failure:
    """Make one object of a list into a document, as if it were the line of this number of a JSONL file."""
    return _document(file, _Row(fields, number, number), text_fields)


def _records(file: SourceFile, reader: Any, text_column: str) -> Iterator[LoadedDocument | Failure]:
    header: list[str] | None = None
    number = 0
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            break
        except csv.Error as error:
            yield Failure(path=f"{file.source}:{line}", reason=f"is not valid CSV: {error}")
            continue
        except UnicodeDecodeError as error:
            yield Failure(path=f"{file.source}:{line}", reason=f"is not {error.encoding} from here on: save as UTF-8")
            break
        if header is None:
            header = _header(file, cells, text_column)
        elif any(cell.strip() for cell in cells):
            number += 1
            yield _record(file, header, cells, _Row({}, number, line), text_column)
    if header is None:
        raise LoadError(file.source, "the file holds no rows")


def _header(file: SourceFile, cells: Sequence[str], text_column: str) -> list[str]:
    header = [cell.strip() for cell in cells]
    if text_column not in header:
        columns = _listed(header)
        raise LoadError(file.source, f"has no column {text_column!r}, only {columns}: name one with --text-column")
    return header


def _record(
    file: SourceFile, header: list[str], cells: list[str], row: _Row, text_column: str
) -> LoadedDocument | Failure:
    if len(cells) > len(header) and any(cells[len(header) :]):
        reason = f"has {len(cells)} cells, the header {len(header)}: put quotes around cells that hold the delimiter"
        return Failure(path=f"{file.source}:{row.line}", reason=reason)
    kept = {*_ID_FIELDS, "title", text_column}
    fields = {
        name: cell if name in kept else _value(cell) for name, cell in zip(header, cells, strict=False) if cell.strip()
    }
    return _document(file, row._replace(fields=fields), (text_column,))


def _delimiter(name: str, start: str, text_column: str) -> str:
    """Choose the delimiter that shows the text column in the header, else the one that gives the most columns."""

    def fit(delimiter: str) -> tuple[bool, int]:
        header = next(csv.reader(io.StringIO(start, newline=""), delimiter=delimiter), [])
        return text_column in [cell.strip() for cell in header], len(header)

    usual = "\t" if name.removesuffix(".gz").endswith(".tsv") else ","
    try:
        return max(usual + _DELIMITERS, key=fit)
    except csv.Error:
        return usual


def _value(cell: str) -> str | int | float | bool:
    """Read a cell as what it says: a number, true or false, else text; `007` is a code, not a number."""
    if cell.lower() in _TRUTH:
        return _TRUTH[cell.lower()]
    if _NUMBER.fullmatch(cell):
        return int(cell) if cell.lstrip("+-").isdigit() else float(cell)
    return cell


def _parsed(file: SourceFile, raw: bytes, *, number: int, line: int, text_column: str) -> LoadedDocument | Failure:
    try:
        fields = json.loads(raw)
    except (ValueError, RecursionError) as error:  # bytes that are no UTF-8 are a ValueError too
        return Failure(path=f"{file.source}:{line}", reason=f"is not valid JSON: {shorten(error)}")
    if not isinstance(fields, dict):
        reason = f"is a JSON {type(fields).__name__}; expected an object with the text in `text`"
        return Failure(path=f"{file.source}:{line}", reason=reason)
    return _document(file, _Row(fields, number, line), tuple(dict.fromkeys((text_column, *_TEXT_FIELDS))))


def _document(file: SourceFile, row: _Row, text_fields: Sequence[str]) -> LoadedDocument | Failure:
    path = f"{file.source}:{row.line}"
    id_field = next((name for name in _ID_FIELDS if row.fields.get(name) not in (None, "")), "")
    doc_id = row.fields.get(id_field, f"{file.name}#{row.number}")
    if isinstance(doc_id, bool) or not isinstance(doc_id, str | int | float):
        reason = f"its {id_field} is a {type(doc_id).__name__}; expected text or a number"
        return Failure(path=path, reason=reason)
    doc_id = normalise(str(doc_id))
    text_field = next((name for name in text_fields if row.fields.get(name) is not None), "")
    text, title = row.fields.get(text_field, ""), row.fields.get("title")
    title = "" if title is None else " ".join(normalise(str(title)).split())
    if not isinstance(text, str):
        reason = f"its {text_field} is a {type(text).__name__}; expected text"
        return Failure(path=path, reason=reason, doc_id=doc_id)
    if not (text := normalise(text)).strip():
        text, title = title, ""  # some collections hold documents that are a title only
    if not text:
        reason = f"holds no text: expected it in {' or '.join(text_fields)}, the row has {_listed(row.fields)}"
        return Failure(path=path, reason=reason, doc_id=doc_id)
    metadata = _metadata(row.fields, leave={id_field, text_field, "title"})
    return LoadedDocument(doc_id=doc_id, text=text, source=file.source, title=title, metadata=metadata, line=row.line)


def _listed(names: Iterable[str]) -> str:
    """Give names on one line, for a reason."""
    return shorten(" ".join(", ".join(names).split()))


def _metadata(fields: Mapping[str, Any], leave: set[str]) -> dict[str, Any]:
    inner = fields.get("metadata")
    if isinstance(inner, dict):
        leave = {*leave, "metadata"}
    rest = {name: value for name, value in fields.items() if name not in leave}
    return {**inner, **rest} if isinstance(inner, dict) else rest


@contextmanager
def _opened(file: SourceFile) -> Iterator[tuple[io.BufferedReader, BinaryIO]]:
    """Open, and unpack by name; what breaks half way is a LoadError that names the file."""
    with open_regular(file.path, file.source) as plain:
        packed = file.path.name.lower().endswith(".gz")
        # GzipFile and BufferedReader share the methods used here, `peek` included, but no type.
        stream = cast("io.BufferedReader", gzip.GzipFile(fileobj=plain) if packed else plain)
        try:
            yield stream, plain
        except (EOFError, zlib.error, OSError) as error:
            raise LoadError(file.source, f"cannot be read to its end: {error}") from error


def _head(file: SourceFile) -> bytes:
    """Give the first lines of the file, whole, to tell its encoding and delimiter by."""
    with _opened(file) as (stream, _):
        head = stream.read(_HEAD_BYTES)
    return head if len(head) < _HEAD_BYTES else head[: head.rfind(b"\n") + 1] or head


def _lines(stream: io.BufferedReader) -> Iterator[bytes | str]:
    """Give each line as UTF-8 bytes, or the reason why it is passed over."""
    mark = stream.peek(4)[:4]
    if mark.startswith((b"\xff\xfe", b"\xfe\xff")):
        encoding = "utf-32" if mark == b"\xff\xfe\0\0" else "utf-16"
        text = io.TextIOWrapper(stream, encoding=encoding)
        yield from (line.encode() for line in text)
        text.detach()
        return
    if mark.startswith(b"\xef\xbb\xbf"):
        stream.read(3)
    while raw := stream.readline(MAX_ROW_BYTES):
        if len(raw) == MAX_ROW_BYTES and not raw.endswith(b"\n"):
            while raw and not raw.endswith(b"\n"):
                raw = stream.readline(MAX_ROW_BYTES)
            yield f"is longer than {MAX_ROW_BYTES // 2**20} MiB: split the document"
        else:
            yield raw
