"""What a sync tells when it is done."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ragkit.ingest.document import Failure

__all__ = ["SyncReport"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncReport:
    """What a sync did, or with `dry_run` would do."""

    added: int = 0
    """Documents that were not there."""
    changed: int = 0
    """Documents replaced, because their text, title or metadata differ."""
    removed: int = 0
    """Documents whose file or row is gone."""
    unchanged: int = 0
    """Documents left as they are."""
    failed: tuple[Failure, ...] = ()
    """Files and rows that gave no document, each with its reason; what the collection held of them is kept."""
    chunks: int = 0
    """Chunks of the added and changed documents."""
    embedded: int = 0
    """Texts embedded: chunks that were there before, and repetitions, are not embedded again."""
    seconds: float = 0.0
    """Time taken."""

    def as_dict(self) -> dict[str, Any]:
        """Give the report as the JSON of `ragkit index --json`."""
        return {
            "added": self.added,
            "changed": self.changed,
            "removed": self.removed,
            "unchanged": self.unchanged,
            "failed": [failure.as_dict() for failure in self.failed],
            "chunks": self.chunks,
            "embedded": self.embedded,
            "seconds": round(self.seconds, 3),
        }
