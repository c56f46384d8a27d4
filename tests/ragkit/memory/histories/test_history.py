from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from langchain_core.chat_history import BaseChatMessageHistory
from langchain_core.messages import (
    AIMessage,
    AIMessageChunk,
    BaseMessage,
    HumanMessage,
    RemoveMessage,
    ToolMessage,
)

from ragkit.errors import InputError
from ragkit.memory import ChatHistories, ChatHistory, HistoryWarning
from ragkit.testing import HistoryContract

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


class TestInAFile(HistoryContract):
    @pytest.fixture
    def history(self, tmp_path: Path) -> Iterator[BaseChatMessageHistory]:
        with ChatHistories(tmp_path / "chats.sqlite") as self.histories:
            yield self.histories.session("monday", user_id="ann")

    def other(self, history: BaseChatMessageHistory) -> BaseChatMessageHistory | None:
        return self.histories.session("tuesday", user_id="ann")

    def reopened(self, history: BaseChatMessageHistory) -> BaseChatMessageHistory | None:
        self.histories.close()
        self.histories = ChatHistories(self.histories.path)  # type: ignore[arg-type]
        return self.histories.session("monday", user_id="ann")


class TestInMemory(HistoryContract):
    @pytest.fixture
    def history(self) -> Iterator[BaseChatMessageHistory]:
        with ChatHistories() as self.histories:
            yield self.histories.session("monday", user_id="ann")

    def other(self, history: BaseChatMessageHistory) -> BaseChatMessageHistory | None:
        return self.histories.session("monday", user_id="ben")


def texts(kept: list[Any]) -> list[str]:
    return [one.message.text for one in kept]


def test_all_or_none_of_what_is_added_together_is_kept(history: ChatHistory) -> None:
    history.add_user_message("before")

    with pytest.raises(InputError, match="additional_kwargs of a message holds a bytes"):
        history.add_messages([HumanMessage("one"), HumanMessage("two", additional_kwargs={"raw": b"x"})])

    assert texts(history.last(9)) == ["before"]
    assert len(history) == 1


def test_the_length_is_the_number_of_messages(history: ChatHistory) -> None:
    assert len(history) == 0
    history.add_messages([HumanMessage("a"), AIMessage("b")])
    assert len(history) == 2


def test_an_empty_history_is_true(history: ChatHistory) -> None:
    assert (history or "another") is history


def test_numbers_rise_and_are_never_used_again(history: ChatHistory) -> None:
    history.add_messages([HumanMessage("a"), HumanMessage("b")])
    history.clear()
    history.add_user_message("c")

    assert [kept.seq for kept in history.after(0)] == [3]


def test_a_message_has_its_moment_and_clocks_that_go_back_do_not_show() -> None:
    moments = iter([NOON, NOON - timedelta(hours=1), NOON + timedelta(seconds=1)])
    history = ChatHistories(clock=lambda: next(moments)).session("s")
    for text in "abc":
        history.add_user_message(text)

    assert [kept.at for kept in history.after(0)] == [NOON, NOON, NOON + timedelta(seconds=1)]


def test_a_clock_without_a_time_zone_is_refused() -> None:
    with pytest.raises(InputError, match="2026-11-21T12:00:00 has no time zone: give moments and clocks with one"):
        ChatHistories(clock=lambda: NOON.replace(tzinfo=None)).session("s").add_user_message("x")


@given(words=st.lists(st.text(max_size=4), max_size=9), n=st.integers(-1, 10))
@settings(max_examples=50, deadline=None)
def test_every_way_of_reading_gives_a_part_of_the_whole(words: list[str], n: int) -> None:
    with ChatHistories() as histories:
        histories.session("other").add_user_message("another session")
        history = histories.session("s")
        history.add_messages([HumanMessage(word) for word in words])
        whole = history.after(0)

        assert [kept.message.content for kept in whole] == words
        assert history.last(n) == whole[len(whole) - max(n, 0) if n < len(whole) else 0 :]
        assert list(history.newest_first()) == whole[::-1]
        assert history.after(n) == [kept for kept in whole if kept.seq > n]
        assert history.get([n, n + 2, n, 1]) == [kept for kept in whole if kept.seq in {n, n + 2, 1}]


def test_walking_back_reads_pages_and_stops_at_the_first(history: ChatHistory) -> None:
    history.add_messages([HumanMessage(str(number)) for number in range(200)])
    walk = history.newest_first()
    assert [next(walk).message.text for _ in range(2)] == ["199", "198"]
    history.add_user_message("added meanwhile")

    assert texts(list(walk)) == [str(number) for number in range(197, -1, -1)]


