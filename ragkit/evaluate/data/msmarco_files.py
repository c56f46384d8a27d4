"""The official files of MS MARCO passage ranking: how many lines each has, and its checksums where they are known."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Literal

from ragkit.errors import LoadError
from ragkit.evaluate.data.collection import MSMARCO_PASSAGES
from ragkit.evaluate.data.lines import DAMAGE, find_file, open_bytes

__all__ = ["NEEDED", "OFFICIAL", "FileCheck", "OfficialFile", "check_files"]


@dataclass(frozen=True, slots=True)
class OfficialFile:
    """What is known of one published file."""

    name: str
    lines: int | None = None
    """Lines of the unpacked file; None of an archive, which is not opened."""
    md5: tuple[str, ...] = ()
    """Of the unpacked file, as published and in copies that are widely used; empty where none is known."""
    packed: tuple[str, ...] = ()
    """Of the file as it is downloaded, packed; several where it was published anew."""


OFFICIAL = (
    OfficialFile("collectionandqueries.tar.gz", packed=("31644046b18952c1386cd4564ba2ae69",)),
    OfficialFile("collection.tar.gz", packed=("87dd01826da3e2ad45447ba5af577628",)),
    OfficialFile("queries.tar.gz", packed=("c177b2795d5f2dcc524cf00fcd973be1",)),
    OfficialFile("top1000.dev.tar.gz", packed=("8c140662bdf123a98fbfe3bb174c5831",)),
    OfficialFile("top1000.eval.tar.gz", packed=("73778cd99f6e0632d12d0b5731b20a02",)),
    OfficialFile("top1000.train.tar.gz", packed=("d99fdbd5b2ea84af8aa23194a3263052",)),
    OfficialFile("collection.tsv", MSMARCO_PASSAGES, md5=("31e42eeac3a3ea1b75c689c483be4484",)),
    OfficialFile("queries.train.tsv", 808_731),
    OfficialFile("queries.dev.tsv", 101_093),
    OfficialFile("queries.eval.tsv", 101_092),
    OfficialFile("queries.dev.small.tsv", 6_980, md5=("4621c583f1089d223db228a4f95a05d1",)),
    OfficialFile("queries.eval.small.tsv", 6_837, md5=("bafaf0b9eb23503d2a5948709f34fc3a",)),
    OfficialFile("qrels.train.tsv", 532_761, md5=("733fb9fe12d93e497f7289409316eccf",)),
    OfficialFile("qrels.dev.tsv", 59_273, md5=("9157ccaeaa8227f91722ba5770787b16",)),
    # The second one is Anserini's copy, with blanks for tabs.
    OfficialFile(
        "qrels.dev.small.tsv", 7_437, md5=("38a80559a561707ac2ec0f150ecd1e8a", "521ff630abe77a3e120417565ff025f1")
    ),
    OfficialFile(
        "msmarco-test2019-queries.tsv",
        200,
        packed=("eda71eccbe4d251af83150abe065368c", "756e60d714cee28d3b552289d6272f1d"),
    ),
    OfficialFile("2019qrels-pass.txt", 9_260, md5=("2f4be390198da108f6845c822e5ada14",)),
    OfficialFile("msmarco-test2020-queries.tsv", 200, packed=("00a406fb0d14ed3752d70d1e4eb98600",)),
    OfficialFile("2020qrels-pass.txt", 11_386, md5=("0355ccee7509ac0463e8278186cdd8d1",)),
)
"""Counts are those of the organisers and of NIST. Checksums are those that ir_datasets, OpenNIR, datamaestro, Anserini
or doc2query publish, or measured on a copy."""

NEEDED = ("collection.tsv", "queries.dev.small.tsv", "qrels.dev.small.tsv")
"""What the official evaluation of retrieval needs, as files or inside an archive."""

_ARCHIVED = {"collectionandqueries.tar.gz": frozenset(NEEDED), "collection.tar.gz": frozenset({"collection.tsv"})}


@dataclass(frozen=True, slots=True)
class FileCheck:
    """What was found of one official file."""

    name: str
    path: Path | None
    """Where it lies; None if it is missing."""
    state: Literal["good", "wrong", "missing"]
    """`good`: nothing that is known of the file speaks against it."""
    reason: str
    """What was compared with what, as one sentence."""
    lines: int | None = None
    """As counted; None of an archive, or where the file could not be read."""
    md5: str = ""
    """Of the unpacked content; of an archive, as it lies."""


def check_files(folder: Path, progress: Callable[[str], None] | None = None) -> list[FileCheck]:
    """Compare the files of a folder with what was published, by number of lines and by MD5 where one is known.

    Files may be packed (`.gz`, `.bz2`, `.xz`): their content is compared. Missing are the files that the official
    evaluation needs (`NEEDED`) and no good archive holds; others may be absent.

    Args:
        folder: Where the files lie.
        progress: Called with the name of each file before it is read; the collection takes half a minute or so.

    Returns:
        One per file that is there, in the order of `OFFICIAL`, then one per missing file.

    Raises:
        LoadError: If there is no such folder.
    """
    if not folder.is_dir():
        raise LoadError(str(folder), "there is no such folder.")
    checks: list[FileCheck] = []
    for official in OFFICIAL:
        if (path := find_file(folder, official.name)) is not None:
            if progress:
                progress(path.name)
            checks.append(_check(official, path))
    return [*checks, *_missing(checks)]


def _missing(checks: Sequence[FileCheck]) -> Iterator[FileCheck]:
    there = {check.name for check in checks}
    for check in checks:
        there |= _ARCHIVED.get(check.name, frozenset()) if check.state == "good" else frozenset()
    for name in NEEDED:
        if name not in there:
            yield FileCheck(name, None, "missing", "the official evaluation needs it.")


def _check(official: OfficialFile, path: Path) -> FileCheck:
    try:
        return _archive(official, path) if official.lines is None else _text(official, path, official.lines)
    except (LoadError, *DAMAGE) as error:
        return FileCheck(official.name, path, "wrong", f"cannot be read: {error}.")


def _archive(official: OfficialFile, path: Path) -> FileCheck:
    with path.open("rb") as file:
        _, md5 = _count_and_hash(file)
    if md5 in official.packed:
        return FileCheck(official.name, path, "good", "MD5 as published.", md5=md5)
    return FileCheck(official.name, path, "wrong", _other(md5, official.packed), md5=md5)


def _text(official: OfficialFile, path: Path, expected: int) -> FileCheck:
    with open_bytes(path) as file:
        lines, md5 = _count_and_hash(file)
    if lines != expected:
        reason = f"{lines:,} lines, {expected:,} were published: is it a part, or did it break off?"
        return FileCheck(official.name, path, "wrong", reason, lines, md5)
    counted = f"{lines:,} lines as published"
    if md5 in official.md5 or _as_downloaded(official, path):
        return FileCheck(official.name, path, "good", f"{counted}, MD5 as published.", lines, md5)
    if official.md5:
        return FileCheck(official.name, path, "wrong", f"{counted}, but {_other(md5, official.md5)}", lines, md5)
    return FileCheck(official.name, path, "good", f"{counted}; no MD5 of it is known.", lines, md5)


def _as_downloaded(official: OfficialFile, path: Path) -> bool:
    if not official.packed:
        return False
    with path.open("rb") as file:
        return _count_and_hash(file)[1] in official.packed


def _other(md5: str, published: Sequence[str]) -> str:
    return f"its MD5 is {md5} where {' or '.join(published)} was published: fetch it again."


def _count_and_hash(file: IO[bytes]) -> tuple[int, str]:
    """Count lines, a last one without line end included, and hash the bytes."""
    digest = hashlib.md5(usedforsecurity=False)
    lines, last = 0, b"\n"
    while block := file.read(1 << 20):
        digest.update(block)
        lines += block.count(b"\n")
        last = block[-1:]
    return lines + (last != b"\n"), digest.hexdigest()
