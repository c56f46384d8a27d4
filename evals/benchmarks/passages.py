"""Real text to index: MS MARCO passages, or the paragraphs of the handbook where those are missing."""

from __future__ import annotations

import csv
import gzip
import itertools
import json
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Passages", "read_passages"]

_HANDBOOK = Path(__file__).parents[2] / "apps" / "handbook"
_SHORTEST = 40
_NO_PROSE = ("#", "|", "`", "---")


@dataclass(frozen=True, slots=True)
class Passages:
    """Texts with their ids, and queries to search them with."""

    source: str
    """Where they come from, in words."""
    texts: dict[str, str]
    """Text by id."""
    queries: list[str]
    """What to search with; at most as many as asked for."""

    def write(self, path: Path) -> Path:
        """Write the texts as JSONL of `id` and `text`."""
        lines = (json.dumps({"id": name, "text": text}, ensure_ascii=False) + "\n" for name, text in self.texts.items())
        path.write_text("".join(lines), encoding="utf-8")
        return path


def read_passages(data: Path, count: int, *, queries: int = 100) -> Passages:
    """Give `count` passages, fewer when there are fewer, in a fixed order.

    Args:
        data: Folder that may hold `msmarco_passage` (`collection.sample.tsv.gz`, `queries.dev.small.tsv`).
        count: Passages wanted, at least 1.
        queries: Queries wanted; of the handbook, its headings.
    """
    collection = data / "msmarco_passage" / "collection.sample.tsv.gz"
    if not collection.exists():
        return _handbook(count, queries)
    with gzip.open(collection, "rt", encoding="utf-8", newline="") as lines:
        rows = csv.reader(lines, delimiter="\t", quoting=csv.QUOTE_NONE)
        texts = {row[0]: row[1] for row in itertools.islice(rows, count)}
    asked = (collection.parent / "queries.dev.small.tsv").read_text(encoding="utf-8").splitlines()
    return Passages("MS MARCO passages", texts, [line.split("\t")[1] for line in asked[:queries]])


def _handbook(count: int, queries: int) -> Passages:
    pages = [path.read_text(encoding="utf-8") for path in sorted(_HANDBOOK.glob("[0-9]*.md"))]
    blocks = [" ".join(block.split()) for page in pages for block in page.split("\n\n")]
    paragraphs = [block for block in blocks if len(block) >= _SHORTEST and not block.startswith(_NO_PROSE)]
    headings = [block.lstrip("# ") for block in blocks if block.startswith("##")]
    return Passages(
        "paragraphs of the handbook",
        {str(number): text for number, text in enumerate(list(dict.fromkeys(paragraphs))[:count])},
        headings[:queries],
    )
