from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, HumanMessage
from langchain_core.tools import tool
from langchain_tests.unit_tests import ChatModelUnitTests
from pydantic import BaseModel

from ragkit.errors import ConfigError, InputError, ModelError, ModelUnavailableError, OutputParseError
from ragkit.testing.script import Call, Delay, Pieces, words
from ragkit.testing.scripted_chat import ScriptedChatModel


class TestScriptedChatModelUnit(ChatModelUnitTests):
    """LangChain's own suite; skipped there: no environment variables are read, the model is not serialised."""

    @property
    def chat_model_class(self) -> type[BaseChatModel]:
        return ScriptedChatModel

    @property
    def chat_model_params(self) -> dict[str, Any]:
        return {"script": ["hello"]}

    @property
    def has_tool_calling(self) -> bool:
        return True


USAGE = {"input_tokens": 2, "output_tokens": 3, "total_tokens": 5}
ADD = [{"name": "add", "args": {"a": 1, "b": "two words"}}]


def test_lines_are_said_one_after_the_other_with_usage_and_finish_reason() -> None:
    model = ScriptedChatModel(["Good morning, you.", AIMessage(content="Bye.", id="own", name="Ann")])
    first, second = model.invoke("Hello there"), model.invoke("So?")
    assert (first.content, first.usage_metadata) == ("Good morning, you.", USAGE)
    assert first.response_metadata == {"finish_reason": "stop", "model_name": "scripted"}
    assert second.content == "Bye."


def test_a_stream_is_cut_before_words_and_adds_up_to_the_reply() -> None:
    chunks = list(ScriptedChatModel(["Good  morning, you. "]).stream("Hello there"))
    assert [chunk.text for chunk in chunks] == ["Good", "  morning,", " you.", " ", ""]
    assert [chunk.usage_metadata for chunk in chunks] == [None, None, None, None, USAGE]
    assert chunks[-1].chunk_position == "last"
    assert "".join(words("\n a  b\n")) == "\n a  b\n"
    assert words("") == []


def test_the_cut_of_a_stream_can_be_chosen() -> None:
    model = ScriptedChatModel(["abc"], cut=list)
    assert [chunk.text for chunk in model.stream("x")] == ["a", "b", "c", ""]


def test_tool_calls_get_ids_and_stream_as_pieces_of_json() -> None:
    model = ScriptedChatModel([ADD, ADD])
    reply = model.invoke("x")
    assert reply.tool_calls == [
        {"name": "add", "args": {"a": 1, "b": "two words"}, "id": "call_1_0", "type": "tool_call"}
    ]
    assert reply.response_metadata["finish_reason"] == "tool_calls"
    chunks = list(model.stream("x"))
    assert [(chunk.tool_call_chunks or [{"args": None}])[0]["args"] for chunk in chunks] == [
        "", '{"a":', " 1,", ' "b":', ' "two', ' words"}', None,
    ][1:]  # fmt: skip
    joined: AIMessageChunk = sum(chunks[1:], chunks[0])  # type: ignore[assignment]
    assert joined.tool_calls == [{**reply.tool_calls[0], "id": "call_2_0"}]


def test_invalid_tool_calls_and_content_blocks_survive_the_stream() -> None:
    broken = AIMessage(
        content=[{"type": "text", "text": "so"}],
        invalid_tool_calls=[{"name": "add", "args": "[1", "id": "x", "error": None, "type": "invalid_tool_call"}],
    )
    reply = ScriptedChatModel([broken]).invoke("x")
    assert reply.content == [{"type": "text", "text": "so"}]
    assert [(call["name"], call["args"], call["id"]) for call in reply.invalid_tool_calls] == [("add", "[1", "x")]


def test_errors_are_raised_and_what_follows_is_still_said() -> None:
    model = ScriptedChatModel([ModelUnavailableError("the server is down", status=503), "back"])
    with pytest.raises(ModelUnavailableError, match="the server is down"):
        model.invoke("x")
    assert model.invoke("x").content == "back"


