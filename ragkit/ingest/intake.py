"""File after file into the collection: what is known, what is new, what failed, and in the end what is gone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from ragkit.errors import InputError, LoadError
from ragkit.ingest.cut import Cutter
from ragkit.ingest.document import Failure, LoadedDocument, SourceFile
from ragkit.ingest.fingerprint import Fingerprint, content_digest, file_digest
from ragkit.ingest.loaders.formats import document_loader, row_loader
from ragkit.ingest.metadata import plain_metadata
from ragkit.ingest.progress import Meter, Progress
from ragkit.ingest.reading import read_whole
from ragkit.ingest.report import SyncReport
from ragkit.ingest.roots import Listing
from ragkit.ingest.window import Window
from ragkit.store.collection import Collection
from ragkit.store.records import NewDocument, check_document

__all__ = ["Intake", "Known", "read_known"]


@dataclass(frozen=True, slots=True)
class Known:
    """A document that the collection held when the sync began."""

    root: str
    """Absolute path of its root; empty for a document that no sync has made."""
    fingerprint: Fingerprint
    """What it was made of."""


def read_known(collection: Collection | None) -> dict[str, Known]:
    """Give what the collection holds, by `doc_id`."""
    if collection is None:
        return {}
    return {
        document.doc_id: Known(document.root, Fingerprint.decode(document.content_hash))
        for document in collection.documents()
    }


class Intake:
    """One sync on its way: what was met so far, and the counts."""

    def __init__(
        self,
        collection: Collection | None,
        cutter: Cutter,
        window: Window,
        listing: Listing,
        known: dict[str, Known],
        progress: Callable[[Progress], None] | None,
    ) -> None:
        self._collection = collection
        self._cutter = cutter
        self._window = window
        self._listing = listing
        self._files = {(file.root, file.name) for file in listing.files}
        self._known = known
        self._failures = list(listing.failures)
        self._met: dict[str, str] = {}
        self._kept: set[tuple[str, str]] = set(listing.untouched)
        self._added = self._changed = self._unchanged = 0
        rows = any(row_loader(file.name) for file in listing.files)
        self._meter = Meter(
            progress,
            total=None if rows else len(listing.files),
            total_bytes=sum(file.size for file in listing.files),
        )

    def take(self, file: SourceFile, *, text_column: str) -> None:
        """Bring one file in; whatever is wrong with it becomes a failure, and what was known of it is kept."""
        before = self._meter.bytes_done

        def at(position: int) -> None:
            self._meter.bytes_done = before + position

        try:
            for item in self._items(file, text_column, at):
                self._take_item(file, item)
                self._count_document()
        except LoadError as error:
            self._fail(file, Failure(path=error.path, reason=error.reason))
            self._count_document()
        at(file.size)

    def finish(self, *, dry_run: bool) -> SyncReport:
        """Write what still waits, let go what is gone, and report."""
        self._window.flush()
        gone = self._gone()
        if gone and self._collection is not None and not dry_run:
            self._collection.delete(gone)
        self._meter.embedded = self._window.embedded
        self._meter.tell()
        return SyncReport(
            added=self._added,
            changed=self._changed,
            removed=len(gone),
            unchanged=self._unchanged,
            failed=tuple(self._failures),
            chunks=self._meter.chunks,
            embedded=self._window.embedded,
            seconds=self._meter.seconds,
        )

    def _items(
        self, file: SourceFile, text_column: str, at: Callable[[int], None]
    ) -> Iterator[tuple[LoadedDocument, str] | Failure | None]:
        """Give each document with the digest of its file, each failure, or None where the file is unchanged."""
        if (read_rows := row_loader(file.name)) is not None:
            for item in read_rows(file, text_column=text_column, at=at):
                yield item if isinstance(item, Failure) else (item, "")
            return
        data = read_whole(file.path, file.source)
        digest = file_digest(data)
        known = self._known.get(file.name)
        if known and (known.root, known.fingerprint.file, known.fingerprint.origin) == (file.root, digest, file.name):
            yield None
        else:
            yield document_loader(file.name)(file, data), digest

    def _take_item(self, file: SourceFile, item: tuple[LoadedDocument, str] | Failure | None) -> None:
        if item is None and (reason := self._conflict(file, file.name)):
            self._failures.append(Failure(path=file.source, reason=reason, doc_id=file.name))
        elif item is None:
            self._met[file.name] = file.source
            self._unchanged += 1
        elif isinstance(item, Failure):
            self._fail(file, item)
        else:
            self._take_document(file, *item)

    def _take_document(self, file: SourceFile, loaded: LoadedDocument, digest: str) -> None:
        if reason := self._conflict(file, loaded.doc_id):
            self._failures.append(Failure(path=loaded.place, reason=reason, doc_id=loaded.doc_id))
            return
        self._met[loaded.doc_id] = loaded.place
        known = self._known.get(loaded.doc_id)
        try:
            new = self._new_document(file, loaded, digest, known)
        except (LoadError, InputError) as error:
            reason = error.reason if isinstance(error, LoadError) else str(error)
            self._fail(file, Failure(path=loaded.place, reason=reason, doc_id=loaded.doc_id))
            return
        if new is None:
            self._unchanged += 1
            return
        self._window.add(new)
        self._meter.chunks += len(new.chunks)
        if known is None:
            self._added += 1
        else:
            self._changed += 1

    def _new_document(
        self, file: SourceFile, loaded: LoadedDocument, digest: str, known: Known | None
    ) -> NewDocument | None:
        """Give the document as the collection takes it, or None where it holds that very document."""
        loaded = replace(loaded, metadata=plain_metadata(loaded.metadata, path=loaded.place))
        fingerprint = Fingerprint(content_digest(loaded, self._cutter.settings), digest, file.name)
        if known == Known(file.root, fingerprint):
            return None
        new = NewDocument(
            doc_id=loaded.doc_id,
            text=loaded.text,
            source=loaded.source,
            title=loaded.title,
            metadata=loaded.metadata,
            root=file.root,
            content_hash=fingerprint.encode(),
            pages=loaded.pages,
            chunks=self._cutter.cut(loaded),
        )
        # Here rather than when it is written, among others: what does not fit must fail alone.
        check_document(new)
        return new

    def _conflict(self, file: SourceFile, doc_id: str) -> str:
        """Say why this id cannot be taken; empty when it can."""
        if doc_id in self._met:
            return f"the id {doc_id!r} was met before, in {self._met[doc_id]}: give each document its own"
        if doc_id != file.name and (file.root, doc_id) in self._files:
            return f"the id {doc_id!r} is that of the file of this name: give each document its own"
        known = self._known.get(doc_id)
        if known is None or known.root == file.root or known.root in self._listing.roots:
            return ""
        owner = f"to {known.root}" if known.root else "to a document that no sync has made"
        return (
            f"the id {doc_id!r} belongs {owner}: delete that document, or index one of the two folders into a "
            "collection of its own"
        )

    def _fail(self, file: SourceFile, failure: Failure) -> None:
        self._failures.append(failure)
        if failure.doc_id:
            self._met.setdefault(failure.doc_id, file.source)
        else:
            self._kept.add((file.root, file.name))

    def _count_document(self) -> None:
        self._meter.done += 1
        self._meter.embedded = self._window.embedded
        self._meter.tell()

    def _gone(self) -> list[str]:
        return [
            doc_id
            for doc_id, known in self._known.items()
            if known.root in self._listing.roots and doc_id not in self._met and not self._is_kept(known)
        ]

    def _is_kept(self, known: Known) -> bool:
        """Whether its file, or a folder above it, could not be read this time."""
        name = known.fingerprint.origin
        folders = (name[: place + 1] for place, sign in enumerate(name) if sign == "/")
        return any((known.root, candidate) in self._kept for candidate in (name, *folders))
