"""The word index: BM25 (k1 1.2, b 0.75) by tantivy, derived from the catalog and never trusted without its stamp.

The index only ever grows. Rows of deleted chunks stay in it until it is built again (when more than a tenth is dead)
and are masked in every search, so its statistics depend on what was added, not on when tantivy merged. `stamp.json`
beside it says which rows it covers and the hashes of its files; an index that disagrees with its stamp is built again.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from ragkit.disk.files import atomic_write, sha256_of, sync_folder
from ragkit.disk.fork import lock_of_threads
from ragkit.store.bm25_view import Bm25View, IndexUnusableError, Stamp, schema, tantivy_errors
from ragkit.store.order import Scored, SortKeys, best_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    import numpy as np
    import tantivy
    from numpy.typing import NDArray

    from ragkit.text.analyse import Analyser

__all__ = ["Bm25Index"]

_FORMAT = 1
_HEAP_BYTES = 128_000_000
_STAMP = "stamp.json"
_UNFINISHED = ("*.tmp", ".tmp*")
"""What a write that was killed leaves: of our stamp, and of tantivy's lists."""


class Bm25Index:
    """The index in one folder. Searches may run in any thread; changes need the collection's writer lock."""

    def __init__(self, folder: Path, analyser: Analyser) -> None:
        self._folder = folder
        self._analyser = analyser
        self._index: tantivy.Index | None = None
        self._mirror: TemporaryDirectory[str] | None = None
        self._view: Bm25View | None = None
        self._whole = True
        self._loading = lock_of_threads()  # tantivy's index object raises when two threads reload it

    @property
    def rows(self) -> int:
        """Rows covered by what is loaded; -1 before `load`."""
        return self._view.stamp.rows if self._view else -1

    @property
    def entries(self) -> int:
        """Entries of what is loaded, dead ones included."""
        return self._view.stamp.entries if self._view else 0

    @property
    def sequence(self) -> int:
        """Commit that what is loaded was last changed for; -1 before `load`."""
        return self._view.stamp.sequence if self._view else -1

    @property
    def built(self) -> int:
        """Commit that what is loaded was last built from nothing for; -1 before `load`."""
        return self._view.stamp.built if self._view else -1

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
        with self._loading, tantivy_errors(self._folder):
            stamp = self._read_stamp()
            if self._view is None or self._view.stamp != stamp or not self._whole:
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
        known = self._view.stamp.files if self._view else {}
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
        terms = Counter(self._analyser(query))
        if not terms or not mask.any():
            return []
        with tantivy_errors(self._folder):
            rows, scores = view.candidates(terms, mask, k)
        return best_of(rows, scores, k, sort_keys)

    def weights(self, terms: Iterable[str]) -> dict[str, float]:
        """Give the inverse document frequency of terms, ln(1 + (N - n + 0.5) / (n + 0.5)), over all entries.

        Raises:
            IndexUnusableError: If nothing is loaded, or its files broke since.
        """
        if self._view is None:
            raise IndexUnusableError("not loaded")
        with tantivy_errors(self._folder):
            return self._view.weights(terms)

    # Changing

    def append(self, texts: Iterable[tuple[int, str]], *, rows: int, sequence: int, block: int | None = None) -> None:
        """Add chunks to what is loaded, durable on return.

        Args:
            texts: `(row, text to index)`.
            rows: What is covered afterwards.
            sequence: Of the catalog.
            block: See `Stamp.block`.

        Raises:
            IndexUnusableError: If nothing is loaded or the files are not as stamped.
        """
        with tantivy_errors(self._folder):
            self.load()
            with self._doubted():
                self._write(texts, rows, sequence, block, fresh=False)

    def rebuild(
        self,
        texts: Iterable[tuple[int, str]],
        *,
        rows: int,
        sequence: int,
        block: int | None = None,
        wipe: bool = True,
    ) -> None:
        """Build the index again, durable on return; searches go on with what they hold open.

        Args:
            texts: `(row, text to index)` of every live chunk.
            rows: What is covered afterwards.
            sequence: Of the catalog.
            block: See `Stamp.block`.
            wipe: Trust nothing that lies there; else the files are sound, and stand until the new ones are complete.
        """
        with tantivy_errors(self._folder):
            if wipe:
                shutil.rmtree(self._folder, ignore_errors=True)
                self._folder.mkdir()
            with self._doubted():
                self._write(texts, rows, sequence, block, fresh=True)

    def discard(self) -> None:
        """Make the files count for nothing, for every process; searches go on with what they hold open.

        It is built again before anything more is added to it. Needs no room on the disk.

        Raises:
            OSError: If that cannot be written.
        """
        self._whole = False
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            (self._folder / _STAMP).unlink()
            sync_folder(self._folder)

    @contextlib.contextmanager
    def _doubted(self) -> Iterator[None]:
        # A write that fails may leave a commit of tantivy's that no stamp describes: then the files are checked again.
        try:
            yield
        except BaseException:
            self._whole = False
            raise

    def _write(
        self, texts: Iterable[tuple[int, str]], rows: int, sequence: int, block: int | None, *, fresh: bool
    ) -> None:
        import tantivy

        index = tantivy.Index(schema(), path=str(self._folder))
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
        hashes = self._hashes({} if fresh or not self._view else self._view.stamp.files)
        stamp = Stamp(
            format=_FORMAT,
            analyser=self._analyser.name,
            rows=rows,
            sequence=sequence,
            built=sequence if fresh else self.built,
            entries=index.searcher().num_docs,
            files=hashes,
            block=block,
        )
        self._share()
        atomic_write(self._folder / _STAMP, json.dumps(asdict(stamp)).encode())
        with self._loading:
            self._index = None if fresh else self._index
            self._open(stamp)

    def _hashes(self, known: Mapping[str, str]) -> dict[str, str]:
        for pattern in _UNFINISHED:
            for path in self._folder.glob(pattern):
                path.unlink(missing_ok=True)
        # Hidden ones are locks and tantivy's list of what it may remove: no part of what is read.
        names = sorted(path.name for path in self._folder.iterdir() if path.name != _STAMP and path.name[0] != ".")
        kept = {name: known[name] for name in names if name in known and name != "meta.json"}
        return {name: kept.get(name) or sha256_of(self._folder / name) for name in names}

    def _share(self) -> None:
        """Let read who may read the folder: tantivy writes its lists for the own account alone."""
        mode = self._folder.stat().st_mode & 0o666
        for path in self._folder.iterdir():
            if mode & ~path.stat().st_mode:
                with contextlib.suppress(PermissionError):  # another account's, who made it as it wanted it
                    path.chmod(mode)