def test_a_piece_of_a_stream_is_kept_as_a_message(history: ChatHistory) -> None:
    pieces = AIMessageChunk("It ", id="run-1") + AIMessageChunk(
        "rains.", tool_call_chunks=[{"name": "add", "args": '{"a": 1}', "id": "c1", "index": 0}]
    )
    history.add_messages([pieces])

    (kept,) = history.messages
    assert type(kept) is AIMessage
    assert kept.text == "It rains."
    assert kept.tool_calls == [{"name": "add", "args": {"a": 1}, "id": "c1", "type": "tool_call"}]


def test_what_no_model_is_shown_is_left_out_with_a_warning_where_it_is_no_json(history: ChatHistory) -> None:
    result = ToolMessage("drawn", tool_call_id="c", artifact=object())
    answer = AIMessage("ok", response_metadata={"model_name": "m", "when": NOON, "score": np.float32(1)})

    with pytest.warns(
        HistoryWarning, match="not all that comes with a message was kept: artifact of a message holds"
    ) as one:
        history.add_messages([result])
    with pytest.warns(HistoryWarning, match="was kept: response_metadata of a message holds a datetime"):
        history.add_messages([answer])

    assert one[0].filename == __file__
    assert history.messages == [
        ToolMessage("drawn", tool_call_id="c"),
        AIMessage("ok", response_metadata={"model_name": "m"}),
    ]
    assert result.artifact is not None
    assert len(answer.response_metadata) == 3


def test_an_artifact_that_is_json_is_kept(history: ChatHistory) -> None:
    history.add_messages([ToolMessage("ok", tool_call_id="c", artifact={"rows": [1, 2]})])

    assert history.messages == [ToolMessage("ok", tool_call_id="c", artifact={"rows": [1, 2]})]


def test_an_artifact_that_is_json_is_kept_beside_remarks_that_are_none(history: ChatHistory) -> None:
    with pytest.warns(HistoryWarning, match="response_metadata"):
        history.add_messages([ToolMessage("ok", tool_call_id="c", artifact=3, response_metadata={"x": b""})])

    assert history.messages == [ToolMessage("ok", tool_call_id="c", artifact=3)]


@pytest.mark.parametrize(
    ("name", "value"),
    [("content", None), ("tool_calls", "none"), ("tool_calls", [{"name": "f"}]), ("usage_metadata", {"a": 1})],
)
def test_a_message_that_was_changed_into_none_is_refused_and_not_found_out_when_it_is_read(
    history: ChatHistory, name: str, value: object
) -> None:
    history.add_user_message("before")
    changed = AIMessage("private")
    setattr(changed, name, value)

    with pytest.raises(InputError, match="no ai message can be made of this") as caught:
        history.add_messages([changed])
    assert "private" not in str(caught.value)
    assert history.messages == [HumanMessage("before")]


def test_metadata_that_is_no_object_is_left_out_and_said(history: ChatHistory) -> None:
    changed = AIMessage("x")
    setattr(changed, "response_metadata", None)  # noqa: B010  # no type allows it

    with pytest.warns(HistoryWarning, match="response_metadata do not fit"):
        history.add_messages([changed])
    assert history.messages == [AIMessage("x")]


def test_an_instruction_to_a_graph_is_no_message(history: ChatHistory) -> None:
    with pytest.raises(InputError, match="a RemoveMessage tells a graph to forget a message"):
        history.add_messages([RemoveMessage(id="x")])


@pytest.mark.parametrize(
    "text", ["", "\0", "\ud800", "a\u202eb", "{{x}} {0}", "'; DROP TABLE messages; --", "x" * 300_000]
)
def test_any_text_comes_back(history: ChatHistory, text: str) -> None:
    history.add_user_message(HumanMessage(text, additional_kwargs={text[:9]: text}))

    assert history.messages == [HumanMessage(text, additional_kwargs={text[:9]: text})]


def test_its_name_and_nothing_said_stand_in_the_repr(history: ChatHistory) -> None:
    history.add_user_message("secret")

    assert repr(history) == "ChatHistory('monday')"
    assert (history.session_id, history.user_id) == ("monday", "ann")


async def test_the_async_twins_do_not_block_the_loop_and_do_the_same(history: ChatHistory) -> None:
    added: list[BaseMessage] = [HumanMessage("a"), AIMessage("b")]
    await history.aadd_messages(added)
    assert await history.aget_messages() == added
    await history.aclear()
    assert await history.aget_messages() == []
