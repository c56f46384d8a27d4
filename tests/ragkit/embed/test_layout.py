from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ragkit.embed.layout import read_layout
from ragkit.errors import ModelFilesError

BERT = {"model_type": "bert", "hidden_size": 32, "max_position_embeddings": 512, "pad_token_id": 0}
MODULES = [("Transformer", ""), ("Pooling", "1_Pooling")]


def write(folder: Path, files: dict[str, Any]) -> Path:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return folder


def modules(*pairs: tuple[str, str]) -> list[dict[str, str]]:
    return [{"type": f"sentence_transformers.models.{kind}", "path": path} for kind, path in pairs]


def test_the_packaged_model_reads_256_tokens_and_pools_the_mean(packaged: Path) -> None:
    layout = read_layout(packaged)
    assert (layout.max_tokens, layout.pooling, layout.dim) == (256, ("mean",), 384)
    assert (layout.language, layout.query_prompt, layout.extra_modules) == ("en", "", ())


def test_a_plain_transformer_pools_the_mean(tmp_path: Path) -> None:
    layout = read_layout(write(tmp_path, {"config.json": BERT}))
    assert (layout.pooling, layout.max_tokens, layout.dim) == (("mean",), 512, 32)


def test_old_pooling_flags_are_read_in_order(tmp_path: Path) -> None:
    flags = {"pooling_mode_mean_tokens": True, "pooling_mode_cls_token": True, "pooling_mode_max_tokens": False}
    files = {"modules.json": modules(*MODULES), "config.json": BERT, "1_Pooling/config.json": flags}
    layout = read_layout(write(tmp_path, files))
    assert (layout.pooling, layout.dim) == (("cls", "mean"), 64)


def test_the_new_pooling_name_wins(tmp_path: Path) -> None:
    settings = {"pooling_mode": "cls", "include_prompt": False}
    files = {"modules.json": modules(*MODULES), "config.json": BERT, "1_Pooling/config.json": settings}
    layout = read_layout(write(tmp_path, files))
    assert (layout.pooling, layout.pools_prompt) == (("cls",), False)


def test_a_transformer_in_a_folder_of_its_own_is_found(tmp_path: Path) -> None:
    files = {"modules.json": modules(("Transformer", "0_BERT"), ("Pooling", "1_Pooling")), "0_BERT/config.json": BERT}
    assert read_layout(write(tmp_path, files)).transformer == tmp_path / "0_BERT"


@pytest.mark.parametrize(
    ("settings", "tokenizer", "expected"),
    [
        ({"max_seq_length": 128}, {"model_max_length": 300}, 128),
        ({"max_seq_length": None}, {"model_max_length": 300}, 300),
        ({}, {"model_max_length": 1e30}, 512),
        ({"max_seq_length": 9999}, {}, 512),
    ],
)
def test_the_tightest_length_holds(tmp_path: Path, settings: Any, tokenizer: Any, expected: int) -> None:
    files = {"config.json": BERT, "sentence_bert_config.json": settings, "tokenizer_config.json": tokenizer}
    assert read_layout(write(tmp_path, files)).max_tokens == expected


def test_roberta_keeps_two_positions_for_padding(tmp_path: Path) -> None:
    config = {**BERT, "model_type": "xlm-roberta", "max_position_embeddings": 514, "pad_token_id": 1}
    assert read_layout(write(tmp_path, {"config.json": config})).max_tokens == 512


def test_a_dense_layer_sets_the_dimension(tmp_path: Path) -> None:
    dense = {"in_features": 32, "out_features": 12, "activation_function": "torch.nn.modules.activation.Tanh"}
    files = {"modules.json": modules(*MODULES, ("Dense", "2_Dense")), "config.json": BERT, "2_Dense/config.json": dense}
    layout = read_layout(write(tmp_path, files))
    assert (layout.dim, layout.dense[0].activation, layout.dense[0].plain) == (12, "Tanh", True)


