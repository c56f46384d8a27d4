"""A small test collection of its own, and an encoder that needs no model: vectors count words."""

from __future__ import annotations

import json
import re
import zlib
from typing import TYPE_CHECKING

import numpy as np
import pytest

from ragkit.encoder import EncoderCard, Vectors

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

TEXTS = {
    "apple": ("Apple", "An apple tree bears fruit in autumn and wants a sunny place."),
    "bean": ("", "Runner beans climb along poles and are sown after the last frost."),
    "carrot": ("", "Carrots are sown in rows; the soil must be loose and deep."),
    "dill": ("", "Dill grows well beside cucumbers and keeps its scent when frozen."),
    "empty": ("", ""),
    "fig": ("Fig", "A fig tree survives frost only where winters are mild."),
    "garlic": ("", "Garlic is planted in autumn and harvested when its leaves turn yellow."),
    "hop": ("", "Hops climb along poles or wires and are used for beer."),
}
QUERIES = {
    "q1": "what is sown after the last frost",
    "q2": "which plants climb along poles",
    "q3": "what is planted in autumn",
    "q4": "trees that survive frost",
}
QRELS = {"q1": {"bean": 2}, "q2": {"bean": 1, "hop": 2}, "q3": {"garlic": 2, "apple": 0}, "q4": {"fig": 1, "apple": 1}}


class WordEncoder:
    """Counts words in 256 hashed places, rows unit length; notes the queries it was given."""

    card = EncoderCard(model="words", dim=256, revision="1")

    def __init__(self) -> None:
        self.asked: list[str] = []

    def encode_documents(self, texts: Sequence[str]) -> Vectors:
        rows = np.full((len(texts), 256), 1e-3, dtype=np.float32)
        for row, text in zip(rows, texts, strict=True):
            for word in re.findall(r"\w+", text.lower()):
                row[zlib.crc32(word.encode()) % 256] += 1.0
        unit: Vectors = rows / np.linalg.norm(rows, axis=1, keepdims=True)
        return unit

    def encode_queries(self, texts: Sequence[str]) -> Vectors:
        self.asked += texts
        return self.encode_documents(texts)

    def count_tokens(self, text: str) -> int:
        return len(text.split()) + 2


@pytest.fixture
def encoder() -> WordEncoder:
    return WordEncoder()


@pytest.fixture
def garden(tmp_path: Path) -> Path:
    """A folder in the layout of BEIR."""
    folder = tmp_path / "garden"
    (folder / "qrels").mkdir(parents=True)
    rows = [{"_id": name, "title": title, "text": text} for name, (title, text) in TEXTS.items()]
    (folder / "corpus.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    asked = [{"_id": name, "text": text} for name, text in QUERIES.items()]
    (folder / "queries.jsonl").write_text("".join(json.dumps(row) + "\n" for row in asked))
    lines = [f"{query}\t{name}\t{grade}\n" for query, judged in QRELS.items() for name, grade in judged.items()]
    (folder / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\n" + "".join(lines))
    return folder
