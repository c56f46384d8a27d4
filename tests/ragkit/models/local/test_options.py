from __future__ import annotations

from typing import Any

import pytest

from ragkit.errors import ConfigError
from ragkit.models.local.generation import Sampling
from ragkit.models.local.options import LoadOptions, ReplyOptions, read_reply_options
from ragkit.prompts.library import load_prompt

FIELDS = {"temperature": 0.5, "max_tokens": 10, "stop": ("a",), "timeout_s": None}


def test_a_call_s_options_are_laid_over_the_model_s() -> None:
    options = read_reply_options(FIELDS, {"temperature": 0.9, "timeout": 3, "stream": True}, ["b"])
    assert options == ReplyOptions(temperature=0.9, max_tokens=10, stop=["b"], timeout_s=3)
    assert read_reply_options(FIELDS, {"stop": None}).stop == ("a",)
    assert read_reply_options(FIELDS, {"stop": []}).stop == []
    assert read_reply_options(FIELDS, {}) == ReplyOptions(**FIELDS)


def test_an_option_that_nothing_reads_is_named() -> None:
    with pytest.raises(ConfigError, match=r"has no option 'temprature': expected one of documents, max_tokens, "):
        read_reply_options(FIELDS, {"temprature": 0.9})


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"max_tokens": 0}, "max_tokens must be at least 1"),
        ({"timeout_s": 0}, "timeout_s must be above 0"),
        ({"stop": "END"}, "stop must be a list of texts, none of them empty, got 'END'"),
        ({"stop": [""]}, "stop must be a list of texts, none of them empty"),
        ({"stop": 3}, "stop must be a list of texts, none of them empty, got '3'"),
        ({"max_tokens": "many"}, "max_tokens must be a whole number, got 'many'"),
        ({"max_tokens": 2.5}, "max_tokens must be a whole number, got '2.5'"),
        ({"top_k": True}, "top_k must be a whole number, got 'True'"),
        ({"seed": 1.5}, "seed must be a whole number, got '1.5'"),
        ({"temperature": "hot"}, "temperature must be a number, got 'hot'"),
        ({"temperature": None}, "temperature must be a number, got 'None'"),
        ({"timeout_s": 1e12}, "timeout_s must be above 0"),
        ({"documents": ["text"]}, "documents must be a list of dicts such as"),
        ({"template_options": 3}, "template_options must be a dict of the chat template's switches"),
    ],
)
def test_a_value_out_of_range_is_refused(given: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence):
        read_reply_options(FIELDS, given)


def test_sampling_is_what_an_engine_is_told() -> None:
    options = ReplyOptions(temperature=0.7, top_p=0.9, top_k=5, repetition_penalty=1.2, seed=3)
    assert options.sampling() == Sampling(temperature=0.7, top_p=0.9, top_k=5, repetition_penalty=1.2, seed=3)
    with pytest.raises(ConfigError, match=r"temperature must be at least 0.* got -1"):
        ReplyOptions(temperature=-1).sampling()


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"prefix_bytes": -1}, "prefix_bytes must be at least 0"),
        ({"max_batch": 0}, "max_batch must be at least 1"),
        ({"quantize": "int8", "engine": "openvino"}, "quantize='int8' is computed by engine='torch' only"),
        ({"tool_prompt": load_prompt("topic")}, "prompt topic must be one system section with the variable tools"),
    ],
)
def test_what_decides_the_loading_is_checked(given: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence):
        LoadOptions(model="m", **given)


def test_a_token_is_not_shown_and_decides_nothing() -> None:
    options = LoadOptions(model="m", token="hf_secret")
    assert "hf_secret" not in repr(options)
    assert options == LoadOptions(model="m")
