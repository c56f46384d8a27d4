"""A run file as blocks of ranked lists: fast for the usual form, with `ragkit.evaluate.data.trec` for every other.

Runs are large (6,980 queries a thousand deep are seven million lines) and nearly always of one form: six columns, the
lines of a query together, scores falling. Such a file is taken apart in large pieces, five times faster than line by
line, which is why there are two readers. At the first sign of anything else, wrong lines too, `trec.read_run` begins
again: it gives the same order of any run, and its errors name the line.
"""

from __future__ import annotations

import zlib
from itertools import chain, groupby, islice
from math import isfinite
from typing import TYPE_CHECKING, NamedTuple

from ragkit.evaluate.data.lines import open_bytes
from ragkit.evaluate.data.trec import read_run
from ragkit.evaluate.measures.retrieval import ranked

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import TypeAlias

__all__ = ["Block", "UnusualRunError", "careful_blocks", "quick_blocks", "read_blocks"]

Block: TypeAlias = "dict[str, list[str]]"
"""Whole queries with their documents, best first, in the order of the file."""
_BYTES = 1 << 17
"""Of text taken apart together: what stays in the processor's cache takes half the time."""
_QUERIES = 128
_COLUMNS = 6


def read_blocks(path: Path) -> Iterator[Block]:
    """Read a run of any form; a file that turns out unusual after some blocks is read again and they come again.

    Raises:
        LoadError: As `careful_blocks`.
    """
    try:
        yield from quick_blocks(path)
    except UnusualRunError:
        yield from careful_blocks(path)


class UnusualRunError(Exception):
    """The file is not of the usual form: read it with care, from the start."""


def careful_blocks(path: Path) -> Iterator[Block]:
    """Read any run as `ragkit.evaluate.data.trec.read_run` does; errors name the file, and the line where there is one.

    Raises:
        LoadError: If a line has another form, or a query lists a document twice.
    """
    each = read_run(path)
    while group := list(islice(each, _QUERIES)):
        yield {query: [document for document, _ in hits] for query, hits in group}


def quick_blocks(path: Path) -> Iterator[Block]:
    """Read a run of the usual form; what the blocks hold is what the careful reader gives.

    Raises:
        UnusualRunError: As soon as anything is not as usual or wrong, with blocks given before.
        LoadError: If the file cannot be opened.
    """
    finished: set[str] = set()
    last = _Part("", [], [], [])
    block: Block = {}
    for part in chain.from_iterable(map(_parts, _whole_lines(path))):
        if part.query == last.query:
            last = last.joined(part)
            continue
        if part.query in finished:
            raise UnusualRunError
        finished.add(last.query)
        if last.query:
            block[last.query] = _best_first(last)
        last = part
        if len(block) == _QUERIES:
            yield block
            block = {}
    if last.query:
        yield block | {last.query: _best_first(last)}


def _whole_lines(path: Path) -> Iterator[str]:
    rest = b""
    with open_bytes(path) as file:
        try:
            while chunk := file.read(_BYTES):
                lines, end, rest = (rest + chunk).rpartition(b"\n")
                yield (lines + end).decode()
            yield rest.decode()
        except (EOFError, OSError, ValueError, zlib.error) as error:  # damaged: the careful reader says where
            raise UnusualRunError from error


class _Part(NamedTuple):
    """Lines of one query that stand together."""

    query: str
    documents: list[str]
    scores: list[float]
    ranks: list[str]
    """As written: numbers are made of them only where scores are equal."""

    def joined(self, later: _Part) -> _Part:
        """Give both as one."""
        return _Part(self.query, self.documents + later.documents, self.scores + later.scores, self.ranks + later.ranks)


def _parts(text: str) -> Iterator[_Part]:
    columns = text.split()
    lines = len(columns) // _COLUMNS
    # Where columns shifted, the second one of some line is not the literal that all lines share.
    if len(columns) % _COLUMNS or text.rstrip("\n").count("\n") + (lines > 0) != lines:
        raise UnusualRunError
    if lines and set(columns[1::_COLUMNS]) != {"Q0"}:
        raise UnusualRunError
    documents, ranks, start = columns[2::_COLUMNS], columns[3::_COLUMNS], 0
    try:
        scores = list(map(float, columns[4::_COLUMNS]))
    except ValueError as error:
        raise UnusualRunError from error
    if not isfinite(sum(scores)) or text.startswith("\ufeff"):
        raise UnusualRunError
    for query, same in groupby(columns[::_COLUMNS]):
        end = start + sum(1 for _ in same)
        yield _Part(query, documents[start:end], scores[start:end], ranks[start:end])
        start = end


def _best_first(part: _Part) -> list[str]:
    try:
        return ranked(part.query, part.documents, part.scores, part.ranks)
    except ValueError as error:  # a document listed twice, a rank that is no number: the careful reader says which
        raise UnusualRunError from error
