from __future__ import annotations

import copy
import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import ByT5Tokenizer
from transformers.utils import logging as transformers_logging

from ragkit.errors import ConfigError, ModelFilesError
from ragkit.models.local.folder import find_folder
from ragkit.models.local.generation import Request
from ragkit.models.local.options import LoadOptions
from ragkit.models.local.weights import Loaded, load

COMMIT = "0123456789abcdef0123456789abcdef01234567"


def loaded(folder: Path, **options: Any) -> Loaded:
    return load(LoadOptions(model=str(folder), **options))


@pytest.fixture
def damaged(chat_llama_folder: Path, tmp_path: Path) -> Path:
    """A copy that a test may spoil."""
    return shutil.copytree(chat_llama_folder, tmp_path / "spoiled")


def rewrite(path: Path, **changes: Any) -> None:
    path.write_text(json.dumps(json.loads(path.read_text(encoding="utf-8")) | changes), encoding="utf-8")


def test_a_folder_is_loaded(chat_llama_folder: Path) -> None:
    model = loaded(chat_llama_folder, dtype="float32", device="cpu")
    assert (model.name, model.engine.context_tokens, model.source_tokens) == ("tiny-chat", 512, None)
    assert model.end_tokens == {model.tokenizer.convert_tokens_to_ids("<|im_end|>")}
    assert model.vocabulary == len(model.tokenizer)
    assert len(list(model.engine.start(Request(prompt=[5, 6], max_tokens=3)))) <= 3


