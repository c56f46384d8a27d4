from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, HumanMessage, ToolMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.tools import tool
from langchain_tests.unit_tests import ChatModelUnitTests
from pydantic import BaseModel

from ragkit.errors import ConfigError, InputError, LoadError, ModelUnavailableError, StoreLockedError
from ragkit.testing.generation_log import NotRecordedError
from ragkit.testing.generations import RecordedChatModel
from ragkit.testing.script import Pieces
from ragkit.testing.scripted_chat import ScriptedChatModel

CARD = {"model": "small", "revision": "9f86d081", "temperature": 0.0}


class WithCard(ScriptedChatModel):
    @property
    def card(self) -> dict[str, Any]:
        return CARD


def recording(path: Path, *script: Any, **options: Any) -> RecordedChatModel:
    return RecordedChatModel(path=path, inner=WithCard(list(script)), **{"mode": "record", **options})


class TestUnit(ChatModelUnitTests):
    @pytest.fixture(autouse=True)
    def _folder(self, tmp_path: Path) -> None:
        self._path = tmp_path / "x.jsonl"

    @property
    def chat_model_class(self) -> type[BaseChatModel]:
        return RecordedChatModel

    @property
    def chat_model_params(self) -> dict[str, Any]:
        return {"path": self._path, "card": CARD}


REPLY = AIMessage(
    "It is 日本語.",
    id="own-id",
    tool_calls=[{"name": "add", "args": {"a": 0.1, "b": [None, "\ud800"]}, "id": "call_x", "type": "tool_call"}],
    invalid_tool_calls=[{"name": "x", "args": "{", "id": "y", "error": "no", "type": "invalid_tool_call"}],
    usage_metadata={"input_tokens": 3, "output_tokens": 4, "total_tokens": 7, "input_token_details": {"cache_read": 2}},
    response_metadata={"finish_reason": "length", "logprobs": [-0.123456789012345678]},
)


class Whole(BaseChatModel):
    """Answers whole, with an id of its own, and cannot stream."""

    @property
    def _llm_type(self) -> str:
        return "whole"

    def _generate(self, *_: Any, **__: Any) -> ChatResult:
        return ChatResult(generations=[ChatGeneration(message=REPLY.model_copy(), generation_info={"a": 1})])


def test_a_reply_comes_back_bit_for_bit_without_the_model(tmp_path: Path) -> None:
    path = tmp_path / "new" / "x.jsonl"
    said = RecordedChatModel(path=path, inner=Whole(), card=CARD, mode="record").invoke("Hello")
    again = RecordedChatModel(path=path).invoke("Hello")
    assert again == said
    # LangChain shows what stands beside the message there too.
    assert again == REPLY.model_copy(update={"response_metadata": {"a": 1, **REPLY.response_metadata}})
    assert again.model_dump() == said.model_dump()


async def test_a_stream_comes_back_chunk_by_chunk(tmp_path: Path) -> None:
    calls = [{"name": "add", "args": {"a": 1}}]
    model = recording(tmp_path / "x", "one two three", calls, "four five")

    def bare(chunk: Any) -> dict[str, Any]:
        return {name: value for name, value in chunk.model_dump().items() if name != "id"}  # drawn by LangChain

    said = [[bare(chunk) for chunk in model.stream(question)] for question in ("a", "b")]
    said.append([bare(chunk) async for chunk in model.astream("c")])
    model.close()
    replay = RecordedChatModel(path=tmp_path / "x", inner=WithCard([]))
    assert [[bare(chunk) for chunk in replay.stream(question)] for question in ("a", "b", "c")] == said
    assert [bare(chunk) async for chunk in RecordedChatModel(path=tmp_path / "x").astream("a")] == said[0]
    assert len(said[0]) == 4


async def test_async_replies_are_recorded_and_replayed(tmp_path: Path) -> None:
    said = await recording(tmp_path / "x", "one").ainvoke("a")
    assert (await RecordedChatModel(path=tmp_path / "x").ainvoke("a")).content == said.content
    assert RecordedChatModel(path=tmp_path / "x").invoke("a").usage_metadata == said.usage_metadata


