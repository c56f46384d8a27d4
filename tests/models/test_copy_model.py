"""The model that stands in for a good one: does it copy what it never met?"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from ragkit.models.local.chat import LocalChatModel

HELD_OUT_SEED = 2_000_003
EXAMPLES = 40
"""Of each kind."""


@pytest.fixture(scope="module")
def made_up() -> ModuleType:
    spec = importlib.util.spec_from_file_location("conversations", Path(__file__).with_name("conversations.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def model(copy_model: Path) -> Iterator[LocalChatModel]:
    model = LocalChatModel(model=str(copy_model), max_tokens=120)
    yield model
    model.close()


def drawn(made_up: ModuleType, *kinds: str) -> list[Any]:
    conversations = made_up.Conversations(HELD_OUT_SEED)
    return [getattr(conversations, kind)() for kind in kinds for _ in range(EXAMPLES)]


def share_right(examples: list[Any], right: Callable[[Any], bool]) -> float:
    with ThreadPoolExecutor(8) as callers:  # who ask together share forward passes
        return sum(callers.map(right, examples)) / len(examples)


# 0.97 in both where it was first trained; other processors round otherwise, so that every machine's model is its own.


def test_it_calls_tools_with_arguments_that_it_never_met(made_up: ModuleType, model: LocalChatModel) -> None:
    def right(example: Any) -> bool:
        wanted = example.reply["tool_calls"][0]["function"]
        calls = model.bind_tools(example.tools).invoke(example.messages).tool_calls
        return [(call["name"], call["args"]) for call in calls] == [(wanted["name"], wanted["arguments"])]

    examples = drawn(made_up, "ask_by_name", "ask_about", "ask_sum", "ask_made", "ask_style")
    assert share_right(examples, right) >= 0.9


def test_it_answers_in_text_where_there_is_nothing_to_call(made_up: ModuleType, model: LocalChatModel) -> None:
    def right(example: Any) -> bool:
        bound = model.bind_tools(example.tools) if example.tools else model
        return bool(bound.invoke(example.messages).content == example.reply["content"])

    assert share_right(drawn(made_up, "chat", "answer"), right) >= 0.85
