from __future__ import annotations

import gzip
import json
from pathlib import Path

from evals.wikipedia import main, write_articles


def test_articles_become_rows_that_index_reads(tmp_path: Path) -> None:
    article = {"url": "https://example.org/wiki/Moon", "title": "Moon", "created_en": "2024-03-21 23:59:00"}
    rows = [{**article, "revision_id": 7, "content": "It orbits.", "passage_data": []}] * 3
    with gzip.open(tmp_path / "articles.jsonl.gz", "wt", encoding="utf-8") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)
    assert write_articles(tmp_path / "articles.jsonl.gz", tmp_path / "out.jsonl", 2) == (2, 20)
    first, _ = map(json.loads, (tmp_path / "out.jsonl").read_text(encoding="utf-8").splitlines())
    assert first == {
        "_id": "Moon",
        "title": "Moon",
        "text": "It orbits.",
        "created": "2024-03-21 23:59:00",
        "revision": 7,
    }


def test_missing_data_is_said_in_one_sentence(tmp_path: Path) -> None:
    assert main(["--data", str(tmp_path)]) == 1