def test_a_recorded_stream_is_joined_for_invoke_and_a_reply_is_streamed_whole(tmp_path: Path) -> None:
    model = recording(tmp_path / "x", "one two", "three four")
    list(model.stream("a"))
    model.invoke("b")
    replay = RecordedChatModel(path=tmp_path / "x")
    assert (replay.invoke("a").content, replay.invoke("a").response_metadata["finish_reason"]) == ("one two", "stop")
    chunks = list(replay.stream("b"))
    assert [chunk.text for chunk in chunks] == ["three four"]
    assert isinstance(chunks[0], AIMessageChunk)
    assert chunks[0].usage_metadata == {"input_tokens": 1, "output_tokens": 2, "total_tokens": 3}


async def test_a_model_that_cannot_stream_is_recorded_as_one_chunk(tmp_path: Path) -> None:
    model = RecordedChatModel(path=tmp_path / "x", inner=Whole(), card=CARD, mode="record")
    assert [chunk.text for chunk in model.stream("a")] == ["It is 日本語."]
    assert [chunk.text async for chunk in model.astream("b")] == ["It is 日本語."]


def test_the_same_question_asked_again_has_its_own_answer(tmp_path: Path) -> None:
    model = recording(tmp_path / "x", "one", "two")
    assert [model.invoke("a").content, model.invoke("a").content] == ["one", "two"]
    replay = RecordedChatModel(path=tmp_path / "x")
    assert [replay.invoke("a").content for _ in range(4)] == ["one", "two", "two", "two"]


def test_only_what_the_model_reads_decides(tmp_path: Path) -> None:
    @tool
    def add(a: int) -> int:
        """Add."""
        return a

    def conversation(run: str) -> list[Any]:
        call = {"name": "add", "args": {"a": 1}, "id": "c", "type": "tool_call"}
        earlier = AIMessage("", tool_calls=[call], id=f"lc_run--{run}", response_metadata={"run": run})
        return [HumanMessage("a", id=run), earlier, ToolMessage("1", tool_call_id="c", id=run)]

    recording(tmp_path / "x", "one").bind_tools([add], tool_choice="add").invoke(conversation("first"), stop=["s"])
    replay = RecordedChatModel(path=tmp_path / "x")
    assert replay.bind_tools([add], tool_choice="add").invoke(conversation("second"), stop=["s"]).content == "one"
    for other in (
        replay.bind_tools([add]),
        replay.bind_tools([add], tool_choice="add").bind(temperature=1),
        replay,
    ):
        with pytest.raises(NotRecordedError, match="the nearest differs at options"):
            other.invoke(conversation("first"), stop=["s"])
    with pytest.raises(NotRecordedError, match=r'stop\[0\]: "s" was recorded, it is "t" now'):
        replay.bind_tools([add], tool_choice="add").invoke(conversation("first"), stop=["t"])


def test_the_inner_model_is_asked_with_its_own_keywords(tmp_path: Path) -> None:
    @tool
    def add(a: int) -> int:
        """Add."""
        return a

    inner = WithCard(["one", "two", "three"])
    model = RecordedChatModel(path=tmp_path / "x", inner=inner, mode="record")
    model.bind_tools([add], tool_choice="any").invoke("a", stop=["s"])
    list(model.bind_tools([add]).stream("b"))
    first, second = inner.calls
    assert (first.tools[0]["function"]["name"], first.options, first.stop) == ("add", {"tool_choice": "any"}, ("s",))
    assert second.streamed


class Point(BaseModel):
    """A point."""

    x: int


def test_structured_output_is_recorded_too(tmp_path: Path) -> None:
    said = recording(tmp_path / "x", '{"x": 1}').with_structured_output(Point, method="json_schema").invoke("a")
    replay = RecordedChatModel(path=tmp_path / "x")
    assert replay.with_structured_output(Point, method="json_schema").invoke("a") == said == Point(x=1)