def test_pieces_break_off_where_an_error_stands() -> None:
    slept: list[float] = []
    model = ScriptedChatModel([Pieces("He", Delay(0.5), "llo", ConnectionError("gone"))] * 2, sleep=slept.append)
    heard = []
    with pytest.raises(ConnectionError, match="gone"):
        heard.extend(chunk.text for chunk in model.stream("x"))
    with pytest.raises(ConnectionError, match="gone"):
        model.invoke("x")
    assert slept == [0.5, 0.5]


def test_pieces_that_end_well_are_a_whole_reply_told_once() -> None:
    own = AIMessageChunk(
        content="lo", usage_metadata={"input_tokens": 7, "output_tokens": 1, "total_tokens": 8}, id=None
    )
    model = ScriptedChatModel([Pieces("Hel", own)] * 2)
    reply = model.invoke("x")
    assert (reply.content, reply.usage_metadata) == ("Hello", own.usage_metadata)
    assert [chunk.text for chunk in model.stream("x")] == ["Hel", "lo", ""]
    assert own.id is None


async def test_delays_come_before_the_next_line_and_are_awaited() -> None:
    slept: list[tuple[str, float]] = []

    async def asleep(seconds: float) -> None:
        await asyncio.sleep(0)
        slept.append(("async", seconds))

    model = ScriptedChatModel([Delay(1.5), Delay(2.0), "late"], sleep=asleep)
    assert (await model.ainvoke("x")).content == "late"
    assert slept == [("async", 1.5), ("async", 2.0)]
    assert (await ScriptedChatModel([Delay(0), "now"]).ainvoke("x")).content == "now"
    assert ScriptedChatModel([Delay(0), "now"]).invoke("x").content == "now"


async def test_async_says_the_same() -> None:
    model = ScriptedChatModel(["one two", "one two"])
    assert (await model.ainvoke("x")).content == "one two"
    assert [chunk.text async for chunk in model.astream("x")] == ["one", " two", ""]
    assert [call.streamed for call in model.calls] == [False, True]


def test_a_function_of_the_messages_never_runs_out() -> None:
    model = ScriptedChatModel(lambda messages: f"{len(messages)}: {messages[-1].text}")
    assert model.invoke([HumanMessage("a"), HumanMessage("b")]).content == "2: b"
    assert [reply.content for reply in model.batch(["x", "y"])] == ["1: x", "1: y"]
    assert model.lines_left == 0


def test_a_used_up_script_says_so() -> None:
    model = ScriptedChatModel(["one", Delay(1)], sleep=lambda _: None)
    assert model.lines_left == 2
    model.invoke("x")
    with pytest.raises(ModelError, match="the script has no line left for question 2: give it more replies"):
        model.invoke("x")


@pytest.mark.parametrize(
    ("line", "kind"), [(7, "int"), ([1], "list"), ([{"nam": 1}], "list"), (Delay(1), "Delay alone")]
)
def test_a_line_that_is_nothing_known_is_refused(line: Any, kind: str) -> None:
    with pytest.raises(InputError, match=kind):
        ScriptedChatModel(lambda _: line).invoke("x")


@pytest.mark.parametrize(("script", "kind"), [("hello", "str"), (None, "NoneType"), (5, "int")])
def test_a_script_that_is_no_list_of_lines_is_refused(script: Any, kind: str) -> None:
    with pytest.raises(InputError, match=f"the script is one {kind}: give a list of lines"):
        ScriptedChatModel(script)


def test_stop_strings_end_the_reply_before_the_first_of_them() -> None:
    model = ScriptedChatModel(lambda _: AIMessage("one two three"), stop=["three"])
    assert model.invoke("x").content == "one two "
    assert model.invoke("x", stop=["two", "one t"]).content == ""
    assert "".join(chunk.text for chunk in model.stream("x", stop=["w"])) == "one t"


def test_calls_are_remembered_as_they_were() -> None:
    @tool
    def add(a: int) -> int:
        """Add."""
        return a

    model = ScriptedChatModel(["x"] * 3)
    message, options = HumanMessage("first"), {"deep": [1]}
    model.bind_tools([add], tool_choice="add").invoke([message], stop=["s"], extra=options)
    message.content = "changed"
    options["deep"].append(2)
    (call,) = model.calls
    assert (call.text, call.stop, call.streamed) == ("first", ("s",), False)
    assert call.options == {"tool_choice": "add", "extra": {"deep": [1]}}
    assert [described["function"]["name"] for described in call.tools] == ["add"]
    assert Call(messages=()).text == ""