def test_all_that_names_the_end_ends_a_reply(llama3_folder: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(llama3_folder, tmp_path / "copy")
    rewrite(folder / "generation_config.json", eos_token_id=[7, 8])
    rewrite(folder / "config.json", eos_token_id=9)
    tokenizer = loaded(folder).tokenizer
    template_s = tokenizer.convert_tokens_to_ids("<|eot_id|>")
    assert loaded(folder).end_tokens == {7, 8, 9, tokenizer.eos_token_id, template_s}


def test_a_model_of_the_hub_s_cache_needs_no_network(chat_llama_folder: Path, tmp_path: Path) -> None:
    snapshot = tmp_path / "models--org--tiny" / "snapshots" / COMMIT
    shutil.copytree(chat_llama_folder, snapshot)
    options = LoadOptions(model="org/tiny", hub_cache=tmp_path, downloads=False)
    assert load(options).card["model"] == "org/tiny"
    assert find_folder(options) == (snapshot, "org/tiny")


def test_offline_the_needed_files_are_named(tmp_path: Path) -> None:
    needed = r"config\.json, tokenizer\.json, tokenizer_config\.json, model\.safetensors"
    with pytest.raises(ModelFilesError, match=rf"org/tiny is not in .* and downloads are off: .*{needed}"):
        find_folder(LoadOptions(model="org/tiny", hub_cache=tmp_path, downloads=False))


def test_a_hub_id_is_fetched_with_its_token_once(
    chat_llama_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[dict[str, Any]] = []

    def download(model: str, **given: Any) -> str:
        calls.append({"model": model, **given})
        return str(chat_llama_folder)

    monkeypatch.setattr("huggingface_hub.snapshot_download", download)
    options = LoadOptions(model="org/tiny", hub_cache=tmp_path, token="hf_secret", revision="v2")
    assert find_folder(options) == (chat_llama_folder, "org/tiny")
    assert [(call["model"], call["revision"], call["token"]) for call in calls] == [("org/tiny", "v2", "hf_secret")]
    assert "*.jinja" in calls[0]["allow_patterns"]


@pytest.mark.parametrize("model", ["", "gone", "./gone", "/gone/model", "a/b/c"])
def test_a_path_that_is_no_folder_is_not_taken_for_a_hub_id(model: str) -> None:
    with pytest.raises(ModelFilesError, match=r"there is no model folder .*: expected a folder with config\.json"):
        find_folder(LoadOptions(model=model))


@pytest.mark.parametrize(
    ("gone", "named"),
    [
        (["config.json"], r"has no config\.json:"),
        (["tokenizer.json"], r"has no tokenizer\.json:"),
        (["model.safetensors"], r"has no model\.safetensors:"),
        (["config.json", "model.safetensors"], r"has no config\.json and no model\.safetensors:"),
    ],
)
def test_missing_files_are_named(damaged: Path, gone: list[str], named: str) -> None:
    for name in gone:
        (damaged / name).unlink()
    with pytest.raises(ModelFilesError, match=named):
        loaded(damaged)


def test_an_adapter_beside_the_weights_is_refused(damaged: Path, tmp_path: Path) -> None:
    (damaged / "adapter_config.json").write_text('{"peft_type": "LORA", "base_model_name_or_path": "org/other"}')
    with pytest.raises(ModelFilesError, match=r"model .* holds an adapter \(adapter_config\.json\): name the model"):
        loaded(damaged)
    snapshot = shutil.copytree(damaged, tmp_path / "models--org--tiny" / "snapshots" / COMMIT)
    assert snapshot.is_dir()
    with pytest.raises(ModelFilesError, match=r"model org/tiny holds an adapter"):
        find_folder(LoadOptions(model="org/tiny", hub_cache=tmp_path))


def test_weights_that_need_one_more_package_are_one_sentence(damaged: Path) -> None:
    rewrite(damaged / "config.json", quantization_config={"quant_method": "gptq", "bits": 4})
    with pytest.raises(ModelFilesError, match=r"the model in .* cannot be read \(.*GPTQ"):
        loaded(damaged)


def test_a_pickle_is_never_read(damaged: Path) -> None:
    (damaged / "model.safetensors").rename(damaged / "pytorch_model.bin")
    with pytest.raises(ModelFilesError, match=r"has no model\.safetensors: .*ragkit reads safetensors only"):
        loaded(damaged)


def test_a_model_in_parts_is_whole_with_all_of_them(damaged: Path) -> None:
    tensors = load_file(damaged / "model.safetensors")
    names = sorted(tensors)
    parts = {"model-00001-of-00002.safetensors": names[::2], "model-00002-of-00002.safetensors": names[1::2]}
    for part, held in parts.items():
        save_file({name: tensors[name] for name in held}, damaged / part, metadata={"format": "pt"})
    index = {"metadata": {}, "weight_map": {name: part for part, held in parts.items() for name in held}}
    (damaged / "model.safetensors.index.json").write_text(json.dumps(index), encoding="utf-8")
    (damaged / "model.safetensors").unlink()
    assert len(loaded(damaged).card["revision"]) == 64
    (damaged / "model-00002-of-00002.safetensors").unlink()
    with pytest.raises(ModelFilesError, match=r"has no model-00002-of-00002\.safetensors:"):
        loaded(damaged)


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("model.safetensors", b"\x00" * 100, "the model in .* cannot be read"),
        ("model.safetensors", b"", "the model in .* cannot be read"),
        ("config.json", b"{", "cannot be read"),
        ("config.json", b'{"model_type": "unheard_of"}', "cannot be read"),
        ("config.json", b'{"model_type": "llama", "hidden_size": "many"}', "cannot be read"),
        ("tokenizer.json", b"{}", "the tokenizer in .* cannot be read"),
    ],
)
def test_a_damaged_file_is_one_sentence(damaged: Path, name: str, content: bytes, sentence: str) -> None:
    (damaged / name).write_bytes(content)
    with pytest.raises(ModelFilesError, match=sentence) as failed:
        loaded(damaged)
    assert "\n" not in str(failed.value)


def test_a_tokenizer_of_python_is_refused(damaged: Path) -> None:
    for path in damaged.glob("tokenizer*"):
        path.unlink()
    ByT5Tokenizer().save_pretrained(damaged)
    (damaged / "vocab.json").write_text("{}", encoding="utf-8")
    with pytest.raises(ModelFilesError, match=r"has no tokenizer\.json: save it with a fast tokenizer"):
        loaded(damaged)


def test_weights_cut_short_are_refused(damaged: Path) -> None:
    path = damaged / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-1000])
    with pytest.raises(ModelFilesError, match=r"the model in .* cannot be read"):
        loaded(damaged)


def test_weights_that_lack_a_tensor_are_refused(damaged: Path) -> None:
    tensors = load_file(damaged / "model.safetensors")
    tensors.pop("model.layers.1.mlp.up_proj.weight")
    save_file(tensors, damaged / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ModelFilesError, match=r"lack 1 tensors such as model\.layers\.1\.mlp\.up_proj\.weight"):
        loaded(damaged)


def test_weights_of_another_shape_are_refused(damaged: Path) -> None:
    rewrite(damaged / "config.json", intermediate_size=48)
    with pytest.raises(ModelFilesError, match=r"the model in .* cannot be read"):
        loaded(damaged)


