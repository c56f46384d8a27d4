"""Every engine gives the vectors of sentence-transformers itself, cosine at least 0.999."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ragkit.embed.encoder import SentenceEncoder
from ragkit.embed.engines.openvino import has_bf16

pytest.importorskip("sentence_transformers", reason="the reference")
pytestmark = pytest.mark.filterwarnings(
    "ignore::ragkit.embed.tokens.TruncationWarning", "ignore::ragkit.embed.language.LanguageWarning"
)

MODELS: dict[str, dict[str, Any]] = {
    "bert, mean": {"kind": "bert"},
    "bert, cls and dense": {"kind": "bert", "pooling": "cls", "dense": "Tanh"},
    "bert, max, not normalised": {"kind": "bert", "pooling": "max", "normalise": False},
    "bert, two poolings": {"kind": "bert", "pooling": ("cls", "mean_sqrt_len_tokens"), "dense": "GELU"},
    "bert, lower case, relu": {"kind": "bert", "lower_case": True, "hidden_act": "relu", "layer_norm_eps": 1e-5},
    "bert, tanh gelu": {"kind": "bert", "hidden_act": "gelu_new", "dense": "Identity"},
    "bert, prompts": {"kind": "bert", "prompts": {"query": "question: ", "document": "text: "}},
    "roberta": {"kind": "roberta", "type_vocab_size": 1},
    "xlm-roberta, prompts": {"kind": "xlm-roberta", "prompts": {"query": "query: ", "passage": "passage: "}},
    "mpnet": {"kind": "mpnet"},
    "distilbert": {"kind": "distilbert"},
    "positions are the limit": {"kind": "roberta", "max_tokens": None},
}


@pytest.fixture(scope="module")
def reference(texts: list[str]) -> Callable[[Path, bool], np.ndarray]:
    from sentence_transformers import SentenceTransformer

    @cache
    def encode(folder: Path, query: bool) -> np.ndarray:
        model = SentenceTransformer(str(folder), device="cpu")
        if model.max_seq_length == 40:  # its limit for RoBERTa, on which it then fails: two rows are the padding's
            model.max_seq_length = 38
        encode = model.encode_query if query else model.encode_document
        return np.asarray(encode(texts, normalize_embeddings=True, show_progress_bar=False))

    return encode


@pytest.fixture(params=["openvino-f32", "openvino-bf16", "sentence-transformers"])
def engine(request: pytest.FixtureRequest) -> str:
    if request.param == "openvino-bf16" and not has_bf16():
        pytest.skip("this processor has no bf16")
    return str(request.param)


@pytest.mark.parametrize("options", MODELS.values(), ids=MODELS.keys())
def test_documents_agree_with_the_reference(
    make_model: Callable[..., Path], texts: list[str], reference: Any, options: dict[str, Any]
) -> None:
    folder = make_model(**options)
    theirs = reference(folder, False)
    ours = SentenceEncoder.load(folder, engine="openvino-f32").encode_documents(texts)
    assert ours.shape == theirs.shape
    assert np.abs(ours - theirs).max() < 1e-4
    assert np.median(theirs @ theirs.T) < 0.99  # the texts do differ, or this would show nothing


@pytest.mark.parametrize("name", ["bert, prompts", "xlm-roberta, prompts"])
def test_queries_take_the_prompt_for_queries(
    make_model: Callable[..., Path], texts: list[str], reference: Any, name: str
) -> None:
    folder = make_model(**MODELS[name])
    encoder = SentenceEncoder.load(folder, engine="openvino-f32")
    queries = encoder.encode_queries(texts)
    assert np.abs(queries - reference(folder, True)).max() < 1e-4
    assert np.abs(queries - encoder.encode_documents(texts)).max() > 0.1


@pytest.mark.parametrize("options", MODELS.values(), ids=MODELS.keys())
def test_bf16_agrees_with_the_reference(
    make_model: Callable[..., Path], texts: list[str], reference: Any, options: dict[str, Any]
) -> None:
    if not has_bf16():
        pytest.skip("this processor has no bf16")
    folder = make_model(**options)
    ours = SentenceEncoder.load(folder, engine="openvino-bf16").encode_documents(texts)
    assert (ours * reference(folder, False)).sum(axis=1).min() >= 0.999


def test_every_engine_agrees_on_the_packaged_model(
    packaged: Path, texts: list[str], reference: Any, engine: str
) -> None:
    encoder = SentenceEncoder.load(engine=engine)
    assert encoder.engine == engine
    assert (encoder.encode_documents(texts) * reference(packaged, False)).sum(axis=1).min() >= 0.999
    assert (encoder.encode_queries(texts[:3]) * reference(packaged, True)[:3]).sum(axis=1).min() >= 0.999


def test_the_reference_engine_computes_what_the_graph_does_not_know(
    make_model: Callable[..., Path], texts: list[str], reference: Any
) -> None:
    folder = make_model("bert", pooling="weightedmean")
    encoder = SentenceEncoder.load(folder)
    assert encoder.engine == "sentence-transformers"
    assert np.abs(encoder.encode_documents(texts) - reference(folder, False)).max() < 1e-5


@pytest.mark.parametrize("kind", ["bfloat16", "float16"])
def test_weights_kept_in_half_precision_are_read(
    make_model: Callable[..., Path], texts: list[str], reference: Any, kind: str, tmp_path: Path
) -> None:
    import torch
    from safetensors.torch import load_file, save_file

    folder = shutil.copytree(make_model("bert"), tmp_path / "model")
    weights = {name: value.to(getattr(torch, kind)) for name, value in load_file(folder / "model.safetensors").items()}
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    ours = SentenceEncoder.load(folder, engine="openvino-f32").encode_documents(texts)
    assert (ours * reference(folder, False)).sum(axis=1).min() >= 0.999


def test_weights_in_several_files_are_read(
    make_model: Callable[..., Path], texts: list[str], reference: Any, tmp_path: Path
) -> None:
    from safetensors.torch import load_file, save_file

    folder = shutil.copytree(make_model("bert"), tmp_path / "model")
    weights = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    names = sorted(weights)
    parts = {"a.safetensors": names[::2], "b.safetensors": names[1::2]}
    for part, some in parts.items():
        save_file({name: weights[name] for name in some}, folder / part, metadata={"format": "pt"})
    places = {name: part for part, some in parts.items() for name in some}
    index = folder / "model.safetensors.index.json"
    index.write_text(json.dumps({"metadata": {}, "weight_map": places}), encoding="utf-8")
    ours = SentenceEncoder.load(folder, engine="openvino-f32").encode_documents(texts)
    assert np.abs(ours - reference(folder, False)).max() < 1e-4


def test_weights_of_a_model_with_a_task_head_are_found(
    make_model: Callable[..., Path], texts: list[str], reference: Any, tmp_path: Path
) -> None:
    from safetensors.torch import load_file, save_file

    folder = shutil.copytree(make_model("bert"), tmp_path / "model")
    weights = {f"bert.{name}": value for name, value in load_file(folder / "model.safetensors").items()}
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    ours = SentenceEncoder.load(folder, engine="openvino-f32").encode_documents(texts)
    assert np.abs(ours - reference(make_model("bert"), False)).max() < 1e-4