class Point(BaseModel):
    """A point."""

    x: int


POINT_SCHEMA = {"title": "point", "description": "A point.", "type": "object", "properties": {"x": {"type": "integer"}}}


def test_structured_output_reads_a_tool_call_or_json() -> None:
    calls = [{"name": "Point", "args": {"x": 1}}]
    model = ScriptedChatModel([calls, '{"x": 2}', '{"x": 3}', '{"x": 4}'])
    assert model.with_structured_output(Point, method="function_calling").invoke("x") == Point(x=1)
    assert model.with_structured_output(Point, strict=True).invoke("x") == Point(x=2)
    assert model.with_structured_output(method="json_mode").invoke("x") == {"x": 3}
    assert model.with_structured_output(POINT_SCHEMA, method="json_schema").invoke("x") == {"x": 4}
    first, second, third, _ = (call.options for call in model.calls)
    assert first == {"tool_choice": "Point", "parallel_tool_calls": False}
    assert second["response_format"]["json_schema"]["strict"] is True
    assert third == {"response_format": {"type": "json_object"}}


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ("no", "neither a tool call nor JSON: 'no'"),
        ("[1]", "must be a JSON object"),
        ("{}", "does not fit Point: 1 field"),
    ],
)
def test_structured_output_that_does_not_fit_is_an_error_or_told_beside_the_raw_reply(said: str, why: str) -> None:
    model = ScriptedChatModel([said, said])
    with pytest.raises(OutputParseError, match=why):
        model.with_structured_output(Point).invoke("x")
    told = model.with_structured_output(Point, include_raw=True).invoke("x")
    assert (told["raw"].content, told["parsed"]) == (said, None)
    assert why.split(":")[0] in str(told["parsing_error"])


def test_structured_output_of_an_unknown_method_is_refused() -> None:
    with pytest.raises(ConfigError, match="function_calling, json_schema or json_mode, got 'yaml'"):
        ScriptedChatModel([]).with_structured_output(Point, method="yaml")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="method json_schema needs a schema"):
        ScriptedChatModel([]).with_structured_output()


def test_structured_output_beside_the_raw_reply() -> None:
    told = ScriptedChatModel(['{"x": 2}']).with_structured_output(Point, include_raw=True).invoke("x")
    assert (told["parsed"], told["parsing_error"]) == (Point(x=2), None)


def test_many_threads_get_each_line_once() -> None:
    lines = [str(number) for number in range(200)]
    model = ScriptedChatModel(lines)
    with ThreadPoolExecutor(16) as pool:
        said = list(pool.map(lambda _: model.invoke("x").content, lines))
    assert sorted(said, key=int) == lines
    assert len(model.calls) == 200


def test_tokens_are_words() -> None:
    model = ScriptedChatModel([])
    assert model.get_num_tokens("one two one") == 3
    assert len(set(model.get_token_ids("one two one"))) == 2


def test_nothing_of_the_script_shows_in_its_repr() -> None:
    assert "secret" not in repr(ScriptedChatModel(["secret"]))


async def test_callbacks_hear_every_piece() -> None:
    from langchain_core.callbacks import BaseCallbackHandler

    class Ear(BaseCallbackHandler):
        heard: list[str] = []  # noqa: RUF012

        def on_llm_new_token(self, token: str, **_: Any) -> None:
            self.heard.append(token)

    model = ScriptedChatModel(["a b", Pieces(Delay(0), "c")])
    list(model.stream("x", config={"callbacks": [Ear()]}))
    assert [chunk.text async for chunk in model.astream("x", config={"callbacks": [Ear()]})] == ["c", ""]
    assert Ear.heard == ["a", " b", "", "c", ""]


def test_the_script_hands_its_function_copies() -> None:
    def spoil(messages: list[BaseMessage]) -> str:
        messages[0].content = "spoilt"
        return "x"

    message = HumanMessage("mine")
    ScriptedChatModel(spoil).invoke([message])  # type: ignore[arg-type]
    assert message.content == "mine"
