"""What is heard of known tokens; on a scripted engine."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from langchain_core.messages import AIMessageChunk, BaseMessage, HumanMessage, SystemMessage

from ragkit.models.local.chat import LocalChatModel

CHAT: list[BaseMessage] = [SystemMessage("Be brief."), HumanMessage("What is the capital of France?")]


@pytest.fixture(scope="module")
def model(chat_llama_folder: Path) -> LocalChatModel:
    return LocalChatModel(model=str(chat_llama_folder), dtype="float32", max_tokens=24)


def spelt(model: LocalChatModel, text: str) -> list[int]:
    return model.get_token_ids(text)


def whole(chunks: Sequence[AIMessageChunk]) -> AIMessageChunk:
    return sum(chunks[1:], start=chunks[0])


def test_a_base_model_stops_where_the_user_would_speak(scripted: Any, llama_folder: Path) -> None:
    model = LocalChatModel(model=str(llama_folder), max_tokens=50)
    for ways in range(2):
        engine = scripted([spelt(model, " Paris.\nUser: And of Spain?")])
        asked = engine.under(model)
        reply = asked.invoke(CHAT) if ways else whole(list(asked.stream(CHAT)))
        assert (reply.content, reply.response_metadata["finish_reason"]) == ("Paris.", "stop")


def test_an_empty_reply_is_a_reply(scripted: Any, model: LocalChatModel) -> None:
    engine = scripted([[], []])
    assert engine.under(model).invoke(CHAT).content == ""
    chunks = list(engine.under(model).stream(CHAT))
    assert [(chunk.content, chunk.chunk_position) for chunk in chunks] == [("", "last")]


def test_marks_of_tool_calls_are_text_only_where_tools_are_bound(
    scripted: Any, llama3_folder: Path, model: LocalChatModel
) -> None:
    written = 'Well.\n<tool_call>\n{"name": "add", "arguments": {}}\n</tool_call>'
    tool = {"title": "add", "description": "Add.", "type": "object", "properties": {}}
    engine = scripted([spelt(model, written)] * 2)
    assert engine.under(model).invoke(CHAT, max_tokens=100).content == written
    calling = engine.under(model).bind_tools([tool]).invoke(CHAT, max_tokens=100)
    assert (calling.content, [call["name"] for call in calling.tool_calls]) == ("Well.", ["add"])
    special = LocalChatModel(model=str(llama3_folder))
    ids = [special.weights.tokenizer.convert_tokens_to_ids("<|start_header_id|>"), *spelt(special, "Paris")]
    assert scripted([ids]).under(special).invoke(CHAT).content == "Paris"


def test_ids_of_tool_calls_are_drawn_only_where_the_reply_is(scripted: Any, model: LocalChatModel) -> None:
    written = '<tool_call>\n{"name": "add", "arguments": {}}\n</tool_call>'
    tool = {"title": "add", "description": "Add.", "type": "object", "properties": {}}

    def call_id(**options: Any) -> str | None:
        asked = scripted([spelt(model, written)]).under(model).bind_tools([tool])
        return asked.invoke(CHAT, max_tokens=100, **options).tool_calls[0]["id"]

    assert call_id() == call_id() == call_id(temperature=1, seed=2)
    assert call_id(temperature=1) != call_id(temperature=1)


def test_a_reply_cut_off_within_a_call_was_cut_off(
    scripted: Any, chat_llama_folder: Path, model: LocalChatModel
) -> None:
    written = '<tool_call>\n{"name": "add", "arguments": {"a":'
    tool = {"title": "add", "description": "Add.", "type": "object", "properties": {}}
    for streams in (False, True):
        engine = scripted([spelt(model, written)], reason="length")
        asked = engine.under(model).bind_tools([tool])
        reply = whole(list(asked.stream(CHAT, max_tokens=100))) if streams else asked.invoke(CHAT, max_tokens=100)
        assert reply.response_metadata["finish_reason"] == "length"
        assert (reply.tool_calls, len(reply.invalid_tool_calls)) == ([], 1)


def test_text_is_given_as_it_comes_and_counted_token_by_token(scripted: Any, model: LocalChatModel) -> None:
    ids = spelt(model, "The heron stands 日.")
    chunks = list(scripted([ids]).under(model).stream(CHAT))
    assert "".join(str(chunk.content) for chunk in chunks) == "The heron stands 日."
    assert 3 < len(chunks) < len(ids) + 1  # a character of several tokens comes in one chunk
    usage = chunks[-1].usage_metadata
    assert usage is not None
    assert (usage["output_tokens"], usage["total_tokens"]) == (len(ids), len(ids) + usage["input_tokens"])


@pytest.mark.parametrize("cut", range(1, 12))
def test_a_stop_text_is_found_wherever_it_is_cut(scripted: Any, model: LocalChatModel, cut: int) -> None:
    text = "Paris.\nEND of it"
    ids = [*spelt(model, text[:cut]), *spelt(model, text[cut:])]
    reply = scripted([ids]).under(model).invoke(CHAT, stop=["\nEND"])
    assert (reply.content, reply.response_metadata["finish_reason"]) == ("Paris.", "stop")
    assert scripted([ids]).under(model).invoke(CHAT, stop=["\nENDE", "nd of "]).content == text


def test_a_special_token_can_be_a_stop_text(scripted: Any, model: LocalChatModel) -> None:
    other = model.weights.tokenizer.convert_tokens_to_ids("<|endoftext|>")  # not what ends this model's turns
    ids = [*spelt(model, "Paris."), other, *spelt(model, " And more")]
    for stop, said in (["<|endoftext|>"], "Paris."), (["<|"], "Paris. And more"):
        reply = scripted([ids]).under(model).invoke(CHAT, stop=stop)
        assert reply.content == whole(list(scripted([ids]).under(model).stream(CHAT, stop=stop))).content == said


def test_both_ways_say_why_a_reply_ended_in_half_a_character(scripted: Any, model: LocalChatModel) -> None:
    half = next(token for token in range(len(model.weights.tokenizer)) if model.weights.backend.decode([token]) == "�")
    engine = scripted([[*spelt(model, "Paris"), half]] * 2, reason="length")
    asked = engine.under(model)
    replies = [asked.invoke(CHAT, stop=["�"]), whole(list(asked.stream(CHAT, stop=["�"])))]
    assert [(reply.content, reply.response_metadata["finish_reason"]) for reply in replies] == [("Paris", "stop")] * 2


def test_white_space_before_a_plain_reply_belongs_to_the_layout(scripted: Any, llama_folder: Path) -> None:
    model = LocalChatModel(model=str(llama_folder))
    ids = spelt(model, " \n Paris is. \n")
    assert scripted([ids]).under(model).invoke(CHAT).content == "Paris is. \n"
    assert whole(list(scripted([ids]).under(model).stream(CHAT))).content == "Paris is. \n"
