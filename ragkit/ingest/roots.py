"""From the paths given to the files to read, and whose they are."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import TYPE_CHECKING

from ragkit.errors import InputError, shorten
from ragkit.ingest.document import Failure, SourceFile
from ragkit.ingest.walk import Selection, walk

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

__all__ = ["Listing", "list_files"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """What the paths given hold."""

    files: list[SourceFile]
    """In the order of the paths, sorted within each; no file twice."""
    failures: list[Failure]
    """What could not be looked at."""
    roots: frozenset[str]
    """Absolute paths of the paths given: documents of these roots leave when their file is gone."""
    untouched: frozenset[tuple[str, str]] = field(default=frozenset())
    """`(root, name)` of files, and of folders with a `/` at the end, that could not be looked at: nothing known of
    them is removed."""


def list_files(
    paths: Sequence[str | Path], selection: Selection, *, recorded: Collection[str] = (), prune: bool = False
) -> Listing:
    """Find the files to read.

    A path is its own root, unless it lies below another path given or below a root the collection already knows:
    then its files belong to that root, so that `index docs` and `index docs/guide.md` mean the same document.

    Args:
        paths: Files and folders as the user gave them.
        selection: Which files of a folder are wanted; a file given by name is always taken.
        recorded: Roots that have documents.
        prune: Whether a missing or empty path is taken at its word.

    Raises:
        InputError: If no path is given, a path does not exist, or a folder holds nothing to index; where it had
            documents, unless `prune`.
    """
    if not paths:
        raise InputError("no path given: expected files or folders to index.")
    if any(not str(path) or str(path).isspace() for path in paths):
        raise InputError("a path is empty: expected files or folders; is a variable of the shell not set?")
    files: dict[str, SourceFile] = {}
    failures: list[Failure] = []
    untouched: set[tuple[str, str]] = set()
    roots: dict[str, Path] = {}
    for path in paths:
        roots.setdefault(os.path.abspath(path), Path(path))  # noqa: PTH100  # a root that is a link keeps its own name
    owners = {*recorded, *_outermost(roots, recorded)}
    for absolute, path in roots.items():
        names, problems = _names(path, selection, had=absolute in recorded, prune=prune)
        for problem in problems:
            untouched.add(_owner(absolute, problem.path, owners))
            failures.append(_shown(problem, path))
        for name in names:
            file = _source_file(path, absolute, name, owners)
            files.setdefault(f"{file.root}\0{file.name}", file)
    return Listing(
        files=list(files.values()), failures=failures, roots=frozenset(roots), untouched=frozenset(untouched)
    )


def _names(path: Path, selection: Selection, *, had: bool, prune: bool) -> tuple[list[str], list[Failure]]:
    """List what is wanted below a path; a file lists itself as the empty name."""
    try:
        names, problems = walk(path, selection) if path.is_dir() else ([""] if os.path.lexists(path) else None, [])
    except OSError as error:
        raise InputError(f"{shorten(path)} cannot be read: {error.strerror}; nothing removed.") from error
    if names or problems or (prune and had):
        return names or [], problems
    state = "does not exist" if names is None else "holds nothing to index"
    if had:
        raise InputError(f"{shorten(path)} {state}, but had documents: nothing removed; pass --prune to remove them.")
    kinds = "" if names is None else f"; expected files ending in {', '.join(selection.suffixes)}"
    raise InputError(f"{shorten(path)} {state}{kinds}.")


def _outermost(roots: Collection[str], recorded: Collection[str]) -> list[str]:
    """Give those that lie in no other, and in none that is recorded."""
    return [
        root
        for root in roots
        if not any(str(above) in roots or str(above) in recorded for above in PurePath(root).parents)
    ]


def _source_file(path: Path, absolute: str, name: str, owners: Collection[str]) -> SourceFile:
    found = path / name
    root, inner = _owner(absolute, name, owners)
    try:
        size = found.stat().st_size
    except OSError:
        size = 0  # opening it will say why
    return SourceFile(path=found, root=root, name=inner, source=str(found), size=size)


def _owner(absolute: str, name: str, owners: Collection[str]) -> tuple[str, str]:
    """Give the root that a file or folder belongs to, and its name there: its own where it is itself the root."""
    whole = f"{absolute.rstrip('/')}/{name}".rstrip("/") or "/"
    root = whole
    while root not in owners:
        root = os.path.dirname(root)  # noqa: PTH120  # text only: it runs for every file
    inner = whole[len(root) :].lstrip("/") if whole != root else whole.rpartition("/")[2]
    return root, inner + "/" * name.endswith("/")


def _shown(problem: Failure, path: Path) -> Failure:
    return Failure(path=str(path / problem.path), reason=problem.reason)
