"""A collection in a forked child: nothing of the parent's is given back, and nothing is written without the lock."""

from __future__ import annotations

import fcntl
import os
import pickle
from contextlib import closing, suppress
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from ragkit.disk.sqlite import connect, transaction
from ragkit.errors import StoreError, StoreLockedError
from ragkit.store.collection import Collection
from ragkit.store.records import NewChunk, NewDocument

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytestmark = pytest.mark.filterwarnings("ignore:This process.*is multi-threaded:DeprecationWarning")


class _Child:
    """A forked process that gives what a function gives, or the text of the error that it raised."""

    def __init__(self, work: Callable[[], Any]) -> None:
        self._go, self._told = os.pipe(), os.pipe()
        self._pid = os.fork()
        if not self._pid:
            os.read(self._go[0], 1)
            try:
                answer: Any = work()
            except BaseException as error:  # noqa: BLE001  # the parent looks at it
                answer = f"{type(error).__name__}: {error}"
            os.write(self._told[1], pickle.dumps(answer))
            os._exit(0)

    def answer(self) -> Any:
        """Let it work, and wait until it has."""
        os.write(self._go[1], b"x")
        found = os.read(self._told[0], 65_536)
        os.waitpid(self._pid, 0)
        for descriptor in (*self._go, *self._told):
            os.close(descriptor)
        return pickle.loads(found)  # noqa: S301  # our own


def _document(name: str) -> tuple[NewDocument, Any]:
    return NewDocument(doc_id=name, text="a cat", chunks=[NewChunk(0, 5)]), np.eye(1, 6)


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Collection]:
    with Collection.open(tmp_path / "store", dim=6, wait_s=0.1) as collection:
        collection.put(*_document("a"))
        len(collection)
        yield collection


def test_child_does_not_write_while_its_parent_holds_the_lock(opened: Collection) -> None:
    child = _Child(lambda: opened.put(*_document("b")))
    assert child.answer() == (
        f"StoreLockedError: {opened.folder} is being written by process {os.getpid()}: waited 0.1 s; "
        "wait for it to finish, or close the collection there."
    )
    child = _Child(lambda: opened.compact(secure=True))
    assert child.answer().startswith("StoreLockedError")
    opened.put(*_document("c"))
    assert [item.doc_id for item in opened.documents()] == ["a", "c"]


def test_child_writes_once_its_parent_has_released_the_lock(opened: Collection) -> None:
    child = _Child(lambda: (opened.put(*_document("b")), opened.release(), len(opened))[-1])
    opened.release()
    assert child.answer() == 2
    assert [hit.doc_id for hit in opened.search_bm25(["cat"], k=9)[0]] == ["a", "b"]
    opened.put(*_document("c"))
    assert len(opened) == 3


def test_child_that_lives_on_keeps_no_lock_of_its_parent(opened: Collection) -> None:
    child = _Child(lambda: 0)
    assert opened._writer is not None
    lock = opened._writer._lock
    assert lock._descriptor is not None
    assert lock._dropped is not None
    lock._dropped.detach()
    os.close(lock._descriptor)  # as the kernel does when the parent dies
    lock._descriptor = None
    with Collection.open(opened.folder, wait_s=0) as other:
        other.put(*_document("b"))
    assert child.answer() == 0


def test_child_reads_what_is_written_after_the_fork(opened: Collection) -> None:
    child = _Child(lambda: (len(opened), [hit.doc_id for hit in opened.search_bm25(["cat"], k=9)[0]]))
    opened.put(*_document("b"))
    folder = opened.folder
    opened.close()  # the last connection: SQLite removes its log
    with Collection.open(folder) as other:
        other.put(*_document("c"))
        assert child.answer() == (3, ["a", "b", "c"])
        assert len(other) == 3


def _compactor_would_wait(collection: Collection) -> bool:
    descriptor = os.open(collection._generation.parts.path, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def test_read_of_a_child_does_not_end_the_shared_lock_of_its_parent(opened: Collection) -> None:
    child = _Child(lambda: len(opened))
    with opened.moment():
        assert child.answer() == 1
        assert _compactor_would_wait(opened)
    assert not _compactor_would_wait(opened)


def test_child_reads_on_though_its_generation_was_removed(opened: Collection) -> None:
    child = _Child(lambda: (opened.manifest.generation, len(opened), opened.manifest.generation))
    opened.compact(secure=True)
    assert child.answer() == (1, 1, 2)


def test_fork_during_a_read_makes_a_child_that_refuses_the_catalog(opened: Collection) -> None:
    with opened.moment():
        child = _Child(lambda: len(opened))
        again = _Child(lambda: len(Collection.open(opened.folder)))
        for answer in (child.answer(), again.answer()):
            assert answer.startswith("StoreError: ")
            assert "catalog.sqlite was in use when this process was forked: fork before" in answer
    assert len(opened) == 1


def test_fork_in_a_turn_gives_the_child_no_turn(opened: Collection) -> None:
    children: list[_Child] = []

    def documents() -> Iterator[tuple[NewDocument, Any]]:
        yield _document("b")
        with opened._writing() as (writer, generation):  # what the child has at hand
            children.append(_Child(lambda: writer.delete(generation, ["a"], None)))
        yield _document("c")

    opened.put_many(documents())
    assert "this process was forked from the one that writes" in children[0].answer()
    assert [item.doc_id for item in opened.documents()] == ["a", "b", "c"]


def test_child_that_leaves_a_rebuild_does_not_remove_what_its_parent_builds(
    opened: Collection, word_encoder: Callable[..., Any]
) -> None:
    def leave() -> list[str]:  # as an error in the block of the child does
        with suppress(RuntimeError):
            rebuilding.__exit__(RuntimeError, RuntimeError("the child fails"), None)
        return sorted(path.name for path in opened.folder.glob("generation-*"))

    rebuilding = opened.rebuilding(word_encoder())
    with rebuilding as rebuild:
        rebuild.put_many([_document("z")])
        child = _Child(leave)
        assert child.answer() == ["generation-1", "generation-2"]
        rebuild.put_many([_document("y")])
    assert [item.doc_id for item in opened.documents()] == ["y", "z"]


def test_fork_without_use_leaves_the_parent_as_it_was(opened: Collection) -> None:
    assert _Child(lambda: 7).answer() == 7
    assert opened._writer is not None
    assert opened._writer._lock.held
    with closing(connect(opened._generation.parts.catalog)) as db, transaction(db, write=False):
        assert len(opened) == 1
    opened.put(*_document("b"))
    with Collection.open(opened.folder, wait_s=0) as other, pytest.raises(StoreLockedError):
        other.delete(["a"])


def test_closed_collection_stays_closed_in_a_child(opened: Collection) -> None:
    opened.close()
    assert _Child(lambda: len(opened)).answer().startswith("StoreError: the collection")
    with pytest.raises(StoreError, match="is closed: open it again"):
        len(opened)
