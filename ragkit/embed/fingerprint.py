"""The sha256 of a model's weights: what names it, and what the packaged model is checked against.

Hashing 87 MB takes about 0.1 s, so it happens in the background while the graph is compiled, and with a memory folder
only once per state of a file: a digest is remembered with the file's size, inode and times of change of content and of
status. Whoever can write into that folder, or set the clock back, can fool it: it guards against damage, not against an
attacker on the same account.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import threading
from typing import TYPE_CHECKING

from ragkit.errors import ModelFilesError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

__all__ = ["Fingerprint", "file_sha256"]


def file_sha256(path: Path, *, memory: Path | None = None) -> str:
    """Give the sha256 of a file as 64 hexadecimal digits.

    Args:
        path: The file.
        memory: Folder of remembered digests; None reads the file every time. A folder that cannot be written is no
            error: the file is read again next time.

    Raises:
        ModelFilesError: If the file cannot be read.
    """
    try:
        state = _state(path)
        note = memory / f"{hashlib.sha256(os.fsencode(path.resolve())).hexdigest()}.json" if memory else None
        if note and (remembered := _recall(note, state)):
            return remembered
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise ModelFilesError(f"{path} cannot be read ({error.strerror}): fetch or install the model again.") from error
    if note and _state(path) == state:
        _remember(note, state, digest)
    return digest


class Fingerprint:
    """The digest of one model's weight files, computed at most once, in the background if asked early."""

    def __init__(self, files: Sequence[Path], *, expected: str = "", memory: Path | None = None) -> None:
        self._files = files
        self._expected = expected
        self._memory = memory
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._digest = ""
        self._error: ModelFilesError | None = None

    def start(self) -> None:
        """Begin in the background; does nothing when begun."""
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._compute, name="ragkit-fingerprint", daemon=True)
                self._thread.start()

    def sha256(self) -> str:
        """Wait for the digest: the file's own for one file, that of the joined digests for several.

        Raises:
            ModelFilesError: If a file cannot be read, or the digest is not the expected one.
        """
        self.start()
        if self._thread is not None:
            self._thread.join()
        if self._error:
            raise ModelFilesError(str(self._error)) from self._error
        return self._digest

    def _compute(self) -> None:
        try:
            digests = [file_sha256(path, memory=self._memory) for path in self._files]
        except ModelFilesError as error:
            self._error = error
            return
        self._digest = digests[0] if len(digests) == 1 else hashlib.sha256("".join(digests).encode()).hexdigest()
        if self._expected and self._digest != self._expected:
            self._error = ModelFilesError(
                f"{self._files[0]} has sha256 {self._digest}, expected {self._expected}: "
                "the file is damaged or another model; install the model's package again."
            )


def _state(path: Path) -> list[int]:
    status = path.stat()
    return [status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino]


def _recall(note: Path, state: list[int]) -> str:
    try:
        entry = json.loads(note.read_text(encoding="ascii"))
        return str(entry["sha256"]) if entry["state"] == state and len(entry["sha256"]) == 64 else ""
    except (OSError, ValueError, KeyError, TypeError):  # absent or damaged: read the file itself
        return ""


def _remember(note: Path, state: list[int], digest: str) -> None:
    with contextlib.suppress(OSError):  # only time is lost
        note.parent.mkdir(parents=True, exist_ok=True)
        draft = note.with_suffix(f".{os.getpid()}.{threading.get_ident()}")
        draft.write_text(json.dumps({"state": state, "sha256": digest}), encoding="ascii")
        draft.replace(note)
