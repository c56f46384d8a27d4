"""Taking turns to write, and replacing a whole generation in one's turn: compacting and rebuilding."""

from __future__ import annotations

import logging
import time
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from ragkit.disk.space import full_disk_named
from ragkit.errors import StoreError
from ragkit.store.batch import Rebuild
from ragkit.store.compact import CompactReport, copy_live, reclaimable_rows, worth_compacting
from ragkit.store.folder import bytes_in
from ragkit.store.manifest import FORMAT, describe, is_of_model, write_manifest
from ragkit.store.searching import CollectionSearcher
from ragkit.store.succession import beginning, seal

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ragkit.encoder import Encoder
    from ragkit.store.generation import Generation
    from ragkit.store.manifest import Manifest
    from ragkit.store.writer import Writer

__all__ = ["CollectionWriter"]

_LOG = logging.getLogger(__name__)


class CollectionWriter(CollectionSearcher):
    """What `Collection` needs to write: one writer at a time, across threads and processes."""

    _replacing = False
    """Whether the thread that has its turn fills the next generation."""
    _changes = 0
    """How many writes of the thread that has its turn are under way, one inside the other."""

    # Turns

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Run a block as the one writer, so that what it reads first still stands when it writes.

        The manifest is as of the start. Writes inside the block are as ever: each is committed by itself. The lock is
        kept after the block, until `release` or `close`.

        Raises:
            StoreError: If opened read-only; `StoreDamagedError` if the manifest is lost for good.
            StoreLockedError: If another process writes for longer than the collection waits.
        """
        with self._turn():
            yield

    @contextmanager
    def _writing(self) -> Iterator[tuple[Writer, Generation]]:
        with self._turn() as writer, self._using() as generation:
            if self._replacing:
                raise StoreError(
                    f"{self.folder} is being rebuilt or compacted by this very thread, so what it writes meanwhile "
                    "would be lost: write before or after, or put it into the rebuild."
                )
            self._changes += 1
            try:
                yield writer, generation
            finally:
                self._changes -= 1

    @contextmanager
    def _turn(self) -> Iterator[Writer]:
        """Run a block as the one writer; nothing keeps it from replacing the generation."""
        if self._writer is None:
            raise StoreError(f"{self.folder} was opened read-only: open it without read_only to write.")
        if self._closed:
            raise StoreError(f"the collection {self.folder} is closed: open it again.")
        with self._writer.writing(self._begin):
            yield self._writer

    def _begin(self, fresh: bool) -> None:  # for `Writer.writing` only
        self._restore_manifest()
        if fresh:
            self._tidy()

    def _tidy(self) -> None:
        """Heal what a writer that was killed left, before anything is written."""
        with self._using() as generation:
            self._files.remove_leftovers(generation.manifest, wait_s=self._wait_s)
            # A catalog put back from a backup must not meet a word index that is ahead of it halfway.
            generation.words.follow()

    def _restore_manifest(self) -> None:
        """Write the manifest that a catalog had a copy of, unless another process did; the caller is the writer."""
        with self._using() as generation:
            if generation.lost:
                write_manifest(self.folder, generation.manifest)

    def release(self) -> None:
        """Let another process write; the next write takes the lock again."""
        if self._writer is not None:
            self._writer.release()

    # Building again

    def compact(self, *, secure: bool = False) -> CompactReport:
        """Give back the space of deleted documents: copy what is alive, and remove the rest.

        Texts are neither cut nor embedded again. Readers answer all the while, and use the copy from when it is
        complete; a kill leaves the old files or the new ones. Takes as much disk again as the living documents
        while it works, and seconds for 100,000 chunks. BM25 scores are those of a fresh index afterwards.

        Args:
            secure: Copy even if nothing was deleted, and leave no byte of a deleted document in the folder: of text,
                metadata, ids and vectors. What the ledgers (`ragkit.views`) note of documents that are gone leaves
                too: every key that names no document here, so do not use it on a collection that keeps the records of
                an index which lies elsewhere. A cache of vectors outside the folder, where there is one, is not
                touched.

        Returns:
            What was done; without `secure` nothing is if there is nothing to give back.

        Raises:
            StoreDamagedError: If the vectors are damaged: `ragkit reindex` embeds them again.
            StoreError: If opened read-only, or the disk is full; the collection is as it was.
            StoreLockedError: If another process writes.
        """
        start, before = time.perf_counter(), bytes_in(self.folder)
        with self._turn():
            with self._reading() as (_, db):
                worth, dropped = worth_compacting(db), reclaimable_rows(db)
            if worth or secure:
                with self._succeeding(self.manifest, None, must_remove=secure) as (current, successor):
                    copy_live(current, successor, secure=secure)
            return CompactReport(
                compacted=worth or secure,
                secure=secure,
                generation=self.manifest.generation,
                documents=len(self),
                chunks=self.chunk_count,
                rows_dropped=dropped,
                bytes_before=before,
                bytes_after=bytes_in(self.folder),
                seconds=time.perf_counter() - start,
            )

    @contextmanager
    def rebuilding(self, encoder: Encoder, *, chunker: Mapping[str, object] | None = None) -> Iterator[Rebuild]:
        """Fill a block's worth of documents into new files beside the living ones; they count when the block ends well.

        Whatever is not put again is gone then. Until then everything, in this process too, reads the old files; if
        the block raises, or the process is killed, they stay. Afterwards this collection uses `encoder`.

        Args:
            encoder: Makes the vectors of the new files.
            chunker: How texts are cut, as JSON holds it; None for what the manifest says.

        Raises:
            StoreError: If opened read-only, or the disk is full.
            StoreLockedError: If another process writes.
        """
        with self._turn() as writer:
            old = self.manifest
            new = describe(
                encoder,
                dim=encoder.card.dim,
                analyser=old.analyser,
                chunker=dict(old.chunker if chunker is None else chunker),
                precision=old.precision,
            )
            with self._succeeding(new, encoder) as (current, successor):
                rebuild = Rebuild(writer, successor, current, same_model=is_of_model(old, encoder))
                yield rebuild
                rebuild.finish()

    @contextmanager
    def _succeeding(
        self, manifest: Manifest, encoder: Encoder | None, *, must_remove: bool = False
    ) -> Iterator[tuple[Generation, Generation]]:
        """Run a block that fills the next generation, told the current one and that; then turn to it.

        The caller has its turn to write. If the block raises, what was built is removed.

        Args:
            manifest: Of the next generation, but for its number.
            encoder: The one to use from then on; None for the same as before.
            must_remove: Whether it is an error if the files of the current one cannot be removed afterwards.
        """
        with self._alone(), ExitStack() as unless_fine:
            with self._using() as current, full_disk_named(self.folder):
                unless_fine.callback(self._forget_successor)
                new = replace(manifest, generation=current.manifest.generation + 1, format=FORMAT)
                successor = beginning(self._files, new)
                unless_fine.callback(successor.retire)
                yield current, successor
                self._disconnect()
                if self._writer is not None:
                    self._writer.check_turn()
                seal(successor)
                with self._following:  # no thread turns to the new vectors before it can tell their encoder
                    write_manifest(self.folder, new)
                    if encoder is not None:
                        self.encoder, self._opened_as = encoder, new
            unless_fine.pop_all()
        try:
            with self._using() as generation:
                self._files.remove_leftovers(generation.manifest, wait_s=self._wait_s)
        except OSError as error:
            if must_remove:
                raise StoreError(
                    f"the files that {self.folder} used before cannot be removed ({error}): the new ones count, but "
                    "what was deleted is still in the old ones; remove them, or make it possible and compact again."
                ) from error
            _LOG.warning(
                "%s: the files used before cannot be removed yet (%s); the next writer will", self.folder, error
            )

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Refuse what would be written to the generation that a block replaces."""
        if self._replacing or self._changes:
            raise StoreError(
                f"{self.folder} cannot be rebuilt or compacted inside of a write or of another rebuild: do it before "
                "or after."
            )
        self._replacing = True
        try:
            yield
        finally:
            self._replacing = False

    def _forget_successor(self) -> None:
        """Remove what was built, unless the manifest names it already."""
        if self._writer is None or not self._writer.has_turn:
            return  # a forked child leaves the block: it is the parent who builds
        self._disconnect()
        found = self._files.found()
        self._files.remove_leftovers(found.manifest if found else self.manifest, wait_s=0.0)

    def _disconnect(self) -> None:
        if self._writer is not None:
            self._writer.disconnect()
