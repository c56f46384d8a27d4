"""The word index: BM25 (k1 1.2, b 0.75) by tantivy, derived from the catalog and never trusted without its stamp.

The index only ever grows. Rows of deleted chunks stay in it until it is built again (when more than a tenth is dead)
and are masked in every search, so its statistics depend on what was added, not on when tantivy merged. `stamp.json`
beside it says which rows it covers and the hashes of its files; an index that disagrees with its stamp is built again.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import shutil
from collections import Counter
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Lock
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ragkit.disk.files import atomic_write, sha256_of
from ragkit.disk.space import full_disk, says_full
from ragkit.store.order import Scored, SortKeys, best_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    import tantivy
    from numpy.typing import NDArray

    from ragkit.errors import StoreFullError
    from ragkit.text.analyse import Analyser

__all__ = ["Bm25Index", "Bm25View", "IndexUnusableError", "Stamp"]

_FORMAT = 1
_HEAP_BYTES = 128_000_000
_SPARE = 16
_STAMP = "stamp.json"
_NOT_HASHED = {_STAMP, ".managed.json", ".tantivy-meta.lock", ".tantivy-writer.lock"}


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


class Bm25View(NamedTuple):
    """An index as it was when it was loaded: it never changes, whatever is written afterwards."""

    stamp: Stamp
    searcher: tantivy.Searcher


@contextlib.contextmanager
def _tantivy_errors(folder: Path) -> Iterator[None]:
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


class Bm25Index:
    """The index in one folder. Searches may run in any thread; changes need the collection's writer lock."""

    def __init__(self, folder: Path, analyser: Analyser) -> None:
        self._folder = folder
        self._analyser = analyser
        self._index: tantivy.Index | None = None
        self._mirror: TemporaryDirectory[str] | None = None
        self._view: Bm25View | None = None
        self._whole = True
        self._loading = Lock()  # tantivy's index object raises when two threads reload it

    @property
    def rows(self) -> int:
        """Rows covered by what is loaded; -1 before `load`."""
        return self._view[0].rows if self._view else -1

    @property
    def entries(self) -> int:
        """Entries of what is loaded, dead ones included."""
        return self._view[0].entries if self._view else 0

    @property
    def sequence(self) -> int:
        """Commit that what is loaded was last changed for; -1 before `load`."""
        return self._view[0].sequence if self._view else -1

    @property
    def built(self) -> int:
        """Commit that what is loaded was last built from nothing for; -1 before `load`."""
        return self._view[0].built if self._view else -1

    @property
    def whole(self) -> bool:
        """Whether something is loaded, and no write of this object failed since."""
        return self._view is not None and self._whole

    @property
    def folder(self) -> Path:
        """Where it lies."""
        return self._folder

    # Reading

    def load(self) -> None:
        """Read what the folder holds, if it changed; every file is checked against the stamp the first time.

        Raises:
            IndexUnusableError: If there is no complete index of this analyser.
        """
        with self._loading, _tantivy_errors(self._folder):
            stamp = self._read_stamp()
            if self._view is None or self._view[0] != stamp or not self._whole:
                self._check_files(stamp)
                self._open(stamp)
                self._whole = True

    def _read_stamp(self) -> Stamp:
        try:
            stamp = Stamp(**json.loads((self._folder / _STAMP).read_bytes()))
        except (OSError, ValueError, TypeError) as error:
            raise IndexUnusableError(f"no readable stamp: {error}") from error
        if (stamp.format, stamp.analyser) != (_FORMAT, self._analyser.name):
            raise IndexUnusableError(f"made by analyser {stamp.analyser}, format {stamp.format}")
        return stamp

    def _check_files(self, stamp: Stamp) -> None:
        known = self._view[0].files if self._view else {}
        for name, digest in stamp.files.items():
            # tantivy never changes a segment's file, so one that was checked need not be read again; its list may.
            if (known.get(name) != digest or name == "meta.json") and sha256_of(self._folder / name) != digest:
                raise IndexUnusableError(f"{name} is not what was written")

    def _open(self, stamp: Stamp) -> None:
        import tantivy

        if self._index is None or self._mirror is not None:  # a mirror has only the files of its moment
            self._drop_mirror()
            self._index = tantivy.Index.open(str(self._openable()))
            self._index.config_reader("manual")
        self._index.reload()
        searcher = self._index.searcher()
        if searcher.num_docs != stamp.entries:
            raise IndexUnusableError(f"{searcher.num_docs} entries, its stamp says {stamp.entries}")
        self._view = Bm25View(stamp, searcher)

    def _openable(self) -> Path:
        """Give a folder that tantivy can open: it wants to write a lock file, also to read.

        Where that is forbidden, the files are linked into a temporary folder, until they change or `close`.
        """
        if os.access(self._folder, os.W_OK):
            return self._folder
        self._mirror = TemporaryDirectory(prefix="ragkit-")
        for path in self._folder.iterdir():
            if not path.name.endswith(".lock"):
                (Path(self._mirror.name) / path.name).symlink_to(path.absolute())
        return Path(self._mirror.name)

    def _drop_mirror(self) -> None:
        self._index = None
        if self._mirror is not None:
            self._mirror.cleanup()
            self._mirror = None

    def close(self) -> None:
        """Remove what it made outside its folder; searches that are running go on with what they hold open."""
        with self._loading:
            self._drop_mirror()

    @property
    def view(self) -> Bm25View | None:
        """What is loaded, to search it whatever is loaded later; None before `load`."""
        return self._view

    def search(
        self, query: str, mask: NDArray[np.bool_], k: int, sort_keys: SortKeys, *, at: Bm25View | None = None
    ) -> list[Scored]:
        """Give the best rows for a query.

        Args:
            query: Any text; its analysed terms are joined by OR, a term that stands n times counts n times.
            mask: Over rows of the vector file, true for those that may be found; rows beyond it may not.
            k: At least 1.
            sort_keys: What breaks ties.
            at: From `view`; None for what is loaded now.

        Returns:
            At most `k` rows with a term of the query, by falling BM25 score above 0.

        Raises:
            IndexUnusableError: If nothing is loaded, or its files broke since.
        """
        if (view := at or self._view) is None:
            raise IndexUnusableError("not loaded")
        stamp, searcher = view
        terms = Counter(self._analyser(query))
        if not terms or not mask.any():
            return []
        with _tantivy_errors(self._folder):
            rows, scores = _candidates(searcher, _query(terms), mask, k, stamp.entries)
        return best_of(rows, scores, k, sort_keys)

    def weights(self, terms: Iterable[str]) -> dict[str, float]:
        """Give the inverse document frequency of terms, ln(1 + (N - n + 0.5) / (n + 0.5)), over all entries.

        Raises:
            IndexUnusableError: If nothing is loaded, or its files broke since.
        """
        if self._view is None:
            raise IndexUnusableError("not loaded")
        stamp, searcher = self._view
        with _tantivy_errors(self._folder):
            having = {term: searcher.doc_freq("text", term) for term in terms}
        return {term: math.log(1 + (stamp.entries - n + 0.5) / (n + 0.5)) for term, n in having.items()}

    # Changing

    def append(self, texts: Iterable[tuple[int, str]], *, rows: int, sequence: int) -> None:
        """Add chunks to what is loaded, durable on return.

        Args:
            texts: `(row, text to index)`.
            rows: What is covered afterwards.
            sequence: Of the catalog.

        Raises:
            IndexUnusableError: If nothing is loaded or the files are not as stamped.
        """
        with _tantivy_errors(self._folder):
            self.load()
            with self._doubted():
                self._write(texts, rows, sequence, fresh=False)

    def rebuild(self, texts: Iterable[tuple[int, str]], *, rows: int, sequence: int, wipe: bool = True) -> None:
        """Build the index again, durable on return; searches go on with what they hold open.

        Args:
            texts: `(row, text to index)` of every live chunk.
            rows: What is covered afterwards.
            sequence: Of the catalog.
            wipe: Trust nothing that lies there; else the files are sound, and stand until the new ones are complete.
        """
        with _tantivy_errors(self._folder):
            if wipe:
                shutil.rmtree(self._folder, ignore_errors=True)
                self._folder.mkdir()
            with self._doubted():
                self._write(texts, rows, sequence, fresh=True)

    @contextlib.contextmanager
    def _doubted(self) -> Iterator[None]:
        # A write that fails may leave a commit of tantivy's that no stamp describes: then the files are checked again.
        try:
            yield
        except BaseException:
            self._whole = False
            raise

    def _write(self, texts: Iterable[tuple[int, str]], rows: int, sequence: int, *, fresh: bool) -> None:
        import tantivy

        index = tantivy.Index(_schema(), path=str(self._folder))
        writer = index.writer(_HEAP_BYTES, 1)
        if fresh:
            writer.delete_all_documents()
        for row, text in texts:
            entry = tantivy.Document()
            entry.add_text("text", " ".join(self._analyser(text)))
            entry.add_unsigned("row", row)
            writer.add_document(entry)
        writer.commit()
        # Merges rewrite the list of segments: the stamp must be of what stands when they are done.
        writer.wait_merging_threads()
        index.reload()
        hashes = self._hashes({} if fresh or not self._view else self._view[0].files)
        stamp = Stamp(
            format=_FORMAT,
            analyser=self._analyser.name,
            rows=rows,
            sequence=sequence,
            built=sequence if fresh else self.built,
            entries=index.searcher().num_docs,
            files=hashes,
        )
        atomic_write(self._folder / _STAMP, json.dumps(asdict(stamp)).encode())
        with self._loading:
            self._index = None if fresh else self._index
            self._open(stamp)

    def _hashes(self, known: Mapping[str, str]) -> dict[str, str]:
        names = sorted(path.name for path in self._folder.iterdir() if path.name not in _NOT_HASHED)
        kept = {name: known[name] for name in names if name in known and name != "meta.json"}
        return {name: kept.get(name) or sha256_of(self._folder / name) for name in names}


