"""What models said, kept by the content address of the question, so that nothing is asked or paid twice."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import Any, Self

from ragkit.disk.lock import WriterLock
from ragkit.errors import InputError, StoreLockedError
from ragkit.evaluate.chat import Ask, Reply
from ragkit.evaluate.json_log import JsonLog

__all__ = ["Journal", "locked_by_us"]


def locked_by_us(path: Path, what: str) -> WriterLock:
    """Take the lock file `path`, or say who has it.

    Args:
        path: The lock file; its folder exists.
        what: What is locked, for the message.

    Raises:
        StoreLockedError: If another process, or another object of this one, holds it.
    """
    lock = WriterLock(path)
    if not lock.try_acquire():
        holder = path.read_text(encoding="utf-8").strip()
        raise StoreLockedError(
            f"{what} is being written by process {holder or 'unknown'}: wait for it to end, or use another folder."
        )
    return lock


class Journal:
    """Replies by the key of their question, one JSON line each: `{"key", "ask", "reply"}`.

    A reply is durable when `put` returns. A last line that a crash cut short is dropped; a changed line in the middle
    is an error. One writer at a time, across processes; any number of threads. Holds all replies in memory.
    """

    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        """Open the journal at `path`, which need not exist; its folder must.

        Args:
            path: A file of JSON lines.
            read_only: Take no lock and write nothing, for replaying a recording.

        Raises:
            StoreLockedError: If another process is writing to it.
            LoadError: If a line cannot be read; names file and line.
        """
        self.path = path
        self._mutex = Lock()
        lock_path = path.with_name(f".{path.name}.lock")
        self._writer = None if read_only else locked_by_us(lock_path, str(path))
        try:
            self._log = JsonLog(path)
            self._replies = dict(reversed(self._log.load(_entry)))  # what was said first stands
        except BaseException:
            self.close()
            raise

    def __len__(self) -> int:
        return len(self._replies)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def get(self, key: str) -> Reply | None:
        """Give what was said to the question with this key (`Ask.key`); None if it was never asked."""
        return self._replies.get(key)

    def put(self, key: str, ask: Ask, reply: Reply) -> None:
        """Keep a reply, durable on return. What was said to a question first stands: a second reply is not kept.

        Raises:
            InputError: If the journal is read-only, closed, or of the parent process of this one.
            StoreFullError: If the disk has no room; the journal is unchanged then.
        """
        with self._mutex:
            if self._writer is None or not self._writer.held:
                raise InputError(f"the journal {self.path} is not open for writing here: open it again to add to it.")
            if key not in self._replies:
                self._log.append({"key": key, "ask": asdict(ask), "reply": asdict(reply)})
                self._replies[key] = reply

    def replies(self) -> list[Reply]:
        """Give every reply kept, in no special order."""
        with self._mutex:
            return list(self._replies.values())

    def close(self) -> None:
        """Let another process write; replies can still be read."""
        with self._mutex:
            if self._writer is not None:
                self._log.close()
                self._writer.release()


def _entry(document: Mapping[str, Any]) -> tuple[str, Reply]:
    return str(document["key"]), Reply(**document["reply"])
