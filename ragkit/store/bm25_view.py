"""A word index as it was at one moment: its stamp, its terms looked up, tantivy's errors translated."""

from __future__ import annotations

import contextlib
import math
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ragkit.disk.space import full_disk, says_full

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    import tantivy
    from numpy.typing import NDArray

    from ragkit.errors import StoreFullError

__all__ = ["Bm25View", "IndexUnusableError", "Stamp", "schema", "tantivy_errors"]

_SPARE = 16


class IndexUnusableError(Exception):
    """The index is missing, half written or garbled; never leaves the store, which builds it again."""


@dataclass(frozen=True, slots=True)
class Stamp:
    """What the index was when its files were last complete."""

    format: int
    analyser: str
    rows: int
    """Every chunk below this row that was alive is in the index."""
    sequence: int
    """Commit of the catalog it was last changed for."""
    built: int
    """Commit of the catalog it was last built from nothing for: rows dead by then are not in it."""
    entries: int
    """Entries in the index, dead ones included."""
    files: dict[str, str]
    """sha256 by name."""
    block: int | None = None
    """Checksum of the last block of the vector file that was written with these rows: another one means another
    commit of as many rows. None in stamps from before there was this, and where no block ends at `rows`."""


class Bm25View(NamedTuple):
    """An index as it was when it was loaded: it never changes, whatever is written afterwards."""

    stamp: Stamp
    searcher: tantivy.Searcher

    def candidates(
        self, terms: Counter[str], mask: NDArray[np.bool_], k: int
    ) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Fetch until k rows pass and the next one scores lower, or nothing is left; give rows and scores.

        Args:
            terms: Joined by OR; one that is there n times counts n times.
            mask: Over rows of the vector file; rows beyond it do not pass.
            k: At least 1.
        """
        query, entries = _query(terms), self.stamp.entries
        # A filter can pass anything: take all matches at once. Otherwise only dead rows and ties need more than k.
        limit = k + _SPARE if np.count_nonzero(mask) > 0.8 * len(mask) else entries
        while True:
            limit = max(1, min(limit, entries))
            found = self.searcher.search(query, limit=limit, count=False).hits
            rows = np.array(self.searcher.fast_field_values("row", [address for _, address in found]), dtype=np.int64)
            allowed = rows < len(mask)
            allowed[allowed] = mask[rows[allowed]]
            scores = np.array([score for score, _ in found], dtype=np.float64)
            passing = scores[allowed]
            if len(found) < limit or limit == entries or (len(passing) >= k and scores[-1] < passing[k - 1]):
                return rows[allowed], passing
            limit *= 4

    def weights(self, terms: Iterable[str]) -> dict[str, float]:
        """Give the inverse document frequency of terms; see `Bm25Index.weights`."""
        having = {term: self.searcher.doc_freq("text", term) for term in terms}
        return {term: math.log(1 + (self.stamp.entries - n + 0.5) / (n + 0.5)) for term, n in having.items()}


def _query(terms: Counter[str]) -> tantivy.Query:
    import tantivy

    query = tantivy.Query
    parts = [
        query.boost_query(query.term_query(schema(), "text", term, "freq"), float(count))
        for term, count in terms.items()
    ]
    return query.boolean_query([(tantivy.Occur.Should, part) for part in parts])


@lru_cache(maxsize=1)
def schema() -> tantivy.Schema:
    """Give the fields of an entry: its analysed text, and its row in the vector file."""
    import tantivy

    builder = tantivy.SchemaBuilder()
    builder.add_text_field("text", stored=False, tokenizer_name="whitespace", index_option="freq")
    builder.add_unsigned_field("row", stored=False, indexed=False, fast=True)
    return builder.build()


@contextlib.contextmanager
def tantivy_errors(folder: Path) -> Iterator[None]:
    """Translate what tantivy raises, panics included, into `IndexUnusableError`, or `StoreFullError` where it fits."""
    try:
        yield
    except (OSError, ValueError) as error:
        raise _unusable(folder, error) from error
    except BaseException as error:  # on garbled files Rust panics, and its panic is a BaseException
        if type(error).__name__ != "PanicException":
            raise
        raise _unusable(folder, error) from error


def _unusable(folder: Path, error: BaseException) -> IndexUnusableError | StoreFullError:
    """A full disk is nothing that building again could heal."""
    return full_disk(folder, error) if says_full(error) else IndexUnusableError(str(error))
