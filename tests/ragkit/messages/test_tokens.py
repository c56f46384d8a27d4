from __future__ import annotations

import base64
import gzip
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage
from langchain_core.messages.utils import convert_to_messages
from langchain_core.tools import tool
from pydantic import BaseModel, Field

from ragkit.errors import ModelFilesError
from ragkit.messages.tokens import counter_for, estimate_model_tokens
from ragkit.messages.vocabularies import O200K, Vocabulary


class Recorded(NamedTuple):
    model: str
    messages: list[dict[str, Any]]
    tools: list[dict[str, Any]]
    prompt_tokens: int


def _text(body: Any) -> str:
    raw = body.get("string", body) if isinstance(body, dict) else body
    if isinstance(raw, bytes):
        return (gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw).decode("utf-8", "replace")
    return raw if isinstance(raw, str) else json.dumps(raw)


def _json(text: str) -> dict[str, Any]:
    try:
        read = json.loads(text)
    except ValueError:
        return {}
    return read if isinstance(read, dict) else {}


def _usage(told: str) -> dict[str, Any] | None:
    events = [line[6:] for line in told.splitlines() if line.startswith("data: {")] or [told]
    found = [event.get("usage") or (event.get("response") or {}).get("usage") for event in map(_json, events)]
    return next((usage for usage in reversed(found) if usage), None)


def _messages(asked: dict[str, Any]) -> list[dict[str, Any]]:
    if "messages" in asked:
        return [{"content": "", **message} for message in asked["messages"]]
    given = asked.get("input", [])
    told = [{"role": "user", "content": given}] if isinstance(given, str) else given
    rules = asked.get("instructions")
    return [{"role": "system", "content": rules}, *told] if rules else told


def _recorded(data: Path) -> Iterator[Recorded]:
    """Give every exchange whose prompt stands whole in the request: messages, and tools of the caller's own."""
    for path in sorted((data / "openai_cassettes" / "cassettes").glob("*.yaml")):
        for interaction in yaml.load(path.read_text("utf-8"), Loader=yaml.CSafeLoader).get("interactions", []):
            sent, got = interaction["request"], interaction["response"]
            asked = _json(_text(sent.get("body") or sent.get("parsed_body")))
            usage = _usage(_text(got.get("body") or got.get("parsed_body")))
            if usage is None or {"response_format", "previous_response_id", "text"} & set(asked):
                continue
            messages = _messages(asked)
            if not messages or not all("content" in one and "role" in one for one in messages):
                continue
            tools = asked.get("tools") or [{"type": "function", "function": f} for f in asked.get("functions", [])]
            if "messages" in asked or not tools:
                truth = usage.get("prompt_tokens") or usage["input_tokens"]
                yield Recorded(asked.get("model", ""), messages, tools, truth)


@pytest.fixture(scope="module")
def recorded(data: Path) -> list[Recorded]:
    return list(_recorded(data))


def _ratio(call: Recorded) -> float:
    counted = counter_for(call.model).messages(convert_to_messages(call.messages), call.tools)
    return counted / call.prompt_tokens


def _only_text(call: Recorded) -> bool:
    blocks = [message["content"] for message in call.messages if isinstance(message["content"], list)]
    return not call.tools and all("text" in block for content in blocks for block in content)


def test_the_estimate_of_recorded_text_prompts_is_never_below_the_truth_and_below_twice_it(
    recorded: list[Recorded],
) -> None:
    ratios = [_ratio(call) for call in recorded if _only_text(call)]

    assert len(ratios) == 34
    assert (round(min(ratios), 2), round(median(ratios), 2), round(max(ratios), 2)) == (1.0, 1.2, 1.51)


def test_the_estimate_of_recorded_prompts_with_tools_is_near_the_truth(recorded: list[Recorded]) -> None:
    ratios = [_ratio(call) for call in recorded if call.tools and call.model.startswith("gpt-")]

    assert len(ratios) >= 10
    assert min(ratios) >= 1.0
    assert max(ratios) < 2.0


def test_the_bound_of_a_recorded_image_is_above_the_truth(recorded: list[Recorded]) -> None:
    ratios = [_ratio(call) for call in recorded if not _only_text(call) and not call.tools]

    assert len(ratios) >= 1
    assert min(ratios) > 1.0


def test_a_hand_count_by_the_published_recipe() -> None:
    counter = counter_for("gpt-4o")

    # 3 a message, 1 for the role, the words, 1 for having a name, 3 for the reply.
    assert counter.messages([HumanMessage("Say this is a test")]) == 3 + 1 + 5 + 3
    assert counter.messages([SystemMessage("Be kind", name="rules"), HumanMessage("Hi")]) == (3 + 1 + 2 + 1 + 1) + 5 + 3


@given(st.text(min_size=1, max_size=200))
@settings(max_examples=50, deadline=None)
def test_text_that_is_there_is_never_counted_as_nothing(text: str) -> None:
    assert counter_for("gpt-4o").text(text) >= 1
    assert counter_for("gpt-4o").messages([HumanMessage(text)]) > counter_for("gpt-4o").messages([HumanMessage("")])