@lru_cache(maxsize=1)
def _schema() -> tantivy.Schema:
    import tantivy

    builder = tantivy.SchemaBuilder()
    builder.add_text_field("text", stored=False, tokenizer_name="whitespace", index_option="freq")
    builder.add_unsigned_field("row", stored=False, indexed=False, fast=True)
    return builder.build()


def _query(terms: Counter[str]) -> tantivy.Query:
    import tantivy

    schema, query = _schema(), tantivy.Query
    parts = [
        query.boost_query(query.term_query(schema, "text", term, "freq"), float(count)) for term, count in terms.items()
    ]
    return query.boolean_query([(tantivy.Occur.Should, part) for part in parts])


def _candidates(
    searcher: tantivy.Searcher, query: tantivy.Query, mask: NDArray[np.bool_], k: int, entries: int
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Fetch until k rows pass and the next one scores lower, or nothing is left; give rows and scores."""
    # A filter can pass anything: take all matches at once. Otherwise only dead rows and ties need more than k.
    limit = k + _SPARE if np.count_nonzero(mask) > 0.8 * len(mask) else entries
    while True:
        limit = max(1, min(limit, entries))
        found = searcher.search(query, limit=limit, count=False).hits
        rows = np.array(searcher.fast_field_values("row", [address for _, address in found]), dtype=np.int64)
        allowed = rows < len(mask)
        allowed[allowed] = mask[rows[allowed]]
        scores = np.array([score for score, _ in found], dtype=np.float64)
        passing = scores[allowed]
        if len(found) < limit or limit == entries or (len(passing) >= k and scores[-1] < passing[k - 1]):
            return rows[allowed], passing
        limit *= 4