@pytest.mark.parametrize("odd", [{"use_residual": True}, {"module_input_name": "token_embeddings"}])
def test_an_unusual_dense_layer_is_told(tmp_path: Path, odd: dict[str, Any]) -> None:
    files = {
        "modules.json": modules(*MODULES, ("Dense", "2_Dense")),
        "config.json": BERT,
        "2_Dense/config.json": {"out_features": 12, **odd},
    }
    assert not read_layout(write(tmp_path, files)).dense[0].plain


@pytest.mark.parametrize("order", [["Normalize", "Dense"], ["LayerNorm"]])
def test_an_unusual_order_of_modules_is_told(tmp_path: Path, order: list[str]) -> None:
    extra = [(kind, f"x_{kind}") for kind in order]
    files = {
        "modules.json": modules(*MODULES, *extra),
        "config.json": BERT,
        "x_Dense/config.json": {"out_features": 12},
    }
    assert read_layout(write(tmp_path, files)).extra_modules == ("Transformer", "Pooling", *order)


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, ("", "")),
        ({"prompts": {"query": "q: ", "document": "d: "}}, ("q: ", "d: ")),
        ({"prompts": {"query": "q: ", "passage": "p: "}}, ("q: ", "p: ")),
        ({"prompts": {"all": "x "}, "default_prompt_name": "all"}, ("x ", "x ")),
        ({"prompts": {"query": "q: ", "all": "x "}, "default_prompt_name": "all"}, ("q: ", "x ")),
        ({"prompts": None, "default_prompt_name": None}, ("", "")),
    ],
)
def test_prompts_are_chosen_as_the_reference_does(tmp_path: Path, settings: Any, expected: tuple[str, str]) -> None:
    layout = read_layout(write(tmp_path, {"config.json": BERT, "config_sentence_transformers.json": settings}))
    assert (layout.query_prompt, layout.document_prompt) == expected


def test_known_prompts_do_not_replace_the_model_s_own(tmp_path: Path) -> None:
    layout = read_layout(write(tmp_path, {"config.json": BERT}))
    named = layout.with_prompts("q: ", "p: ")
    assert (named.query_prompt, named.document_prompt) == ("q: ", "p: ")
    assert named.with_prompts("other", "other") == named


@pytest.mark.parametrize(
    ("readme", "language"),
    [
        ("---\nlanguage: en\n---\n", "en"),
        ("---\nlicense: mit\nlanguage:\n- de\npipeline_tag: x\n---\n", "de"),
        ("---\nlanguage: [en, de]\n---\n", None),
        ("---\nlanguage:\n  - en\n  - fr\n---\n", None),
        ("---\nlanguage: multilingual\n---\n", None),
        ("---\ntags: [en]\n---\n", None),
        ("language: en", None),
    ],
)
def test_the_language_is_the_one_that_the_readme_names(tmp_path: Path, readme: str, language: str | None) -> None:
    assert read_layout(write(tmp_path, {"config.json": BERT, "README.md": readme})).language == language


def test_a_folder_without_a_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelFilesError, match=r"config\.json is missing; expected modules\.json"):
        read_layout(tmp_path)


@pytest.mark.parametrize(("content", "reason"), [("{", "cannot be read"), ("[]", "holds a list, expected an object")])
def test_a_damaged_file_is_named(tmp_path: Path, content: str, reason: str) -> None:
    with pytest.raises(ModelFilesError, match=rf"config\.json.*{reason}"):
        read_layout(write(tmp_path, {"config.json": content}))


@pytest.mark.parametrize("content", ["{}", "[1]", "[]", "oops"])
def test_modules_that_are_no_list_of_modules_are_refused(tmp_path: Path, content: str) -> None:
    with pytest.raises(ModelFilesError, match=r"modules\.json"):
        read_layout(write(tmp_path, {"config.json": BERT, "modules.json": content}))


def test_a_configuration_without_a_width_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelFilesError, match="names no hidden_size"):
        read_layout(write(tmp_path, {"config.json": {"model_type": "bert"}}))