@given(st.text(max_size=80), st.text(max_size=80))
@settings(max_examples=50, deadline=None)
def test_a_longer_text_hardly_has_fewer_tokens(text: str, more: str) -> None:
    # Two pieces may become one where the texts meet.
    assert estimate_model_tokens(text + more) >= estimate_model_tokens(text) - 1


def test_only_the_empty_text_has_no_tokens() -> None:
    assert counter_for("gpt-4o").text("") == 0
    assert [counter_for("gpt-4o").text(text) for text in (" ", "\n", "a", "é", "中", "😀", "\ud800")] == [
        1, 1, 1, 1, 2, 3, 2,
    ]  # fmt: skip


def test_an_estimate_says_so_for_known_and_unknown_models() -> None:
    assert counter_for("gpt-4o").estimated is True
    assert counter_for("some-model-of-mine").estimated is True


def test_calls_results_and_every_kind_of_block_count() -> None:
    counter = counter_for("gpt-4o")
    plain = counter.messages([AIMessage("")])
    call = {"name": "add", "args": {"a": 1}, "id": "call_1"}
    broken = {"name": None, "args": "{broken", "id": "call_2", "error": None}

    assert counter.messages([AIMessage("", tool_calls=[call])]) > plain + 8
    assert counter.messages([AIMessage("", invalid_tool_calls=[broken])]) > plain + 8
    assert counter.messages([ToolMessage("12", tool_call_id="call_1")]) == plain + 1
    assert counter.messages([HumanMessage(["one", {"type": "text", "text": "two"}])]) == plain + 2
    assert counter.messages([HumanMessage([{"type": "input_audio", "input_audio": {"data": "UklGR"}}])]) > plain + 5


def test_a_function_call_of_the_old_kind_counts_once() -> None:
    counter = counter_for("gpt-4o")
    old = {"function_call": {"name": "search", "arguments": '{"words": "tea and cake"}'}}
    call = {"name": "search", "args": {"words": "tea and cake"}, "id": "1"}
    new = AIMessage("", tool_calls=[call])

    assert counter.messages([AIMessage("", additional_kwargs=old)]) == counter.messages([new])
    assert counter.messages([AIMessage("", additional_kwargs=old, tool_calls=[call])]) == counter.messages([new])


def test_an_image_counts_as_the_largest_would() -> None:
    counter = counter_for("gpt-4o")
    plain = counter.messages([HumanMessage("")])
    url = "https://example.org/cat.png"

    high = counter.messages([HumanMessage([{"type": "image_url", "image_url": {"url": url}}])])
    low = counter.messages([HumanMessage([{"type": "image_url", "image_url": {"url": url, "detail": "low"}}])])

    assert (high - plain, low - plain) == (85 + 8 * 170, 85)


class Weather(BaseModel):
    """Tell the weather."""

    city: str = Field(description="Where")
    unit: list[str] = Field(default=[], description="Which")


@tool
def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


def test_every_form_of_tool_counts_and_a_described_one_more() -> None:
    counter = counter_for("gpt-4o")
    ask = [HumanMessage("Hi")]
    plain = counter.messages(ask)
    builtin = {"type": "web_search_preview"}

    assert counter.messages(ask, []) == plain
    assert counter.messages(ask, [add]) > plain + 40
    assert counter.messages(ask, [Weather]) > counter.messages(ask, [builtin]) > plain + 32
    assert counter.messages(ask, [add, Weather]) > counter.messages(ask, [add]) + 20


def _small_file(path: Path) -> Vocabulary:
    tokens = [bytes([byte]) for byte in range(256)] + [b"he", b"ll", b"hell", b"hello", b" t", b" te"]
    path.write_text("\n".join(f"{base64.b64encode(t).decode()} {rank}" for rank, t in enumerate(tokens)))
    return Vocabulary("small", hashlib.sha256(path.read_bytes()).hexdigest(), O200K.pattern)


def test_a_file_that_is_not_the_published_one_is_refused(tmp_path: Path) -> None:
    (tmp_path / "o200k_base.tiktoken").write_text("IQ== 0\n")

    with pytest.raises(
        ModelFilesError, match=r"is not the published o200k_base\.tiktoken: its sha256 is [0-9a-f]{12}…"
    ):
        counter_for("gpt-4o", folder=tmp_path)
    assert counter_for("gpt-4", folder=tmp_path).estimated is True


def test_a_counter_with_a_file_is_no_estimate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # The published files cannot be shipped; a small one under the published name stands for them.
    from ragkit.messages import vocabularies

    small = _small_file(tmp_path / "o200k_base.tiktoken")
    stand_in = Vocabulary("o200k_base", small.sha256, small.pattern)
    monkeypatch.setattr(vocabularies, "_VOCABULARY_OF", ((("gpt-4o",), stand_in),))

    counter = counter_for("gpt-4o", folder=tmp_path)

    assert counter.estimated is False
    assert counter.text("hello") == 1
    assert counter.messages([HumanMessage("hello")]) == 3 + 1 + 1 + 3
