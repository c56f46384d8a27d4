"""`run.trec` while it is being made: appended to block by block, cut back to whole blocks after a kill."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Self

from ragkit.disk.space import full_disk_named
from ragkit.errors import InputError, shorten

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

__all__ = ["Rankings", "run_lines"]

TAG = "ragkit"


def run_lines(query: str, documents: Sequence[str], tag: str = TAG) -> str:
    """Give one query's part of a TREC run; scores are whole numbers that fall to 1, so no tool sees a tie.

    Raises:
        InputError: If an id holds white space, which divides the columns of a run.
    """
    # what an id holds shows in one joined text: looking at a thousand ids one by one costs more than writing them
    if len(f"{query}\n{chr(10).join(documents)}".split()) != len(documents) + 1 or any(
        not document for document in documents
    ):
        odd = next(name for name in (query, *documents) if len(name.split()) != 1)
        raise InputError(
            f"the id {shorten(odd)!r} cannot stand in a TREC run: expected an id without white space; rename it."
        )
    last = len(documents)
    return "".join(
        f"{query} Q0 {document} {rank} {last - rank + 1} {tag}\n" for rank, document in enumerate(documents, start=1)
    )


class Rankings:
    """The run file of a run that may be killed and resumed.

    A block is durable before the row log is told of it, so a resume may find the rankings of a block that counts as not
    done: whatever stands in the file from that block on is cut off when the block comes again.
    """

    def __init__(self, path: Path) -> None:
        """Read which query begins where; a last line that a crash cut short is cut off."""
        self.path = path
        self._starts: dict[str, int] = {}
        self._end = 0
        path.touch()
        with path.open("rb") as lines:
            for line in lines:
                if not line.endswith(b"\n"):
                    break
                self._starts.setdefault(line.split(b" ", 1)[0].decode(), self._end)
                self._end += len(line)

    @classmethod
    def anew(cls, path: Path) -> Self:
        """Begin with an empty file, whatever an earlier try left."""
        path.unlink(missing_ok=True)
        return cls(path)

    def append(self, rankings: Mapping[str, Sequence[str]]) -> None:
        """Write the rankings of a block, durable on return; what an earlier try left of it and after it goes.

        Raises:
            InputError: If an id cannot stand in a run; nothing is written then.
            StoreFullError: If the disk has no room.
        """
        self._cut(rankings)
        parts, start = list[bytes](), self._end
        for query, documents in rankings.items():
            if documents:
                parts.append(run_lines(query, documents).encode())
                self._starts[query] = start
                start += len(parts[-1])
        with full_disk_named(self.path), self.path.open("r+b") as file:
            file.truncate(self._end)
            file.seek(self._end)
            file.write(b"".join(parts))
            file.flush()
            os.fsync(file.fileno())
            self._end = file.tell()

    def _cut(self, queries: Iterable[str]) -> None:
        self._end = min([self._end, *(self._starts[query] for query in queries if query in self._starts)])
        self._starts = {query: start for query, start in self._starts.items() if start < self._end}
