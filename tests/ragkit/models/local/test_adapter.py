from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import LoraConfig, PrefixTuningConfig, get_peft_model
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM

from ragkit.errors import ConfigError, ModelFilesError
from ragkit.models.local.adapter import with_adapter
from ragkit.models.local.options import LoadOptions
from ragkit.models.local.weights import load

# peft asks for what transformers has renamed.
pytestmark = pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing.:FutureWarning")

IDS = torch.tensor([[5, 6, 7, 8]])


@pytest.fixture(scope="module")
def adapter(chat_llama_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A LoRA adapter that changes the model."""
    torch.manual_seed(3)
    model = base(chat_llama_folder)
    tuned = get_peft_model(model, LoraConfig(r=4, target_modules=["q_proj", "up_proj"], init_lora_weights=False))
    folder = tmp_path_factory.mktemp("adapter")
    tuned.save_pretrained(folder)
    return folder


def base(folder: Path) -> Any:
    return AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()


def test_a_merged_adapter_computes_what_peft_computes(chat_llama_folder: Path, adapter: Path) -> None:
    from peft import PeftModel

    theirs = PeftModel.from_pretrained(base(chat_llama_folder), adapter).eval()
    merged = with_adapter(base(chat_llama_folder), adapter)
    with torch.no_grad():
        torch.testing.assert_close(merged(IDS).logits, theirs(IDS).logits, rtol=1e-4, atol=1e-4)
        assert not torch.allclose(merged(IDS).logits, base(chat_llama_folder)(IDS).logits, atol=0.1)
    assert type(merged).__name__ == "LlamaForCausalLM"


def test_a_card_names_the_adapter_by_its_content(chat_llama_folder: Path, adapter: Path, tmp_path: Path) -> None:
    cards = [
        load(LoadOptions(model=str(chat_llama_folder), adapter=str(folder))).card
        for folder in (adapter, shutil.copytree(adapter, tmp_path / "copy"))
    ]
    assert cards[0] == cards[1]
    assert len(cards[0]["adapter"]) == 64
    changed = json.loads((adapter / "adapter_config.json").read_text(encoding="utf-8")) | {"lora_alpha": 99}
    (tmp_path / "copy" / "adapter_config.json").write_text(json.dumps(changed), encoding="utf-8")
    other = load(LoadOptions(model=str(chat_llama_folder), adapter=str(tmp_path / "copy"))).card
    assert other["adapter"] != cards[0]["adapter"]
    assert other["revision"] == cards[0]["revision"]


def test_an_adapter_may_lie_in_the_home_folder(
    chat_llama_folder: Path, adapter: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(adapter.parent))
    assert load(LoadOptions(model=str(chat_llama_folder), adapter=f"~/{adapter.name}")).card["adapter"] is not None


@pytest.mark.parametrize("gone", ["adapter_config.json", "adapter_model.safetensors"])
def test_a_missing_file_is_named(chat_llama_folder: Path, adapter: Path, tmp_path: Path, gone: str) -> None:
    folder = shutil.copytree(adapter, tmp_path / "copy")
    (folder / gone).rename(folder / "adapter_model.bin")
    with pytest.raises(ModelFilesError, match=rf"has no {gone}: expected a folder that peft saved with safetensors"):
        with_adapter(base(chat_llama_folder), folder)


def test_an_adapter_of_another_model_is_refused(chat_llama_folder: Path, adapter: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(adapter, tmp_path / "copy")
    tensors = load_file(folder / "adapter_model.safetensors")
    strange = {name.replace("layers.1.", "layers.9."): tensor for name, tensor in tensors.items()}
    save_file(strange, folder / "adapter_model.safetensors")
    with pytest.raises(ModelFilesError, match=r"does not fit the model \(8 tensors such as .*made for another one"):
        with_adapter(base(chat_llama_folder), folder)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("adapter_config.json", b"{"),
        ("adapter_config.json", b'{"peft_type": "LORA", "target_modules": ["no_such_layer"]}'),
        ("adapter_model.safetensors", b"\x00" * 100),
    ],
)
def test_a_damaged_adapter_is_one_sentence(
    chat_llama_folder: Path, adapter: Path, tmp_path: Path, name: str, content: bytes
) -> None:
    folder = shutil.copytree(adapter, tmp_path / "copy")
    (folder / name).write_bytes(content)
    with pytest.raises(ModelFilesError, match=r"cannot be loaded \(.*\): damaged, or made for another model"):
        with_adapter(base(chat_llama_folder), folder)


def test_another_kind_of_adapter_is_refused(chat_llama_folder: Path, tmp_path: Path) -> None:
    config = PrefixTuningConfig(task_type="CAUSAL_LM", num_virtual_tokens=2)
    get_peft_model(base(chat_llama_folder), config).save_pretrained(tmp_path)
    with pytest.raises(ConfigError, match="is of kind PREFIX_TUNING: expected LORA"):
        with_adapter(base(chat_llama_folder), tmp_path)
