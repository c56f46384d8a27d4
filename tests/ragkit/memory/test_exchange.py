from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage

from ragkit.errors import InputError
from ragkit.memory import ChatHistories, Found

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


class Clock:
    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def histories(tmp_path: Path, clock: Clock) -> Iterator[ChatHistories]:
    with ChatHistories(tmp_path / "chats.sqlite", clock=clock) as made:
        yield made


def said(found: list[Found]) -> list[str]:
    return [one.kept.message.text for one in found]


def fill(histories: ChatHistories, clock: Clock) -> None:
    call = {"name": "weather", "args": {"city": "Rome"}, "id": "c1", "type": "tool_call"}
    histories.session("elsewhere", user_id="ben").add_user_message("ben's")
    history = histories.session("s", user_id="ann")
    history.add_messages([HumanMessage("rain?"), AIMessage("", tool_calls=[call])])
    clock.now += HOUR
    history.add_messages([ToolMessage("yes \ud800", tool_call_id="c1"), AIMessage("It will.")])
    history.put_note("summary", 3, {"text": "about rain"})
    history.put_vectors("m", [2], np.ones((1, 3), np.float32))
    histories.session("t", user_id="ann").add_user_message("thanks")


def test_each_message_and_note_of_one_user_is_a_row_of_json(histories: ChatHistories, clock: Clock) -> None:
    fill(histories, clock)

    rows = list(histories.export(user_id="ann"))

    assert json.loads(json.dumps(rows)) == rows
    about = {"user_id": "ann", "session_id": "s"}
    assert rows[0] == {
        **about, "seq": 2, "at": "2026-11-21T12:00:00+00:00", "message": {"type": "human", "content": "rain?"},
    }  # fmt: skip
    assert rows[4] == {
        **about, "note": "summary", "upto_seq": 3, "at": "2026-11-21T13:00:00+00:00",
        "content": {"text": "about rain"},
    }  # fmt: skip
    assert [row.get("seq") for row in rows] == [2, 3, 4, 5, None, 6]
    assert list(histories.export(user_id="ann", session_id="t")) == rows[5:]


def test_what_was_exported_can_be_restored(histories: ChatHistories, clock: Clock, tmp_path: Path) -> None:
    fill(histories, clock)
    rows = list(histories.export(user_id="ann"))

    with ChatHistories(tmp_path / "new" / "file") as others:
        others.session("s", user_id="cat").add_user_message("was here")
        assert others.restore(json.loads(json.dumps(rows))) == 5

        for name in "st":
            before, after = (place.session(name, user_id="ann") for place in (histories, others))
            assert after.messages == before.messages
            assert [kept.at for kept in after.after(0)] == [kept.at for kept in before.after(0)]
        note = others.session("s", user_id="ann").note("summary")
        assert note is not None
        assert note.upto_seq == others.session("s", user_id="ann").after(0)[1].seq
        assert said(others.search("rain", user_id="ann")) == ["rain?"]
        assert others.sessions("ann")[1:] == histories.sessions("ann")[1:]


def test_long_sessions_come_page_by_page(histories: ChatHistories) -> None:
    history = histories.session("s")
    history.add_messages([HumanMessage(str(number)) for number in range(600)])
    rows = histories.export(user_id="")
    first = next(rows)
    history.add_user_message("added meanwhile")

    assert first["message"]["content"] == "0"
    assert [row["seq"] for row in rows] == list(range(2, 602))


def test_a_session_that_is_there_is_not_mixed_with_what_is_restored(histories: ChatHistories) -> None:
    histories.session("s").add_user_message("a")
    histories.session("t").add_user_message("b")
    rows = list(histories.export(user_id=""))
    histories.erase_session("s")

    with pytest.raises(InputError, match="session 't' has messages here already: erase it first"):
        histories.restore(rows)
    assert [one.session_id for one in histories.sessions()] == ["t"]


GOOD = {"user_id": "", "session_id": "s", "seq": 1, "at": "2026-11-21T12:00:00+00:00", "message": {"type": "human", "content": "secret"}}  # fmt: skip # noqa: E501


@pytest.mark.parametrize(
    "wrong",
    [
        {}, 3, None, {**GOOD, "seq": "x"}, {**GOOD, "at": "noon"}, {**GOOD, "at": "2026-11-21"}, {**GOOD, "at": 3},
        {**GOOD, "message": {"type": "os.system"}}, {**GOOD, "message": 3}, {**GOOD, "session_id": ""},
        {**GOOD, "message": {"type": "remove", "id": "x"}},
        {**GOOD, "user_id": None}, {**GOOD, "note": "x"}, {**GOOD, "message": {"type": "human", "content": 3}},
    ],
)  # fmt: skip
def test_a_row_that_is_none_restores_nothing(histories: ChatHistories, wrong: Any) -> None:
    with pytest.raises(InputError, match=r"^row 2 is none that was exported") as caught:
        histories.restore([GOOD, wrong])

    assert "secret" not in str(caught.value)
    assert histories.sessions() == []


def test_a_note_on_what_is_not_there_restores_nothing(histories: ChatHistories) -> None:
    note = {**GOOD, "note": "summary", "upto_seq": 7, "content": {}}

    with pytest.raises(InputError, match="a note stands for messages up to 7, which is not there"):
        histories.restore([GOOD, note])
    assert histories.sessions() == []
