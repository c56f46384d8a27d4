"""Tools and structured output, as LangChain's own model has them."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from langchain_core.messages.ai import add_ai_message_chunks
from langchain_core.tools import tool
from langchain_openai.chat_models.base import OpenAIRefusalError
from pydantic import BaseModel
from typing_extensions import TypedDict

from ragkit.errors import OutputParseError
from ragkit.testing.openai_replies import (
    chat_chunk,
    chat_reply,
    response_events,
    response_reply,
    sse_reply,
    stream_reply,
)

Ask = Callable[..., Any]


def call(name: str) -> dict[str, Any]:
    return {"id": "c0", "type": "function", "function": {"name": name, "arguments": '{"city": "Brno"}'}}


class Place(BaseModel):
    """A place."""

    city: str


class PlaceDict(TypedDict):
    """A place."""

    city: str


@tool
def weather(city: str) -> str:
    """Tell the weather of a city."""
    return f"sun in {city}"


@pytest.mark.parametrize("schema", [Place, PlaceDict, Place.model_json_schema()], ids=["class", "typed", "json"])
@pytest.mark.parametrize("method", ["json_schema", "function_calling"])
async def test_a_schema_is_sent_and_what_comes_back_fits_it(ask: Ask, schema: Any, method: str) -> None:
    name = "PlaceDict" if schema is PlaceDict else "Place"
    said = chat_reply('{"city": "Brno"}') if method == "json_schema" else chat_reply(None, tool_calls=[call(name)])
    model, server = ask(said, said)
    structured = model.with_structured_output(schema, method=method)
    expected = Place(city="Brno") if schema is Place else {"city": "Brno"}
    assert structured.invoke("q") == expected
    assert await structured.ainvoke("q") == expected
    sent = server.requests[0].json
    if method == "json_schema":
        assert sent["response_format"]["json_schema"]["schema"]["properties"]["city"]["type"] == "string"
    else:
        assert sent["tool_choice"]["function"]["name"] == name
    await model.aclose()


def test_json_mode_is_asked_for(ask: Ask) -> None:
    model, server = ask(chat_reply('{"city": "Brno"}'))
    assert model.with_structured_output(Place, method="json_mode").invoke("as JSON") == Place(city="Brno")
    assert server.requests[0].json["response_format"] == {"type": "json_object"}


def test_a_schema_goes_through_the_responses_api(ask: Ask) -> None:
    model, server = ask(response_reply('{"city": "Brno"}'), use_responses_api=True)
    assert model.with_structured_output(Place).invoke("q") == Place(city="Brno")
    assert server.requests[0].json["text"]["format"]["type"] == "json_schema"


async def test_structured_output_streams(ask: Ask) -> None:
    answer = stream_reply(['{"city":', ' "Brno"}'], usage=(5, 3))
    model, _ = ask(answer, answer)
    structured = model.with_structured_output(Place, include_raw=True)
    last = None
    for part in structured.stream("q"):
        last = part if last is None else last | part
    assert last["parsed"] == Place(city="Brno")
    assert [part async for part in model.with_structured_output(Place).astream("q")][-1] == Place(city="Brno")
    await model.aclose()


def test_usage_of_a_streamed_schema_is_told_once(ask: Ask) -> None:
    model, _ = ask(stream_reply(['{"city":', ' "Brno"}'], usage=(5, 3)))
    chunks = list(model.stream("q", response_format=Place))
    whole = chunks[0]
    for chunk in chunks[1:]:
        whole += chunk
    assert whole.usage_metadata["total_tokens"] == 8
    assert whole.response_metadata["model_name"] == "scripted"
    assert whole.additional_kwargs["parsed"] == Place(city="Brno")


def test_a_streamed_schema_is_sent_as_openai_writes_it(ask: Ask) -> None:
    model, server = ask(stream_reply(['{"city": "Brno"}']), chat_reply('{"city": "Brno"}'))
    structured = model.with_structured_output(Place)
    assert list(structured.stream("q"))[-1] == structured.invoke("q") == Place(city="Brno")
    streamed, plain = (asked.json["response_format"] for asked in server.requests)
    assert streamed == plain


@pytest.mark.parametrize("way", ["stream", "astream"])
async def test_a_streamed_reply_that_does_not_fit_its_schema_is_told(ask: Ask, way: str) -> None:
    model, _ = ask(stream_reply(['{"town":', " 1}"]))
    structured = model.with_structured_output(Place)
    with pytest.raises(OutputParseError, match="the reply does not fit the schema Place") as caught:
        _ = list(structured.stream("q")) if way == "stream" else [part async for part in structured.astream("q")]
    assert caught.value.raw_output == '{"town": 1}'
    await model.aclose()


@pytest.mark.parametrize("form", [Place, {"type": "json_object"}], ids=["class", "json"])
async def test_tools_that_are_not_strict_may_stand_beside_a_schema(ask: Ask, form: Any) -> None:
    model, server = ask(*[chat_reply('{"city": "Brno"}')] * 2, stream_reply(['{"city": "Brno"}']), extra_body={"x": 1})
    both = model.bind_tools([weather]).bind(response_format=form)
    replies = [both.invoke("q"), await both.ainvoke("q"), add_ai_message_chunks(*both.stream("q"))]
    await model.aclose()
    expected = Place(city="Brno") if form is Place else None
    assert [reply.additional_kwargs.get("parsed") for reply in replies] == [expected] * 3
    for asked in server.requests:
        assert asked.json["response_format"]["type"] == ("json_schema" if form is Place else "json_object")
        assert not asked.json["tools"][0]["function"].get("strict")
        assert asked.json["x"] == 1


async def test_with_include_raw_a_reply_that_does_not_fit_is_given_too(ask: Ask) -> None:
    model, _ = ask(*[chat_reply('{"town": 1}')] * 2, chat_reply('{"city": "Brno"}'))
    structured = model.with_structured_output(Place, include_raw=True)
    for given in (structured.invoke("q"), await structured.ainvoke("q")):
        assert (given["raw"].text, given["parsed"]) == ('{"town": 1}', None)
        assert isinstance(given["parsing_error"], ValueError)
    assert structured.invoke("q")["parsed"] == Place(city="Brno")
    await model.aclose()


def test_a_text_cut_short_is_a_text(ask: Ask) -> None:
    model, _ = ask(chat_reply("It is", finish_reason="length"))
    assert model.invoke("q", response_format={"type": "text"}).text == "It is"


def test_a_streamed_refusal_of_a_schema_is_no_answer(ask: Ask) -> None:
    chunks = [chat_chunk({"role": "assistant", "refusal": "I can't."}), chat_chunk({}, finish="stop")]
    model, _ = ask(sse_reply(chunks))
    with pytest.raises(OpenAIRefusalError, match=r"^I can't\.$"):
        list(model.with_structured_output(Place).stream("q"))


def test_a_streamed_schema_cut_short_says_by_what(ask: Ask) -> None:
    model, _ = ask(stream_reply(['{"city": "Br'], finish="length"))
    with pytest.raises(OutputParseError, match="cut by max_tokens"):
        list(model.with_structured_output(Place).stream("q"))


def test_a_schema_streams_through_the_responses_api(ask: Ask) -> None:
    format_ = {"format": {"type": "json_schema", "name": "Place", "schema": Place.model_json_schema(), "strict": True}}
    events = response_events(['{"city":', ' "Brno"}'], text=format_)
    model, _ = ask(sse_reply(events, done=False), use_responses_api=True)
    assert list(model.with_structured_output(Place).stream("q"))[-1] == Place(city="Brno")


def test_a_refusal_of_a_schema_is_no_answer(ask: Ask) -> None:
    model, _ = ask(chat_reply(None, refusal="I can't."), response_reply("I can't.", kind="refusal"))
    with pytest.raises(OpenAIRefusalError, match="I can't"):
        model.with_structured_output(Place).invoke("q")


def test_what_does_not_fit_the_schema_is_told_with_what_was_said(ask: Ask) -> None:
    model, _ = ask(chat_reply('{"town": 1}'))
    with pytest.raises(OutputParseError, match="the reply does not fit the schema Place"):
        model.with_structured_output(Place).invoke("q")
    broken, _ = ask(chat_reply('{"city": "Br'))
    with pytest.raises(OutputParseError, match="the reply does not fit the schema Place") as caught:
        broken.with_structured_output(Place).invoke("q")
    assert caught.value.raw_output == '{"city": "Br'


@pytest.mark.parametrize("schema", [Place, Place.model_json_schema()], ids=["class", "json"])
def test_a_schema_cut_short_says_by_what(ask: Ask, schema: Any) -> None:
    model, _ = ask(chat_reply('{"city": "Br', finish_reason="length"), chat_reply("{", finish_reason="content_filter"))
    with pytest.raises(OutputParseError, match="cut by max_tokens") as caught:
        model.with_structured_output(schema).invoke("q")
    assert caught.value.raw_output == '{"city": "Br'
    with pytest.raises(OutputParseError, match="cut by the server's content filter"):
        model.with_structured_output(schema).invoke("q")


@pytest.mark.parametrize(
    ("choice", "sent"),
    [
        ("auto", "auto"),
        ("any", "required"),
        ("none", "none"),
        ("weather", {"type": "function", "function": {"name": "weather"}}),
    ],
)
def test_tools_and_the_choice_among_them_are_sent(ask: Ask, choice: str, sent: Any) -> None:
    model, server = ask(chat_reply("fine"))
    model.bind_tools([weather], tool_choice=choice, parallel_tool_calls=False, strict=True).invoke("q")
    asked = server.requests[0].json
    assert asked["tool_choice"] == sent
    assert asked["parallel_tool_calls"] is False
    assert asked["tools"][0]["function"]["name"] == "weather"
    assert asked["tools"][0]["function"]["strict"] is True


def test_tools_go_through_the_responses_api(ask: Ask) -> None:
    item = {"type": "function_call", "id": "f", "call_id": "c0", "name": "weather", "arguments": '{"city": "Brno"}'}
    model, server = ask(response_reply(None, output=[item]), use_responses_api=True)
    message = model.bind_tools([weather]).invoke("q")
    assert [(call["name"], call["args"], call["id"]) for call in message.tool_calls] == [
        ("weather", {"city": "Brno"}, "c0")
    ]
    assert message.response_metadata["finish_reason"] == "tool_calls"
    assert server.requests[0].json["tools"][0]["name"] == "weather"


def test_logprobs_are_kept(ask: Ask) -> None:
    logprobs = {"content": [{"token": "fine", "logprob": -0.1, "bytes": None, "top_logprobs": []}], "refusal": None}
    answer = chat_reply("fine")
    answer.body["choices"][0]["logprobs"] = logprobs
    model, _ = ask(answer, logprobs=True)
    assert model.invoke("q").response_metadata["logprobs"]["content"][0]["logprob"] == -0.1


def test_what_is_sent_is_json(ask: Ask) -> None:
    model, server = ask(chat_reply("fine"))
    model.invoke("snow ❄ and \ud83d\ude00".encode("utf-16", "surrogatepass").decode("utf-16"))
    assert json.loads(server.requests[0].body)["messages"][0]["content"] == "snow ❄ and 😀"
