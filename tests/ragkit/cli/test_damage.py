"""Stores that are damaged, or that may not be written, through the commands."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Run = Callable[..., Any]


@pytest.fixture
def copy(store: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(store, tmp_path / "copy"))


def test_a_lost_word_index_comes_back_by_itself(ragkit: Run, copy: Path) -> None:
    shutil.rmtree(copy / "generation-1" / "bm25")
    assert (
        ragkit("search", "helium", "--store", copy, "--mode", "bm25", "--json").json["hits"][0]["doc_id"] == "sun.txt"
    )


def test_an_emptied_catalog_is_damage_and_not_an_empty_collection(ragkit: Run, copy: Path) -> None:
    for file in copy.glob("generation-1/catalog.sqlite*"):
        file.write_bytes(b"")
    ran = ragkit("search", "helium", "--store", copy)
    assert ran.code == 1
    assert "catalog.sqlite is missing or empty" in ran.err
    assert "delete the collection's folder and index again" in ran.err


def test_cut_vectors_are_noticed_by_a_sync_with_nothing_to_do(ragkit: Run, copy: Path, docs: Path) -> None:
    os.truncate(copy / "generation-1" / "vectors.f16", 100)
    ran = ragkit("index", docs, "--store", copy)
    assert ran.code == 1
    assert "holds 0 vectors, the catalog counts" in ran.err
    assert ran.err.count("\n") == 1


def test_what_cannot_be_searched_can_still_be_shown(ragkit: Run, copy: Path) -> None:
    (copy / "generation-1" / "vectors.f16").unlink()
    assert ragkit("show", "sun.txt", "--store", copy).out.startswith("The Sun is a star.")


def test_a_collection_that_may_only_be_read_is_searched_and_asked(copy: Path, tmp_path: Path) -> None:
    as_reader = []
    if os.geteuid() == 0:  # root may write anywhere, unless it lays that power down
        if not shutil.which("setpriv"):
            pytest.skip("root needs setpriv to lay down its power to write anywhere")
        as_reader = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"]
    for path in [copy, *copy.rglob("*")]:
        path.chmod(0o555 if path.is_dir() else 0o444)
    environment = os.environ | {"RAGKIT_CACHE": str(tmp_path / "cache")}
    try:
        for command in ("search", "ask"):
            run = subprocess.run(
                [*as_reader, sys.executable, "-m", "ragkit", command, "Who walked on the Moon?", "--store", str(copy)],
                capture_output=True, text=True, env=environment, check=False,
            )  # fmt: skip
            assert (run.returncode, run.stderr) == (0, "")
            assert "moon.md" in run.stdout
    finally:
        for path in [copy, *copy.rglob("*")]:
            path.chmod(0o755 if path.is_dir() else 0o644)


def test_an_empty_path_is_a_variable_that_is_not_set(ragkit: Run, tmp_path: Path) -> None:
    ran = ragkit("index", "", "--store", tmp_path / "store")
    assert ran.code == 2
    assert "a path is empty" in ran.err


def test_no_arguments_show_the_help(ragkit: Run) -> None:
    ran = ragkit()
    assert (ran.code, ran.err) == (0, "")
    assert "search" in ran.out


def test_help_that_is_pointed_to_is_that_of_the_command(ragkit: Run) -> None:
    assert ragkit("index", "docs").err.endswith("See `ragkit index --help`.\n")


def test_show_says_which_slice_it_gave(ragkit: Run, store: Path) -> None:
    shown = ragkit("show", "mars", "--store", store, "--start", 1000, "--json").json
    assert (shown["start"], shown["end"], shown["text"]) == (38, 38, "")
    assert (shown["title"], shown["metadata"]) == ("Mars", {"year": 1999})


def _garbled(content: bytes) -> bytes:
    return content[: len(content) // 2] + bytes(200) + content[len(content) // 2 + 200 :]


@pytest.mark.parametrize(
    ("file", "damage", "code"),
    [
        ("catalog.sqlite", lambda content: b"x" * len(content), 1),
        ("catalog.sqlite", lambda content: content[:300], 1),
        ("catalog.sqlite", lambda content: content[:5000], 1),
        ("vectors.f16", _garbled, 1),
        ("vectors.f16", lambda content: content[:7], 1),
        ("stamp.json", lambda content: b"[]", 0),
        ("meta.json", lambda content: content[:20], 0),
        ("manifest.json", lambda content: b"{", 0),
    ],
)
def test_a_damaged_file_is_healed_or_one_sentence_in_a_process(
    file: str, damage: Callable[[bytes], bytes], code: int, copy: Path, tmp_path: Path
) -> None:
    (path,) = [path for path in copy.rglob(file) if path.parent.name != "dense"]
    path.write_bytes(damage(path.read_bytes()))
    command = [sys.executable, "-m", "ragkit", "search", "helium", "--store", str(copy)]
    environment = os.environ | {"RAGKIT_CACHE": str(tmp_path / "cache")}
    run = subprocess.run(command, capture_output=True, text=True, env=environment, check=False, timeout=60)
    assert run.returncode == code, run.stderr
    assert code == 0 or run.stderr.count("\n") == 1
    assert "Traceback" not in run.stderr
    assert ("sun.txt" in run.stdout) == (code == 0)
