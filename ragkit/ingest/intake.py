"""File after file into the collection: what is known, what is new, what failed, and in the end what is gone."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

from ragkit.errors import InputError, LoadError
from ragkit.ingest.cut import Cutter
from ragkit.ingest.document import Failure, LoadedDocument, SourceFile
from ragkit.ingest.fingerprint import Fingerprint, content_digest, file_digest
from ragkit.ingest.loaders.formats import document_loader, row_loader
from ragkit.ingest.metadata import plain_metadata
from ragkit.ingest.reading import read_whole
from ragkit.ingest.roots import Listing
from ragkit.ingest.window import Step
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
        doc_id: Known(root, Fingerprint.decode(content_hash))
        for doc_id, (root, content_hash) in collection.fingerprints().items()
    }


class Intake:
    """One sync's reading: what was met so far, and the counts; `steps` runs in one thread, the rest is asked later."""

    def __init__(self, cutter: Cutter, listing: Listing, known: Mapping[str, Known]) -> None:
        self._cutter = cutter
        self._listing = listing
        self._files = {(file.root, file.name) for file in listing.files}
        self._known = known
        self._met: dict[str, str] = {}
        self._kept: set[tuple[str, str]] = set(listing.untouched)
        self.failures = list(listing.failures)
        """What gave no document."""
        self.added = 0
        """New documents."""
        self.changed = 0
        """Documents that replace one."""
        self.unchanged = 0
        """Documents left as they are."""

    def steps(self, *, text_column: str) -> Iterator[Step]:
        """Read and cut file after file; what is wrong with one is a failure, and what was known of it is kept."""
        before = 0
        for file in self._listing.files:
            read = before

            def at(position: int, before: int = before) -> None:
                nonlocal read
                read = before + position

            try:
                for item in self._items(file, text_column, at):
                    yield Step(self._take(file, item), read)
            except LoadError as error:
                self._fail(file, Failure(path=error.path, reason=error.reason))
                yield Step(None, read)
            before += file.size

    def gone(self) -> list[str]:
        """Give the documents to let go: of these roots, not met, and not of a file that could not be read."""
        return [
            doc_id
            for doc_id, known in self._known.items()
            if known.root in self._listing.roots and doc_id not in self._met and not self._is_kept(known)
        ]

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
            at(file.size)
            yield None
        else:
            loaded = document_loader(file.name)(file, data)
            at(file.size)
            yield loaded, digest

    def _take(self, file: SourceFile, item: tuple[LoadedDocument, str] | Failure | None) -> NewDocument | None:
        """Give what is to be written."""
        if item is None and (reason := self._conflict(file, file.name)):
            self.failures.append(Failure(path=file.source, reason=reason, doc_id=file.name))
        elif item is None:
            self._met[file.name] = file.source
            self.unchanged += 1
        elif isinstance(item, Failure):
            self._fail(file, item)
        else:
            return self._take_document(file, *item)
        return None

    def _take_document(self, file: SourceFile, loaded: LoadedDocument, digest: str) -> NewDocument | None:
        if reason := self._conflict(file, loaded.doc_id):
            self.failures.append(Failure(path=loaded.place, reason=reason, doc_id=loaded.doc_id))
            return None
        self._met[loaded.doc_id] = loaded.place
        known = self._known.get(loaded.doc_id)
        try:
            new = self._new_document(file, loaded, digest, known)
        except (LoadError, InputError) as error:
            reason = error.reason if isinstance(error, LoadError) else str(error)
            self._fail(file, Failure(path=loaded.place, reason=reason, doc_id=loaded.doc_id))
            return None
        if new is None:
            self.unchanged += 1
        elif known is None:
            self.added += 1
        else:
            self.changed += 1
        return new

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
        self.failures.append(failure)
        if failure.doc_id:
            self._met.setdefault(failure.doc_id, file.source)
        else:
            self._kept.add((file.root, file.name))

    def _is_kept(self, known: Known) -> bool:
        """Whether its file, or a folder above it, could not be read this time."""
        name = known.fingerprint.origin
        folders = (name[: place + 1] for place, sign in enumerate(name) if sign == "/")
        return any((known.root, candidate) in self._kept for candidate in (name, *folders))
