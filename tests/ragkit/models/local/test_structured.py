"""`bind_tools` and `with_structured_output` of a model that only makes noise."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import pytest
from langchain_core.messages import AIMessage, AIMessageChunk
from langchain_core.outputs import ChatGeneration
from pydantic import BaseModel
from pydantic.v1 import BaseModel as BaseModelV1
from typing_extensions import TypedDict

from ragkit.errors import ConfigError, OutputParseError
from ragkit.models.local.chat import LocalChatModel
from ragkit.models.local.structured import SchemaParser
from ragkit.prompts.tasks.sentiment import sentiment


class Mood(BaseModel):
    """How the cat is."""

    mood: Literal["hungry", "asleep"]
    lives: int


class OldMood(BaseModelV1):
    """How the cat is."""

    mood: Literal["hungry", "asleep"]
    lives: int


class MoodDict(TypedDict):
    """How the cat is."""

    mood: Literal["hungry", "asleep"]
    lives: int


def feed(name: str, grams: int = 40) -> str:
    """Feed a cat."""
    return f"{name} ate {grams} g"


@pytest.fixture(scope="module")
def model(chat_llama_folder: Path) -> Iterator[LocalChatModel]:
    model = LocalChatModel(model=str(chat_llama_folder), temperature=1.0, seed=3, max_tokens=80)
    yield model
    model.close()


METHODS = ["json_schema", "function_calling", "json_mode"]


@pytest.mark.parametrize(("schema", "method"), [*((Mood, method) for method in METHODS), (OldMood, "json_schema")])
def test_noise_becomes_objects_of_the_class(model: LocalChatModel, schema: Any, method: Any) -> None:
    structured = model.with_structured_output(schema, method=method)
    assert isinstance(structured.invoke("How is the cat?"), schema)
    assert [type(one) for one in structured.stream("How is the cat?")] == [schema]


@pytest.mark.parametrize(
    ("schema", "method"), [*((MoodDict, method) for method in METHODS), (Mood.model_json_schema(), "json_schema")]
)
async def test_noise_becomes_dicts_that_grow(model: LocalChatModel, schema: Any, method: Any) -> None:
    structured = model.with_structured_output(schema, method=method)
    assert (await structured.ainvoke("How is the cat?")).keys() == {"mood", "lives"}
    grown = [one async for one in structured.astream("How is the cat?")]
    assert [len(one) for one in grown] == sorted(len(one) for one in grown)
    assert grown[-1].keys() == {"mood", "lives"}


def test_noise_of_a_held_few_shot_prompt_is_what_its_parser_reads(model: LocalChatModel) -> None:
    labels = ['so "so"', "ひどい"]
    moods = sentiment([("A gem.", 'so "so"')], labels=labels).runnable(model, structured=True)
    assert set(moods.batch(["I laughed.", "I slept."])) <= set(labels)


def test_json_mode_without_a_schema_gives_any_object(model: LocalChatModel) -> None:
    assert isinstance(model.with_structured_output(method="json_mode").invoke("JSON!"), dict)


def test_the_raw_message_is_given_beside_what_was_parsed(model: LocalChatModel) -> None:
    given = model.with_structured_output(Mood, include_raw=True).invoke("How is the cat?")
    assert isinstance(given["raw"], AIMessage)
    assert isinstance(given["parsed"], Mood)
    assert given["parsing_error"] is None


def test_any_tool_and_a_named_tool_are_called_validly(model: LocalChatModel) -> None:
    for choice in ("any", "feed", True, {"type": "function", "function": {"name": "feed"}}):
        message = model.bind_tools([feed], tool_choice=choice, parallel_tool_calls=False).invoke("Mia is hungry.")
        (call,) = message.tool_calls
        assert call["name"] == "feed"
        assert isinstance(call["args"]["name"], str)
        assert message.response_metadata["finish_reason"] in ("tool_calls", "length")


def test_no_tool_is_called_where_none_is_wanted(model: LocalChatModel) -> None:
    message = model.bind_tools([feed], tool_choice="none").invoke("Mia is hungry.")
    assert message.tool_calls == []


def test_a_stream_of_calls_adds_up_to_the_whole(model: LocalChatModel) -> None:
    bound = model.bind_tools([feed], tool_choice="any")
    whole: AIMessageChunk | None = None
    for chunk in bound.stream("Mia is hungry."):
        assert isinstance(chunk, AIMessageChunk)
        whole = chunk if whole is None else whole + chunk
    assert whole is not None
    assert whole.tool_calls == bound.invoke("Mia is hungry.").tool_calls


def test_what_cannot_be_held_to_is_refused_when_it_is_bound(model: LocalChatModel) -> None:
    odd = {"title": "Odd", "type": "object", "properties": {"a": {"type": "array", "uniqueItems": True}}}
    with pytest.raises(ConfigError, match=r"a reply cannot be held to the schema Odd: .*uniqueItems"):
        model.with_structured_output(odd)
    with pytest.raises(ConfigError, match=r"a reply cannot be held to the arguments of Odd: .*uniqueItems"):
        model.bind_tools([odd])
    model.bind_tools([odd], strict=False)


def test_wrong_ways_to_ask_are_refused(model: LocalChatModel) -> None:
    with pytest.raises(ConfigError, match="method is xml: expected json_schema, function_calling or json_mode"):
        model.with_structured_output(Mood, method="xml")  # type: ignore[arg-type]
    for method in ("json_schema", "function_calling"):
        with pytest.raises(ConfigError, match=f"method {method} needs a schema"):
            model.with_structured_output(method=method)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="tool_choice bite names no tool"):
        model.bind_tools([feed], tool_choice="bite")


def said(message: AIMessage) -> list[ChatGeneration]:
    return [ChatGeneration(message=message)]


def test_a_reply_that_breaks_off_is_an_error_with_what_was_said() -> None:
    with pytest.raises(OutputParseError, match="the reply breaks off or is no JSON: raise max_tokens") as error:
        SchemaParser().parse_result(said(AIMessage('{"mood": "hung')))
    assert error.value.raw_output == '{"mood": "hung'


def test_a_reply_nested_too_deeply_to_be_read_is_an_error() -> None:
    endless = AIMessageChunk("[" * 5000 + "]" * 5000)
    with pytest.raises(OutputParseError, match="breaks off or is no JSON"):
        SchemaParser().parse_result(said(endless))
    assert SchemaParser().parse_result(said(endless), partial=True) is None


def test_a_reply_that_is_no_such_object_is_an_error() -> None:
    for made in (Mood, OldMood):
        with pytest.raises(OutputParseError, match=f"the reply is JSON, but no {made.__name__}: look at raw_output"):
            SchemaParser(schema_class=made).parse_result(said(AIMessage('{"mood": "sad"}')))


def test_a_stream_that_ends_too_early_is_an_error_and_not_silence() -> None:
    chunk = AIMessageChunk('{"mood": "hung', chunk_position="last")
    with pytest.raises(OutputParseError, match="breaks off"):
        SchemaParser().parse_result(said(chunk), partial=True)


def test_a_call_that_is_missing_or_broken_is_an_error() -> None:
    for message in (AIMessage("no call"), AIMessage("", invalid_tool_calls=[_broken()])):
        with pytest.raises(OutputParseError, match="breaks off"):
            SchemaParser(from_call=True).parse_result(said(message))
    whole = AIMessage("", tool_calls=[{"name": "Mood", "args": {"lives": 9}, "id": "1"}])
    assert SchemaParser(from_call=True).parse_result(said(whole)) == {"lives": 9}


def _broken() -> Any:
    return {"name": "Mood", "args": '{"lives": ', "id": "1", "error": None, "type": "invalid_tool_call"}


def test_text_parses_alone() -> None:
    assert SchemaParser().parse(json.dumps({"lives": 9})) == {"lives": 9}
    assert SchemaParser().parse_result(said(AIMessage("nothing yet")), partial=True) is None
