"""Wrong use gives one sentence on stderr, nothing on stdout, and the right exit code."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (("search", "moon", "--store", "{tmp}/none"), 2, "no collection"),
        (("ask", "moon?", "--store", "{tmp}/none"), 2, "no collection"),
        (("show", "moon.md", "--store", "{tmp}/none"), 2, "no collection"),
        (("info", "--store", "{tmp}/none"), 2, "no collection"),
        (("delete", "moon.md", "--store", "{tmp}/none"), 2, "no collection"),
        (("search", "moon", "--store", "{store}", "-k", "0"), 2, "k must be at least 1, got 0"),
        (("search", "  ", "--store", "{store}"), 2, "empty"),
        (("ask", " ", "--store", "{store}"), 2, "empty"),
        (("search", "moon", "--store", "{store}", "--where", "yaer = 2020"), 2, "did you mean 'year'"),
        (("search", "moon", "--store", "{store}", "--where", "year = 'old'"), 2, "year"),
        (("search", "moon", "--store", "{store}", "--where", "year >="), 2, "cannot be read"),
        (("search", "moon", "--store", "{store}", "--mode", "magic"), 2, "magic"),
        (("ask", "moon?", "--store", "{store}", "--model", "openai:gpt-5"), 2, "extractive"),
        (("show", "nothing.md", "--store", "{store}"), 1, "nothing.md"),
        (("index", "{tmp}/none", "--store", "{tmp}/store"), 2, "none"),
        (("index", "{tmp}/empty", "--store", "{tmp}/store"), 2, "empty"),
        (("index", "{docs}", "--store", "{tmp}/store", "--chunk-tokens", "0"), 2, "0"),
        (("index", "{docs}", "--store", "{tmp}/store", "--chunk-tokens", "9999"), 2, "256"),
        (("index", "{docs}", "--store", "{tmp}/store", "--embeddings", "magic"), 2, "local:"),
        (("index", "{docs}", "--store", "{tmp}/store", "--embeddings", "local:{tmp}/none"), 1, "none"),
        (("index", "{docs}", "--store", "{docs}/moon.md"), 1, "moon.md"),
        (("delete", "--store", "{store}"), 2, "nothing named"),
        (("search",), 2, "query"),
        (("nonsense",), 2, "nonsense"),
        (("search", "moon", "--store", "{store}", "--wehre", "x"), 2, "--wehre"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else None,
)
def test_wrong_use_is_one_sentence(  # type: ignore[no-untyped-def]
    ragkit, store: Path, docs: Path, tmp_path: Path, arguments: tuple[str, ...], code: int, sentence: str
) -> None:
    (tmp_path / "empty").mkdir()
    ran = ragkit(*(argument.format(tmp=tmp_path, store=store, docs=docs) for argument in arguments))
    assert (ran.code, ran.out) == (code, "")
    assert sentence in ran.err
    assert ran.err.startswith("ragkit: ")
    assert ran.err.count("\n") == 1
    assert "Traceback" not in ran.err
    assert not (tmp_path / "store").exists()


def test_a_missing_folder_never_deletes(ragkit, docs: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    folder, store = tmp_path / "docs", tmp_path / "store"
    folder.mkdir()
    (folder / "a.txt").write_text("A sentence about apples and pears.\n", encoding="utf-8")
    ragkit("index", folder, "--store", store)
    (folder / "a.txt").unlink()
    folder.rmdir()
    refused = ragkit("index", folder, "--store", store)
    assert refused.code == 2
    assert "nothing removed" in refused.err
    assert "--prune" in refused.err
    assert ragkit("info", "--store", store, "--json").json["documents"] == 1
    assert ragkit("index", folder, "--store", store, "--prune", "--json").json["removed"] == 1


def test_another_models_store_is_refused(ragkit, docs: Path, store: Path, other_model: Path) -> None:  # type: ignore[no-untyped-def]
    ran = ragkit("index", docs, "--store", store, "--embeddings", f"local:{other_model}")
    assert ran.code == 2
    assert "MiniLM" in ran.err
    assert ran.err.count("\n") == 1