def test_a_class_among_the_keywords_counts_by_its_schema(tmp_path: Path) -> None:
    recording(tmp_path / "x", "one").bind(form=Point).invoke("a")
    assert RecordedChatModel(path=tmp_path / "x").bind(form=Point).invoke("a").content == "one"
    with pytest.raises(InputError, match="what is asked cannot be recorded"):
        RecordedChatModel(path=tmp_path / "x").bind(form=object()).invoke("a")


def test_what_is_not_recorded_is_an_error_that_names_the_nearest_and_the_command(tmp_path: Path) -> None:
    model = recording(tmp_path / "x.jsonl", "one", "two")
    model.invoke([HumanMessage("Something else entirely")])
    model.invoke([HumanMessage("Why is the sky blue?")])
    model.close()
    with pytest.raises(
        NotRecordedError,
        match=r"not recorded in x.jsonl: the nearest differs at messages\[0\].content: "
        r'"Why is the sky blue\?" was recorded, it is "Why is the sky red\?" now. Record anew: make them',
    ):
        RecordedChatModel(path=tmp_path / "x.jsonl", hint="make them").invoke("Why is the sky red?")
    other = {**CARD, "revision": "other", "parameters": {"model_name": "scripted"}}
    with pytest.raises(NotRecordedError, match=r'card.revision: "9f86d081" was recorded, it is "other" now'):
        RecordedChatModel(path=tmp_path / "x.jsonl", card=other).invoke("Why is the sky blue?")
    hotter = WithCard([], model_name="other")
    with pytest.raises(
        NotRecordedError, match=r'card.parameters.model_name: "scripted" was recorded, it is "other" now'
    ):
        RecordedChatModel(path=tmp_path / "x.jsonl", inner=hotter).invoke("Why is the sky blue?")
    with pytest.raises(NotRecordedError, match=r"there is no such file yet\. Record anew: pytest --ragkit-record"):
        list(RecordedChatModel(path=tmp_path / "none").stream("x"))
    (tmp_path / "empty").touch()
    with pytest.raises(NotRecordedError, match="there is nothing in it"):
        RecordedChatModel(path=tmp_path / "empty").invoke("x")


def test_a_recording_changed_by_hand_is_noticed(tmp_path: Path) -> None:
    recording(tmp_path / "x", "one").invoke("a")
    line = json.loads((tmp_path / "x").read_text(encoding="utf-8"))
    (tmp_path / "x").write_text(json.dumps({**line, "key": "0"}) + "\n", encoding="utf-8")
    with pytest.raises(NotRecordedError, match="it was changed by hand"):
        RecordedChatModel(path=tmp_path / "x").invoke("a")


def test_recording_again_takes_the_place_of_what_was_recorded_with_its_first_line(tmp_path: Path) -> None:
    for said in ("one", "two"):
        model = recording(tmp_path / "x", said)
        model.invoke("a")
        model.close()
    recording(tmp_path / "x").close()  # nothing was said: what is there stays
    assert RecordedChatModel(path=tmp_path / "x").invoke("a").content == "two"


def test_new_questions_are_recorded_and_known_ones_replayed(tmp_path: Path) -> None:
    recording(tmp_path / "x", "one").close()
    inner = WithCard(["one", "two"])
    model = RecordedChatModel(path=tmp_path / "x", inner=inner, mode="new")
    assert [model.invoke(text).content for text in ("a", "a", "b", "a")] == ["one", "one", "two", "one"]
    assert len(inner.calls) == 2


def test_what_fails_or_is_left_is_not_recorded(tmp_path: Path) -> None:
    model = recording(
        tmp_path / "x", ModelUnavailableError("down"), Pieces("a", ModelUnavailableError("cut")), "one two"
    )
    with pytest.raises(ModelUnavailableError, match="down"):
        model.invoke("a")
    with pytest.raises(ModelUnavailableError, match="cut"):
        list(model.stream("a"))
    stream = model.stream("a")
    next(stream)
    stream.close()  # type: ignore[attr-defined]
    model.close()
    assert not (tmp_path / "x").exists()


