"""Blocks of rows: worked one after the other or by threads, and what they are checked for before and after."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed

from ragkit.errors import InputError, shorten
from ragkit.evaluate.outcome import Row, Unscored

__all__ = ["at_least_one", "check_rows", "each_once", "worked"]


def worked(
    blocks: Sequence[Sequence[str]], one: Callable[[Sequence[str]], int], workers: int
) -> Generator[int, None, None]:
    """Give the size of each block as it is done; one worker is the calling thread itself.

    Closed early, it begins no other block and returns when those being worked are done.

    Raises:
        Exception: What `one` raised first.
    """
    if workers == 1:
        yield from map(one, blocks)
        return
    with ThreadPoolExecutor(workers, thread_name_prefix="ragkit-run") as pool:
        futures = [pool.submit(one, block) for block in blocks]
        try:
            for future in as_completed(futures):
                yield future.result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def at_least_one(**numbers: int) -> None:
    """Check options that count something.

    Raises:
        InputError: If one is below 1.
    """
    for name, number in numbers.items():
        if number < 1:
            raise InputError(f"{name} must be at least 1, got {number}.")


def each_once(ids: Sequence[str]) -> None:
    """Check that no id repeats, and that each is the same when it is read back from a line of JSON.

    Raises:
        InputError: If one does, or is not: two halves of a surrogate pair are one character in JSON.
    """
    seen: set[str] = set()
    for row_id in ids:
        if json.loads(json.dumps(row_id)) != row_id:
            raise InputError(f"the id {shorten(repr(row_id))} would be another one when it is read back from JSON.")
        if row_id in seen:
            raise InputError(f"the id {shorten(row_id)!r} is there twice: give each row an id of its own.")
        seen.add(row_id)


def check_rows(ids: Sequence[str], rows: Sequence[Row]) -> None:
    """Check that there is one row for each id, and that its outcomes are finite or unscored.

    Raises:
        InputError: If not.
    """
    if sorted(row.id for row in rows) != sorted(ids):
        got = shorten(", ".join(row.id for row in rows))
        raise InputError(f"the work gave the rows [{got}] for the ids [{shorten(', '.join(ids))}]: give one for each.")
    for row in rows:
        for name, outcome in row.outcomes.items():
            if not isinstance(outcome, Unscored) and not _is_finite(outcome):
                raise InputError(
                    f"the row {shorten(row.id)!r} has {name} = {shorten(repr(outcome))}: "
                    "expected a finite number, or Unscored."
                )


def _is_finite(outcome: object) -> bool:
    return isinstance(outcome, int | float) and -sys.float_info.max <= outcome <= sys.float_info.max
