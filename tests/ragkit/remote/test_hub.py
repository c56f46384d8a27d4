from __future__ import annotations

import inspect
import json
from pathlib import Path
from typing import Any

import huggingface_hub
import pytest
from huggingface_hub.errors import LocalEntryNotFoundError

from ragkit.errors import ModelFilesError
from ragkit.remote.hub import (
    ModelParts,
    cached_snapshot,
    default_hub_cache,
    fetch_snapshot,
    is_hub_id,
    missing_weights,
    refusal,
    weight_files,
)

COMMIT = "0123456789abcdef0123456789abcdef01234567"
PARTS = ModelParts(
    wanted=("*.json", "model*.safetensors"), needed=("config.json", "model.safetensors"), missing=missing_weights
)


def hub(folder: Path, model: str, commit: str = COMMIT, *, ref: str | None = "main") -> Path:
    """Lay out a cache as the hub's library does, with an empty model in it."""
    home = folder / f"models--{model.replace('/', '--')}"
    snapshot = home / "snapshots" / commit
    snapshot.mkdir(parents=True)
    for name in ("config.json", "model.safetensors"):
        (snapshot / name).write_text("{}", encoding="ascii")
    if ref:
        (home / "refs").mkdir(exist_ok=True)
        (home / "refs" / ref).write_text(commit, encoding="ascii")
    return snapshot


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ("org/model", True),
        ("org/model-1.5_b", True),
        ("model", False),
        ("./model", False),
        ("a/../b", False),
        ("", False),
    ],
)
def test_a_hub_id_is_an_organisation_and_a_name(model: str, expected: bool) -> None:
    assert is_hub_id(model) is expected


def test_the_cache_is_read_as_the_hub_s_own_library_reads_it(tmp_path: Path) -> None:
    hub(tmp_path, "org/model")
    theirs = huggingface_hub.snapshot_download("org/model", cache_dir=tmp_path, local_files_only=True)
    assert str(cached_snapshot("org/model", parts=PARTS, hub_cache=tmp_path)) == theirs


def test_a_revision_is_a_branch_or_a_commit(tmp_path: Path) -> None:
    snapshot = hub(tmp_path, "org/model", ref="v2")
    for revision, found in (("v2", snapshot), (COMMIT, snapshot), ("v3", None)):
        assert cached_snapshot("org/model", parts=PARTS, revision=revision, hub_cache=tmp_path) == found


def test_the_only_snapshot_is_taken_when_no_branch_is_kept(tmp_path: Path) -> None:
    snapshot = hub(tmp_path, "org/model", ref=None)
    assert cached_snapshot("org/model", parts=PARTS, hub_cache=tmp_path) == snapshot
    hub(tmp_path, "org/model", "f" * 40, ref=None)
    assert cached_snapshot("org/model", parts=PARTS, hub_cache=tmp_path) is None


def test_an_incomplete_snapshot_is_not_taken(tmp_path: Path) -> None:
    (hub(tmp_path, "org/model") / "model.safetensors").unlink()
    assert cached_snapshot("org/model", parts=PARTS, hub_cache=tmp_path) is None


def test_a_download_takes_what_is_wanted_no_pickle_and_no_token_by_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    signature, calls = inspect.signature(huggingface_hub.snapshot_download), []

    def download(*args: Any, **kwargs: Any) -> str:
        calls.append(signature.bind(*args, **kwargs).arguments)
        return str(hub(tmp_path, "org/model"))

    monkeypatch.setattr(huggingface_hub, "snapshot_download", download)
    assert fetch_snapshot("org/model", parts=PARTS, hub_cache=tmp_path).name == COMMIT
    assert (calls[0]["token"], calls[0]["cache_dir"]) == (False, tmp_path)
    assert "*.bin" in calls[0]["ignore_patterns"]
    assert calls[0]["allow_patterns"] == ["*.json", "model*.safetensors"]


def test_a_failed_download_is_one_sentence_without_the_token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_args: Any, **_kwargs: Any) -> str:
        raise LocalEntryNotFoundError("no connection")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", fail)
    with pytest.raises(ModelFilesError, match=r"org/model could not be downloaded \(no connection\): check") as failed:
        fetch_snapshot("org/model", parts=PARTS, hub_cache=tmp_path, token="hf_secret")
    assert "hf_secret" not in str(failed.value)
    assert "or pass a folder that holds config.json, model.safetensors." in str(failed.value)


def test_a_model_without_safetensors_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(huggingface_hub, "snapshot_download", lambda *_args, **_kwargs: str(tmp_path))
    with pytest.raises(ModelFilesError, match=r"has no model\.safetensors on the hub: .*never a pickled \.bin"):
        fetch_snapshot("org/model", parts=PARTS, hub_cache=tmp_path / "cache")


def test_a_refusal_names_the_cache_and_the_files(tmp_path: Path) -> None:
    assert str(refusal("org/model", tmp_path, PARTS)) == (
        f"model org/model is not in {tmp_path} and downloads are off: allow them once, or pass a folder that holds "
        "config.json, model.safetensors."
    )
    assert str(default_hub_cache()) in str(refusal("org/model", None, PARTS))


def test_the_parts_of_a_split_model_stay_in_its_folder(tmp_path: Path) -> None:
    index = {"weight_map": {"x": "b.safetensors", "y": "../a.safetensors"}}
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps(index), encoding="ascii")
    assert weight_files(tmp_path) == [tmp_path / "a.safetensors", tmp_path / "b.safetensors"]
    (tmp_path / "b.safetensors").touch()
    assert missing_weights(tmp_path) == ["a.safetensors"]


def test_one_file_wins_over_parts_as_it_does_for_transformers(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors.index.json").write_text('{"weight_map": {"x": "gone.safetensors"}}')
    (tmp_path / "model.safetensors").touch()
    assert weight_files(tmp_path) == [tmp_path / "model.safetensors"]


@pytest.mark.parametrize("content", ["{", "[]", '{"weight_map": 3}', "{}"])
def test_a_damaged_list_of_parts_is_named(tmp_path: Path, content: str) -> None:
    (tmp_path / "model.safetensors.index.json").write_text(content)
    with pytest.raises(ModelFilesError, match=r"index\.json cannot be read"):
        weight_files(tmp_path)
