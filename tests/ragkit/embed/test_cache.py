from __future__ import annotations

import sqlite3
from pathlib import Path

import numpy as np
import pytest

from ragkit.embed.batches import TextVector
from ragkit.embed.cache import CacheWarning, VectorCache

ONE = TextVector(np.array([0.6, 0.8], dtype=np.float32), 5)


def cache(folder: Path, space: str = "model", limit_bytes: int = 1 << 30) -> VectorCache:
    return VectorCache(folder, space=space, dim=2, limit_bytes=limit_bytes)


def test_what_was_put_is_found_by_another_instance(tmp_path: Path) -> None:
    cache(tmp_path).put({"text": ONE})
    found = cache(tmp_path).get(["text", "other"])
    assert list(found) == ["text"]
    np.testing.assert_array_equal(found["text"].vector, ONE.vector)
    assert found["text"].tokens == 5


def test_another_model_finds_nothing(tmp_path: Path) -> None:
    cache(tmp_path).put({"text": ONE})
    assert cache(tmp_path, space="model, other revision").get(["text"]) == {}


def test_reading_makes_no_file(tmp_path: Path) -> None:
    assert cache(tmp_path / "none").get(["text"]) == {}
    assert not (tmp_path / "none").exists()


def test_many_texts_are_read_in_parts(tmp_path: Path) -> None:
    texts = [f"text {number}" for number in range(1203)]
    cache(tmp_path).put(dict.fromkeys(texts, ONE))
    assert len(cache(tmp_path).get(texts)) == 1203


def test_a_changed_byte_is_not_used(tmp_path: Path) -> None:
    cache(tmp_path).put({"text": ONE})
    with sqlite3.connect(tmp_path / "embeddings.sqlite3") as connection:
        connection.execute("UPDATE vectors SET vector = ?", (np.zeros(2, dtype="<f4").tobytes(),))
    connection.close()
    assert cache(tmp_path).get(["text"]) == {}


def test_a_vector_of_another_length_is_not_used(tmp_path: Path) -> None:
    cache(tmp_path).put({"text": TextVector(np.ones(3, dtype=np.float32), 5)})
    assert cache(tmp_path).get(["text"]) == {}


def test_a_lone_surrogate_can_be_a_key(tmp_path: Path) -> None:
    cache(tmp_path).put({"\ud800": ONE})
    assert "\ud800" in cache(tmp_path).get(["\ud800"])


def test_the_text_itself_is_not_kept(tmp_path: Path) -> None:
    cache(tmp_path).put({"a secret sentence": ONE})
    assert all(b"secret" not in path.read_bytes() for path in tmp_path.iterdir())


def test_a_damaged_file_warns_and_gives_nothing(tmp_path: Path) -> None:
    (tmp_path / "embeddings.sqlite3").write_bytes(b"not a database, far from it " * 100)
    with pytest.warns(CacheWarning, match="cannot be used .*: texts are embedded anew"):
        assert cache(tmp_path).get(["text"]) == {}
    with pytest.warns(CacheWarning, match="delete it if this stays so"):
        cache(tmp_path).put({"text": ONE})


def test_a_folder_that_cannot_be_made_warns(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way", encoding="ascii")
    with pytest.warns(CacheWarning, match="cannot be used"):
        cache(tmp_path / "file" / "cache").put({"text": ONE})


def test_the_oldest_leave_when_the_limit_is_passed(tmp_path: Path) -> None:
    small = cache(tmp_path, limit_bytes=30_000)
    for number in range(200):
        small.put({f"{number} {row}": ONE for row in range(10)})
    assert small.get(["0 0"]) == {}
    assert len(small.get(["199 9"])) == 1
    assert (tmp_path / "embeddings.sqlite3").stat().st_size < 100_000
