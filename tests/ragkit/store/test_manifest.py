"""What a folder says of itself, and which encoders fit it."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import pytest

from ragkit.errors import ConfigError, IndexMismatchError, StoreDamagedError, StoreError, StoreNotFoundError
from ragkit.store.collection import Collection
from ragkit.store.manifest import read_manifest
from ragkit.text.analyse import Analyser

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def test_manifest_says_how_the_collection_was_built(tmp_path: Path, word_encoder: Callable[..., Any]) -> None:
    Collection.open(tmp_path, word_encoder(), chunker={"chunk_tokens": 200}).close()
    content = json.loads((tmp_path / "manifest.json").read_bytes())
    assert len(content.pop("checksum")) == 64
    assert content == {
        "format": 2,
        "generation": 1,
        "precision": "float16",
        "dim": 6,
        "embeddings": asdict(word_encoder().card),
        "probe": None,
        "analyser": {"name": Analyser().name, "language": "english", "stem": True, "stop_words": None},
        "chunker": {"chunk_tokens": 200},
    }


def test_manifest_comes_back_as_it_was(tmp_path: Path) -> None:
    analyser = Analyser(language="german", stem=False, stop_words=frozenset({"der", "die"}))
    with Collection.open(tmp_path, dim=3, analyser=analyser) as collection:
        assert read_manifest(tmp_path) == collection.manifest
        assert collection.analyser == analyser


def test_encoder_of_another_revision_is_refused_by_name(tmp_path: Path, word_encoder: Callable[..., Any]) -> None:
    Collection.open(tmp_path, word_encoder()).close()
    with pytest.raises(
        IndexMismatchError,
        match=r"built with words \(6 dimensions\), opened with other \(6 dimensions\): open it with the model",
    ):
        Collection.open(tmp_path, word_encoder(revision="2", model="other"))


def test_one_revision_under_another_name_is_fine(tmp_path: Path, word_encoder: Callable[..., Any]) -> None:
    Collection.open(tmp_path, word_encoder()).close()
    Collection.open(tmp_path, word_encoder(model="models/words")).close()


def test_encoder_of_another_dimension_is_refused(tmp_path: Path, word_encoder: Callable[..., Any]) -> None:
    Collection.open(tmp_path, dim=6).close()
    Collection.open(tmp_path, word_encoder()).close()
    with pytest.raises(IndexMismatchError, match=r"built with 6-dim vectors, opened with words \(8 dimensions\)"):
        Collection.open(tmp_path, word_encoder(dim=8))


class _Hashed:
    """LangChain's interface, without LangChain: a caller's own embeddings."""

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def embed_query(self, text: str) -> list[float]:
        return [float((len(text) * self.seed + place * self.seed**2) % 7 + 1) for place in range(4)]

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        return [self.embed_query(text) for text in texts]


def test_own_embeddings_are_compared_by_a_probe(tmp_path: Path) -> None:
    Collection.open(tmp_path, _Hashed(3)).close()
    manifest = read_manifest(tmp_path)
    assert manifest is not None
    assert manifest.probe is not None
    assert len(manifest.probe) == 4
    Collection.open(tmp_path, _Hashed(3)).close()
    with pytest.raises(IndexMismatchError, match=r"built with .*_Hashed \(4 dimensions\), opened with .*_Hashed"):
        Collection.open(tmp_path, _Hashed(5))


def test_existing_collection_opens_without_embeddings(tmp_path: Path, word_encoder: Callable[..., Any]) -> None:
    Collection.open(tmp_path, word_encoder()).close()
    with Collection.open(tmp_path) as collection:
        assert collection.encoder is None
        assert collection.manifest.dim == 6


@pytest.mark.parametrize("options", [{"create": False}, {"read_only": True}])
def test_missing_collection_is_not_found(options: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(StoreNotFoundError, match=r"there is no collection in .*new: index into it first") as raised:
        Collection.open(tmp_path / "new", dim=3, **options)
    assert isinstance(raised.value, FileNotFoundError)
    assert not (tmp_path / "new").exists()


def test_new_collection_needs_a_dimension(tmp_path: Path, word_encoder: Callable[..., Any]) -> None:
    with pytest.raises(
        ConfigError, match=r"needs embeddings, or the dimension of its vectors \(dim=384\), got dim=None"
    ):
        Collection.open(tmp_path / "new")
    with pytest.raises(ConfigError, match="dim is 5, but words gives 6 dimensions: leave dim out"):
        Collection.open(tmp_path / "new", word_encoder(), dim=5)
    assert not (tmp_path / "new").exists()


def test_other_dim_analyser_or_chunker_is_refused(tmp_path: Path) -> None:
    Collection.open(tmp_path, dim=3, chunker={"chunk_tokens": 200}).close()
    with pytest.raises(IndexMismatchError, match="holds 3-dim vectors, asked for dim=4"):
        Collection.open(tmp_path, dim=4)
    with pytest.raises(IndexMismatchError, match=r"analyses words with 1/english/snowball.*, asked for 1/german"):
        Collection.open(tmp_path, analyser=Analyser(language="german"))
    with pytest.raises(
        IndexMismatchError, match=r"was cut with \{'chunk_tokens': 200\}, asked for \{'chunk_tokens': 9\}"
    ):
        Collection.open(tmp_path, chunker={"chunk_tokens": 9})


def test_chunker_is_recorded_once(tmp_path: Path) -> None:
    with Collection.open(tmp_path, dim=3) as collection:
        collection.record_chunker({"chunk_tokens": 200})
        collection.record_chunker({"chunk_tokens": 200})
    with Collection.open(tmp_path) as collection:
        assert collection.manifest.chunker == {"chunk_tokens": 200}


_GARBLED = [b"", b"{", b"[]", b"{}", b'{"format": 1}', b'{"format": 1, "dim": "x"}', b"\xff"]


@pytest.mark.parametrize("content", _GARBLED)
def test_garbled_manifest_is_restored_from_the_catalog(
    content: bytes, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with Collection.open(tmp_path, dim=3, analyser=Analyser("german"), chunker={"chunk_tokens": 200}) as collection:
        known = collection.manifest
    whole = (tmp_path / "manifest.json").read_bytes()
    (tmp_path / "manifest.json").write_bytes(content)
    with Collection.open(tmp_path, read_only=True) as collection:
        assert collection.manifest == known
    assert (tmp_path / "manifest.json").read_bytes() == content
    with Collection.open(tmp_path) as collection:
        assert collection.manifest == known
    assert (tmp_path / "manifest.json").read_bytes() == whole
    assert "manifest.json cannot be read" in caplog.text
    assert "the manifest is restored from generation 1" in caplog.text


@pytest.mark.parametrize("content", _GARBLED)
def test_garbled_manifest_without_a_copy_is_damage(content: bytes, tmp_path: Path) -> None:
    Collection.open(tmp_path, dim=3).close()
    with closing(sqlite3.connect(tmp_path / "generation-1" / "catalog.sqlite")) as db, db:
        db.execute("DELETE FROM manifest")
    (tmp_path / "manifest.json").write_bytes(content)
    with pytest.raises(StoreDamagedError, match=r"manifest\.json cannot be read .*restore it from a backup"):
        Collection.open(tmp_path)


def test_any_changed_byte_of_the_manifest_is_noticed(tmp_path: Path) -> None:
    Collection.open(tmp_path, dim=3).close()
    content = bytearray((tmp_path / "manifest.json").read_bytes())
    for place in range(len(content)):
        changed = content.copy()
        changed[place] ^= 1
        (tmp_path / "manifest.json").write_bytes(changed)
        with Collection.open(tmp_path, read_only=True) as collection:
            assert collection.manifest.dim == 3
            assert collection.manifest.generation == 1


def test_newer_format_is_refused(tmp_path: Path) -> None:
    Collection.open(tmp_path, dim=3).close()
    (tmp_path / "manifest.json").write_text('{"format": 3}')
    with pytest.raises(StoreError, match="has format 3, this ragkit reads 1 and 2: upgrade ragkit"):
        Collection.open(tmp_path)


def test_lost_manifest_is_restored_and_a_lost_catalog_is_damage(
    tmp_path: Path, word_encoder: Callable[..., Any], caplog: pytest.LogCaptureFixture
) -> None:
    with Collection.open(tmp_path, word_encoder()) as collection:
        collection.add_texts(["a cat"])
    manifest = (tmp_path / "manifest.json").read_bytes()
    (tmp_path / "manifest.json").unlink()
    with Collection.open(tmp_path, word_encoder()) as collection:
        assert collection.search_bm25(["cat"], k=1)[0][0].text == "a cat"
    assert "manifest.json is missing: the manifest is restored from generation 1" in caplog.text
    assert (tmp_path / "manifest.json").read_bytes() == manifest
    (tmp_path / "generation-1" / "catalog.sqlite").unlink()
    with pytest.raises(StoreDamagedError, match=r"catalog\.sqlite is missing"):
        Collection.open(tmp_path)


def test_manifest_that_cannot_be_restored_says_so(tmp_path: Path, word_encoder: Callable[..., Any]) -> None:
    with Collection.open(tmp_path, word_encoder()) as collection:
        collection.add_texts(["a cat"])
    (tmp_path / "manifest.json").unlink()
    with closing(sqlite3.connect(tmp_path / "generation-1" / "catalog.sqlite")) as db, db:
        db.execute("DELETE FROM manifest")
    with pytest.raises(StoreDamagedError, match=r"manifest\.json is missing or garbled, and .*holds no copy of it"):
        Collection.open(tmp_path, word_encoder())


def test_recorded_chunker_is_in_the_copy_too(tmp_path: Path) -> None:
    with Collection.open(tmp_path, dim=3) as collection:
        collection.record_chunker({"chunk_tokens": 200})
    (tmp_path / "manifest.json").write_bytes(b"")
    with Collection.open(tmp_path) as collection:
        assert collection.manifest.chunker == {"chunk_tokens": 200}


def test_creation_that_was_killed_before_its_manifest_is_done_again(tmp_path: Path) -> None:
    Collection.open(tmp_path, dim=3).close()
    (tmp_path / "manifest.json").unlink()
    (tmp_path / ".manifest.json.0123.tmp").write_bytes(b"{")
    with Collection.open(tmp_path, dim=5) as collection:
        assert collection.manifest.dim == 5


def test_folder_with_other_files_is_refused(tmp_path: Path) -> None:
    (tmp_path / "essay.md").write_text("mine")
    with pytest.raises(
        StoreError, match=r"holds no collection but other files \(essay\.md\): name an empty or new folder"
    ):
        Collection.open(tmp_path, dim=3)
    with pytest.raises(StoreError, match=r"essay\.md is a file; expected a folder"):
        Collection.open(tmp_path / "essay.md", dim=3)
    assert [path.name for path in tmp_path.iterdir()] == ["essay.md"]


def test_folder_holds_the_named_files_only(tmp_path: Path, word_encoder: Callable[..., Any]) -> None:
    with Collection.open(tmp_path, word_encoder()) as collection:
        collection.add_texts(["a cat"])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["generation-1", "manifest.json", "write.lock"]
    assert sorted(path.name for path in (tmp_path / "generation-1").iterdir()) == [
        "bm25",
        "catalog.sqlite",
        "last-commit",
        "vectors.f16",
    ]


def test_second_of_two_openers_cannot_name_another_chunker(tmp_path: Path) -> None:
    with Collection.open(tmp_path, dim=2) as first, Collection.open(tmp_path, dim=2) as second:
        first.record_chunker({"chunk_tokens": 256})
        first.release()
        with pytest.raises(IndexMismatchError, match="asked for"):
            second.record_chunker({"chunk_tokens": 64})
        assert second.manifest == first.manifest == read_manifest(tmp_path)
        assert first.manifest.chunker == {"chunk_tokens": 256}


def test_leftovers_of_a_killed_creation_are_no_foreign_files(tmp_path: Path) -> None:
    (tmp_path / "catalog.sqlite-journal").touch()
    Collection.open(tmp_path, dim=2).close()
    assert read_manifest(tmp_path) is not None