def test_a_last_line_that_a_crash_cut_short_is_dropped_and_other_damage_is_an_error(tmp_path: Path) -> None:
    model = recording(tmp_path / "x", "one", "two")
    model.invoke("a")
    model.invoke("b")
    model.close()
    whole = (tmp_path / "x").read_bytes()
    (tmp_path / "x").write_bytes(whole[:-20])
    assert RecordedChatModel(path=tmp_path / "x").invoke("a").content == "one"
    (tmp_path / "x").write_bytes(b"{" + whole)
    with pytest.raises(LoadError, match="x:1: the line cannot be read"):
        RecordedChatModel(path=tmp_path / "x")


def test_tokens_are_counted_as_the_model_does(tmp_path: Path) -> None:
    assert recording(tmp_path / "x").get_num_tokens("one two") == 2
    assert RecordedChatModel(path=tmp_path / "x").get_num_tokens("one two") == 2
    with pytest.raises(NotRecordedError, match='text: "one two" was recorded, it is "three" now'):
        RecordedChatModel(path=tmp_path / "x").get_num_tokens("three")


def test_the_length_of_messages_is_counted_as_the_model_does(tmp_path: Path) -> None:
    class Counting(WithCard):
        def get_num_tokens_from_messages(self, messages: Any, tools: Any = None) -> int:
            return 40 + len(messages) + len(tools or ())

    @tool
    def add(a: int) -> int:
        """Add."""
        return a

    model = RecordedChatModel(path=tmp_path / "x", inner=Counting([]), mode="record")
    messages: list[Any] = [HumanMessage("a")]
    said = [model.get_num_tokens_from_messages(messages), model.get_num_tokens_from_messages(messages, [add])]
    replay = RecordedChatModel(path=tmp_path / "x")
    again = [replay.get_num_tokens_from_messages(messages), replay.get_num_tokens_from_messages(messages, [add])]
    assert said == again == [41, 42]


def test_wrong_use_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="mode 'record' needs a model that answers"):
        RecordedChatModel(path=tmp_path / "x", mode="record")
    with pytest.raises(ConfigError, match="Whole has no card: give one"):
        RecordedChatModel(path=tmp_path / "x", inner=Whole())
    model = recording(tmp_path / "x", "one")
    with pytest.raises(StoreLockedError, match="is being written by process"):
        recording(tmp_path / "x", "one")
    model.close()
    with pytest.raises(InputError, match="is not open for writing"):
        model.invoke("a")


def test_a_file_of_two_models_needs_a_card(tmp_path: Path) -> None:
    for card in (CARD, {"model": "other"}):
        model = RecordedChatModel(path=tmp_path / "x", inner=ScriptedChatModel([str(card)]), card=card, mode="new")
        model.invoke("a")
        model.close()
    with pytest.raises(ConfigError, match="holds generations of 2 models: give the card of one of them"):
        RecordedChatModel(path=tmp_path / "x")
    assert RecordedChatModel(path=tmp_path / "x", card={"model": "other"}).invoke("a").content == "{'model': 'other'}"


def test_many_threads_record_and_replay(tmp_path: Path) -> None:
    model = RecordedChatModel(
        path=tmp_path / "x", inner=WithCard(lambda messages: f"re {messages[0].text}"), mode="record"
    )
    questions = [str(number) for number in range(100)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(model.invoke, questions))
        replay = RecordedChatModel(path=tmp_path / "x")
        said = list(pool.map(replay.invoke, questions))
    assert [reply.content for reply in said] == [f"re {question}" for question in questions]


def test_callbacks_hear_replayed_pieces(tmp_path: Path) -> None:
    from langchain_core.callbacks import BaseCallbackHandler

    heard: list[str] = []

    class Ear(BaseCallbackHandler):
        def on_llm_new_token(self, token: str, **_: Any) -> None:
            heard.append(token)

    list(recording(tmp_path / "x", "one two").stream("a"))
    list(RecordedChatModel(path=tmp_path / "x").stream("a", config={"callbacks": [Ear()]}))
    assert heard == ["one", " two", ""]
