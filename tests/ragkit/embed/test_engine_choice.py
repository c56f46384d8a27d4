from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ragkit.embed.encoder import SentenceEncoder
from ragkit.embed.engines import openvino
from ragkit.embed.engines.choice import make_engine, why_not_lean
from ragkit.embed.engines.engine import check_engine_name
from ragkit.embed.engines.graph import build_graph
from ragkit.embed.layout import DenseLayer, ModelLayout, read_layout
from ragkit.errors import ConfigError, ModelFilesError


@pytest.fixture(scope="module")
def layout(packaged: Path) -> ModelLayout:
    return read_layout(packaged)


def test_the_packaged_model_needs_no_torch(layout: ModelLayout) -> None:
    assert why_not_lean(layout) == ""


def test_auto_takes_bf16_where_the_processor_has_it(layout: ModelLayout) -> None:
    expected = "openvino-bf16" if openvino.has_bf16() else "openvino-f32"
    assert make_engine("auto", layout).name == expected
    assert make_engine("openvino", layout).name == expected


def test_float32_can_be_asked_for(layout: ModelLayout) -> None:
    assert make_engine("openvino-f32", layout).name == "openvino-f32"


@pytest.mark.parametrize("bf16", [True, False])
def test_bf16_is_refused_where_the_processor_has_none(
    layout: ModelLayout, monkeypatch: pytest.MonkeyPatch, bf16: bool
) -> None:
    monkeypatch.setattr(openvino, "has_bf16", lambda: bf16)
    if bf16:
        assert make_engine("openvino-bf16", layout).name == "openvino-bf16"
    else:
        assert make_engine("auto", layout).name == "openvino-f32"
        with pytest.raises(ConfigError, match="needs a processor with bf16 arithmetic: choose openvino-f32 or auto"):
            make_engine("openvino-bf16", layout)


def test_an_unknown_engine_is_named_with_the_known_ones() -> None:
    with pytest.raises(ConfigError, match="engine 'onnx' is not known: expected one of auto, openvino, "):
        check_engine_name("onnx")


def test_the_engine_s_name_is_checked_before_anything_is_looked_for() -> None:
    with pytest.raises(ConfigError, match="engine 'onnx' is not known"):
        SentenceEncoder.load("./gone", engine="onnx")


def test_threads_below_one_are_refused(packaged: Path) -> None:
    with pytest.raises(ConfigError, match="threads must be at least 1, got 0"):
        SentenceEncoder.load(threads=0)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"extra_modules": ("Transformer", "LSTM")}, r"modules Transformer \+ LSTM"),
        ({"pooling": ("mean", "lasttoken")}, "pooling 'lasttoken'"),
        ({"pools_prompt": False, "query_prompt": "q: "}, "a prompt that is left out of the pooling"),
        ({"config": {"model_type": "modernbert"}}, r"architecture 'modernbert' \(known: bert, roberta"),
        ({"config": {"model_type": "bert", "position_embedding_type": "relative_key"}}, "'relative_key'"),
        ({"config": {"model_type": "bert", "is_decoder": True}}, "a decoder"),
        ({"config": {"model_type": "bert", "hidden_act": "mish"}}, "activation 'mish'"),
        ({"dense": (DenseLayer(folder=Path(), dim=2, activation="Mish", plain=True),)}, "a Dense layer with Mish"),
        ({"dense": (DenseLayer(folder=Path(), dim=2, activation="Tanh", plain=False),)}, "a Dense layer with Tanh"),
    ],
)
def test_what_the_graph_does_not_know_is_refused_by_name(layout: ModelLayout, change: Any, reason: str) -> None:
    with pytest.raises(ConfigError, match=f"engine openvino does not know .*{reason}.*: choose engine sentence-trans"):
        make_engine("openvino", replace(layout, **change))


def test_a_prompt_left_out_of_the_pooling_matters_only_with_a_prompt(layout: ModelLayout) -> None:
    assert why_not_lean(replace(layout, pools_prompt=False)) == ""


def test_weights_of_other_names_are_refused(make_model: Callable[..., Path]) -> None:
    layout = read_layout(make_model("mpnet"))
    odd = replace(layout, config={**layout.config, "model_type": "bert"})
    with pytest.raises(ModelFilesError, match=r"has no weight named 'encoder\.layer\.0\.attention\.self\.query"):
        build_graph(odd)


def test_the_graph_alone_refuses_an_architecture_it_does_not_know(layout: ModelLayout) -> None:
    with pytest.raises(ModelFilesError, match="no graph for architecture 'albert'"):
        build_graph(replace(layout, config={"model_type": "albert"}))


def test_albert_goes_to_the_reference(make_model: Callable[..., Path]) -> None:
    assert SentenceEncoder.load(make_model("albert")).engine == "sentence-transformers"
