"""Judgments, topics and runs in the forms of TREC, BEIR and MS MARCO."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter
from pathlib import Path

from ragkit.errors import LoadError, shorten
from ragkit.evaluate.data.lines import bad_line, numbered_lines, tab_rows
from ragkit.evaluate.data.records import json_records

__all__ = ["RunEntry", "load_run", "read_qrels", "read_run", "read_run_entries", "read_topics"]

_HEADER = {"query-id", "query_id", "queryid", "qid", "topic"}


@dataclass(frozen=True, slots=True)
class RunEntry:
    """One line of a run."""

    query_id: str
    doc_id: str
    rank: int
    """As written; orders only what has the same score."""
    score: float
    """Higher is better; minus the rank where the run has no scores."""
    tag: str = ""


def read_qrels(path: Path) -> dict[str, dict[str, int]]:
    """Read judgments: TREC or MS MARCO (`query 0 doc grade`), or BEIR (`query doc grade`, with or without a header).

    Columns are divided by tabs where a line has one, else by blanks. The same judgment twice counts once.

    Returns:
        The grade by document, by query, in the order of the file. Grades may be 0 or negative, as TREC uses them.

    Raises:
        LoadError: With the line's number, if a line has another form or contradicts an earlier one.
    """
    qrels: dict[str, dict[str, int]] = {}
    for number, line in numbered_lines(path):
        columns = line.split("\t") if "\t" in line else line.split()
        if not any(columns) or (number == 1 and columns[0].strip().lower() in _HEADER):
            continue
        query_id, doc_id, grade = _judgment(path, number, columns)
        earlier = qrels.setdefault(query_id, {}).setdefault(doc_id, grade)
        if earlier != grade:
            reason = f"judges document {doc_id!r} for query {query_id!r} as {grade}, an earlier line as {earlier}."
            raise bad_line(path, number, reason)
    if not qrels:
        raise LoadError(str(path), "holds no judgments.")
    return qrels


def _judgment(path: Path, number: int, columns: Sequence[str]) -> tuple[str, str, int]:
    if len(columns) not in {3, 4}:
        reason = "expected `query 0 document grade` (TREC, MS MARCO) or `query document grade` (BEIR)"
        raise bad_line(path, number, f"{reason}, found {len(columns)} columns: {shorten(' '.join(columns))!r}.")
    try:
        return columns[0].strip(), columns[-2].strip(), int(columns[-1])
    except ValueError as error:
        raise bad_line(path, number, f"the grade must be a whole number, got {shorten(columns[-1])!r}.") from error


def read_topics(path: Path) -> dict[str, str]:
    """Read queries: `id TAB text` (MS MARCO, TREC DL) or JSON lines with `_id` and `text` (BEIR).

    Texts stay as they are written, leading blanks included.

    Returns:
        The text by query id, in the order of the file.

    Raises:
        LoadError: With the line's number, if a line has another form or repeats an id.
    """
    topics: dict[str, str] = {}
    for place, query_id, text in _json_topics(path) if ".jsonl" in path.name else _tab_topics(path):
        if query_id in topics:
            raise LoadError(place, f"query {query_id!r} stands here a second time.")
        topics[query_id] = text
    if not topics:
        raise LoadError(str(path), "holds no queries.")
    return topics


def _tab_topics(path: Path) -> Iterator[tuple[str, str, str]]:
    for number, (query_id, text) in tab_rows(path, ("query id", "text")):
        yield f"{path}:{number}", query_id.strip(), text


def _json_topics(path: Path) -> Iterator[tuple[str, str, str]]:
    for record in json_records(path):
        yield record.place, record.identifier("_id", "id"), record.text("text")


def read_run_entries(path: Path) -> Iterator[RunEntry]:
    """Read a run line by line: TREC (`query Q0 doc rank score tag`) or MS MARCO (`query TAB doc TAB rank`).

    Raises:
        LoadError: With the line's number, if a line has another form.
    """
    for number, line in numbered_lines(path):
        columns = line.split()
        try:
            if len(columns) == 6:
                query_id, _, doc_id, rank, score, tag = columns
                entry = RunEntry(query_id, doc_id, int(rank), float(score), tag)
            elif len(columns) == 3:
                entry = RunEntry(columns[0], columns[1], int(columns[2]), -float(columns[2]))
            elif not columns:
                continue
            else:
                reason = "expected `query Q0 document rank score tag` (TREC) or `query document rank` (MS MARCO)"
                raise bad_line(path, number, f"{reason}, found {len(columns)} columns: {shorten(line)!r}.")
        except (ValueError, OverflowError) as error:
            if isinstance(error, LoadError):
                raise
            raise bad_line(path, number, f"rank or score is not a number: {shorten(line)!r}.") from error
        if not math.isfinite(entry.score):
            raise bad_line(path, number, f"the score must be finite, got {shorten(line)!r}.")
        yield entry


def read_run(path: Path) -> Iterator[tuple[str, list[tuple[str, float]]]]:
    """Read a run query by query.

    Holds one query where the lines of each query stand together, as nearly always; the file is looked through for that
    first. Else the whole run is held. `ragkit.evaluate.retrieval.stream` reads large runs of the usual form faster, in
    the same order, and comes back to this reader for all others.

    Returns:
        Each query once, in the order of the file, with its documents and scores: best first, equal scores by the rank
        that is written, then by falling document id. Published runs have rounded scores, and the rank is what is left
        of the order that was meant; trec_eval looks at the id alone, which costs RepLLaMA's run of TREC DL 2019 half a
        point of nDCG@10 (0.7384, published 0.7439).

    Raises:
        LoadError: With the line's number, if a line has another form or lists a document of its query again.
    """
    if _is_grouped(path):
        yield from _grouped(path)
    else:
        yield from load_run(path).items()


def load_run(path: Path) -> dict[str, list[tuple[str, float]]]:
    """Read a whole run, in whatever order its lines stand; otherwise as `read_run`."""
    queries: dict[str, list[RunEntry]] = {}
    for entry in read_run_entries(path):
        queries.setdefault(entry.query_id, []).append(entry)
    return {query_id: _ordered(path, entries) for query_id, entries in queries.items()}


def _is_grouped(path: Path) -> bool:
    finished: set[str] = set()
    current = ""
    for _, line in numbered_lines(path):
        # Most lines go on with the query of the line before: no need to take them apart.
        if current and line.startswith(current) and line[len(current) : len(current) + 1].isspace():
            continue
        query_id = next(iter(line.split(None, 1)), "")
        if query_id in finished:
            return False
        finished.add(current)
        current = query_id or current
    return True


def _grouped(path: Path) -> Iterator[tuple[str, list[tuple[str, float]]]]:
    for query_id, entries in groupby(read_run_entries(path), key=attrgetter("query_id")):
        yield query_id, _ordered(path, list(entries))


def _ordered(path: Path, entries: list[RunEntry]) -> list[tuple[str, float]]:
    """Order the lines of one query."""
    if len({entry.doc_id for entry in entries}) < len(entries):
        raise _listed_twice(path, entries[0].query_id)
    entries.sort(key=lambda entry: (entry.score, -entry.rank, entry.doc_id), reverse=True)
    return [(entry.doc_id, entry.score) for entry in entries]


def _listed_twice(path: Path, query_id: str) -> LoadError:
    """Look through the file again for the line that lists a document of this query a second time."""
    seen: set[str] = set()
    for number, line in numbered_lines(path):
        columns = line.split()
        if columns[:1] == [query_id]:
            doc_id = columns[2 if len(columns) == 6 else 1]
            if doc_id in seen:
                return bad_line(path, number, f"lists document {doc_id!r} twice for query {query_id!r}.")
            seen.add(doc_id)
    return LoadError(str(path), f"was changed while it was read: query {query_id!r} listed a document twice.")
