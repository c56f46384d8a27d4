"""`ragkit compact` and `ragkit reindex`, as a user runs them."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Run = Callable[..., Any]


@pytest.fixture
def copy(store: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(store, tmp_path / "copy"))


def test_compact_gives_back_the_space_of_what_was_deleted(ragkit: Run, copy: Path) -> None:
    assert ragkit("compact", "--store", copy).out == "Nothing to give back.\n"
    ragkit("delete", "sun.txt", "--store", copy)
    report = ragkit("compact", "--store", copy, "--json").json
    assert (report["compacted"], report["documents"], report["generation"]) == (True, 2, 2)
    assert report["rows_dropped"] == 1
    assert ragkit("search", "moons of Mars", "--store", copy, "-k", "1", "--json").json["hits"][0]["doc_id"] == "mars"
    assert ragkit("compact", "--store", copy).out == "Nothing to give back.\n"


def test_secure_compact_leaves_no_byte_of_what_was_deleted(ragkit: Run, copy: Path) -> None:
    ragkit("delete", "sun.txt", "--store", copy)
    assert "1 deleted chunks dropped" in ragkit("compact", "--store", copy, "--secure").out
    for path in copy.rglob("*"):
        if path.is_file():
            assert not any(word in path.read_bytes() for word in (b"sun.txt", b"helium", b"499 seconds")), path


def test_reindex_cuts_anew_and_the_next_sync_finds_nothing_to_do(ragkit: Run, copy: Path, docs: Path) -> None:
    report = ragkit("reindex", "--store", copy, "--chunk-tokens", "32", "--overlap", "0", "--json").json
    assert (report["documents"], report["chunk_tokens"], report["overlap"]) == (3, 32, 0)
    assert report["generation"] == 2
    synced = ragkit("index", docs, "--store", copy, "--json").json
    assert (synced["unchanged"], synced["embedded"], synced["changed"]) == (3, 0, 0)
    assert ragkit("info", "--store", copy, "--json").json["chunker"] == {"chunk_tokens": 32, "overlap": 0}


def test_reindex_to_another_model_is_searched_with_that_model(
    ragkit: Run, copy: Path, docs: Path, other_model: Path
) -> None:
    ran = ragkit("reindex", "--store", copy, "--embeddings", f"local:{other_model}")
    assert "embedded with" in ran.out
    assert ran.code == 0
    assert ragkit("info", "--store", copy, "--json").json["model"] != "sentence-transformers/all-MiniLM-L6-v2"
    assert ragkit("search", "moons of Mars", "--store", copy, "-k", "1", "--json").json["hits"][0]["doc_id"] == "mars"
    assert ragkit("index", docs, "--store", copy, "--json").json["embedded"] == 0


def test_reindex_brings_back_lost_vectors(ragkit: Run, copy: Path) -> None:
    vectors = copy / "generation-1" / "vectors.f16"
    os.truncate(vectors, 100)
    ran = ragkit("search", "moons of Mars", "--store", copy, "--mode", "dense")
    assert (ran.code, "ragkit reindex" in ran.err) == (1, True)
    assert ragkit("reindex", "--store", copy, "--json").json["embedded"] >= 3
    hits = ragkit("search", "moons of Mars", "--store", copy, "--mode", "dense", "-k", "1", "--json").json["hits"]
    assert hits[0]["doc_id"] == "mars"


@pytest.mark.parametrize("command", ["compact", "reindex"])
def test_a_collection_that_is_not_there_is_wrong_use(ragkit: Run, command: str, tmp_path: Path) -> None:
    ran = ragkit(command, "--store", tmp_path / "nothing")
    assert (ran.code, "there is no collection in" in ran.err) == (2, True)
    assert not (tmp_path / "nothing").exists()


def test_chunks_that_the_model_cannot_read_are_refused(ragkit: Run, copy: Path) -> None:
    ran = ragkit("reindex", "--store", copy, "--chunk-tokens", "9000")
    assert (ran.code, "choose at most 256" in ran.err) == (2, True)
    assert ragkit("info", "--store", copy, "--json").json["generation"] == 1