def test_a_model_s_own_code_is_never_run(damaged: Path) -> None:
    (damaged / "modeling.py").write_text("raise SystemExit('it ran')", encoding="utf-8")
    code = {"AutoConfig": "modeling.Config", "AutoModelForCausalLM": "modeling.Model"}
    rewrite(damaged / "config.json", model_type="strange", auto_map=code)
    with pytest.raises(
        ModelFilesError, match=r"needs code of its own \(auto_map in config.json\), which ragkit never runs"
    ):
        loaded(damaged)


def test_the_limit_is_the_model_s_and_not_the_tokenizer_s(gpt2_folder: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(gpt2_folder, tmp_path / "copy")
    rewrite(folder / "tokenizer_config.json", model_max_length=int(1e30))
    assert loaded(folder).engine.context_tokens == 256


def test_an_encoder_decoder_with_learned_positions_has_a_limit_of_its_source(
    t5_folder: Path, bart_folder: Path
) -> None:
    assert loaded(t5_folder).source_tokens is None  # T5 counts no positions
    assert loaded(bart_folder).source_tokens == 40


def test_a_card_holds_what_decides_a_reply(chat_llama_folder: Path, damaged: Path) -> None:
    card = dict(loaded(chat_llama_folder, dtype="float32").card)
    assert card | {"model": "spoiled"} == loaded(damaged, dtype="float32").card
    assert json.loads(json.dumps(card)) == card
    assert [key for key, value in card.items() if isinstance(value, str) and len(value) == 64] == [
        "revision",
        "config",
        "tokenizer",
        "template",
    ]
    assert (card["dtype"], card["device"], card["engine"]) == ("float32", "cpu", "torch")
    assert (card["adapter"], card["quantize"]) == (None, None)


def spoil_weights(folder: Path) -> None:
    tensors = load_file(folder / "model.safetensors")
    tensors["model.norm.weight"] += 1
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})


@pytest.mark.parametrize(
    ("key", "change"),
    [
        ("revision", spoil_weights),
        ("config", lambda folder: rewrite(folder / "config.json", rms_norm_eps=0.5)),
        ("config", lambda folder: rewrite(folder / "generation_config.json", eos_token_id=[1, 2])),
        ("template", lambda folder: (folder / "chat_template.jinja").write_text("{{ messages[0].content }}")),
    ],
)
def test_a_card_tells_every_change(chat_llama_folder: Path, damaged: Path, key: str, change: Any) -> None:
    change(damaged)
    before, after = loaded(chat_llama_folder).card, loaded(damaged).card
    assert [name for name in before if before[name] != after[name]] == ["model", key]


def test_what_is_loaded_is_never_copied(chat_llama_folder: Path) -> None:
    model = loaded(chat_llama_folder)
    assert copy.deepcopy({"weights": model})["weights"] is model


def test_a_named_format_is_what_computes(chat_llama_folder: Path) -> None:
    assert loaded(chat_llama_folder, dtype="bfloat16").card["dtype"] == "bfloat16"
    with pytest.raises(ConfigError, match="dtype float16 is for GPUs"):
        loaded(chat_llama_folder, dtype="float16", device="cpu")


def test_models_that_load_at_once_keep_their_formats_and_torch_its_own(gpt2_folder: Path) -> None:
    # Unguarded, about half of them hold a mixture, which cannot compute, and torch's own default is left changed.
    def said(dtype: str) -> list[int]:
        model = loaded(gpt2_folder, dtype=dtype)
        return list(model.engine.start(Request(prompt=[5, 6], max_tokens=5)))

    alone = {dtype: said(dtype) for dtype in ("float32", "bfloat16")}
    dtypes = ["float32", "bfloat16"] * 6
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(said, dtypes)) == [alone[dtype] for dtype in dtypes]
    assert torch.get_default_dtype() == torch.float32


def test_loading_draws_no_progress_bar_and_leaves_those_of_others(
    chat_llama_folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    before = transformers_logging.set_tqdm_hook(None)
    try:
        loaded(chat_llama_folder)
        assert capfd.readouterr().err == ""
        list(transformers_logging.tqdm(range(2), desc="theirs"))
        assert "theirs" in capfd.readouterr().err
    finally:
        transformers_logging.set_tqdm_hook(before)
