"""Which files a folder holds: sorted, `.gitignore` honoured, nothing hidden, nothing twice, nothing that is no file."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from pathspec import GitIgnoreSpec

from ragkit.errors import InputError, LoadError, shorten
from ragkit.ingest.document import Failure
from ragkit.ingest.reading import read_whole

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Found", "Selection", "walk"]

_GITIGNORE_BYTES = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Which of the files in a folder are wanted; the patterns are those of `.gitignore`.

    Raises:
        InputError: If a pattern cannot be read.
    """

    include: Sequence[str] = ()
    """Only files that match one of these, such as `*.md` or `guides/**`; empty for all."""
    exclude: Sequence[str] = ()
    """No file that matches one of these, and nothing below a folder that does."""
    suffixes: Sequence[str] = ()
    """Endings of file names, lower case; empty for all."""
    skip: Sequence[Path] = ()
    """Folders never entered, such as the collection's own."""
    _include: GitIgnoreSpec = field(init=False, repr=False, compare=False)
    _exclude: GitIgnoreSpec = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_include", _patterns(self.include))
        object.__setattr__(self, "_exclude", _patterns(self.exclude))

    def takes(self, name: str) -> bool:
        """Whether the file at this posix path, relative to the root, is wanted."""
        wanted = not self.include or self._include.match_file(name)
        return wanted and not self._exclude.match_file(name) and name.lower().endswith(tuple(self.suffixes) or "")

    def enters(self, name: str) -> bool:
        """Whether the folder at this posix path, relative to the root, is looked into."""
        return not self._exclude.match_file(f"{name}/")


class Found(NamedTuple):
    """What lies in a folder."""

    names: list[str]
    """Wanted files: posix paths relative to the folder, sorted."""
    failures: list[Failure]
    """What could not be looked at, `path` relative to the folder too; a folder's ends in `/`."""


class _Folder(NamedTuple):
    path: Path
    name: str
    ignores: tuple[tuple[str, GitIgnoreSpec], ...]


def walk(root: Path, selection: Selection) -> Found:
    """List the wanted files below `root`.

    Names that begin with a dot are passed over, and so is what a `.gitignore` at or below `root` ignores. Links to
    files are followed; links to folders too, after all true folders and each folder once, so that loops end.

    Raises:
        OSError: If `root` itself cannot be listed.
    """
    names: list[str] = []
    failures: list[Failure] = []
    seen: set[tuple[int, int]] = {_identity(path) for path in selection.skip if path.exists()}
    waiting, links = [_Folder(root, "", ())], list[_Folder]()
    while waiting or links:
        folder = waiting.pop() if waiting else links.pop(0)
        try:
            if (identity := _identity(folder.path)) in seen:
                continue
            seen.add(identity)
            entries = sorted(os.scandir(folder.path), key=lambda entry: entry.name)
        except OSError as error:
            if not folder.name:
                raise
            failures.append(Failure(path=f"{folder.name}/", reason=f"the folder cannot be read: {error.strerror}"))
            continue
        ignores = folder.ignores + _gitignore(folder, failures)
        for entry in entries:
            name = folder.name + "/" + entry.name if folder.name else entry.name
            if entry.name.startswith("."):
                continue
            kind = _kind(entry)
            if kind == "folder" and selection.enters(name) and not _ignored(f"{name}/", ignores):
                (links if entry.is_symlink() else waiting).append(_Folder(Path(entry.path), name, ignores))
            elif kind != "folder" and selection.takes(name) and not _ignored(name, ignores):
                _take(name, kind, names, failures)
    return Found(sorted(names), sorted(failures, key=lambda failure: failure.path))


def _take(name: str, kind: str, names: list[str], failures: list[Failure]) -> None:
    if kind == "special":
        return
    if not _is_text(name):
        shown = name.encode("utf-8", "replace").decode()
        failures.append(Failure(path=shown, reason="its name is not valid UTF-8: rename it"))
    elif kind == "nothing":
        failures.append(Failure(path=name, reason="is a link to nothing", doc_id=name))
    else:
        names.append(name)


def _is_text(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _kind(entry: os.DirEntry[str]) -> str:
    try:
        mode = entry.stat().st_mode
    except OSError:
        return "nothing"
    if stat.S_ISDIR(mode):
        return "folder"
    return "file" if stat.S_ISREG(mode) else "special"


def _identity(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_dev, status.st_ino


def _gitignore(folder: _Folder, failures: list[Failure]) -> tuple[tuple[str, GitIgnoreSpec], ...]:
    path = folder.path / ".gitignore"
    if not path.is_file():
        return ()
    name = f"{folder.name}/.gitignore".lstrip("/")
    try:
        text = read_whole(path, name, limit=_GITIGNORE_BYTES).decode("utf-8", "replace")
        return ((f"{folder.name}/" if folder.name else "", GitIgnoreSpec.from_lines(text.splitlines())),)
    except LoadError as error:
        failures.append(Failure(path=name, reason=error.reason))
    except ValueError as error:
        failures.append(Failure(path=name, reason=f"holds a pattern that cannot be read: {shorten(error)}"))
    return ()


def _ignored(name: str, ignores: Sequence[tuple[str, GitIgnoreSpec]]) -> bool:
    """Whether git would ignore it: the deepest file that says anything decides."""
    for base, spec in reversed(ignores):
        verdict = spec.check_file(name.removeprefix(base)).include
        if verdict is not None:
            return verdict
    return False


def _patterns(patterns: Sequence[str]) -> GitIgnoreSpec:
    try:
        return GitIgnoreSpec.from_lines(patterns)
    except ValueError as error:
        raise InputError(
            f"the pattern {shorten(patterns)} cannot be read: {error}; expected one like '*.md'."
        ) from error
