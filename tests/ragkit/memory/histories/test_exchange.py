from __future__ import annotations

import json
import sqlite3
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage

from ragkit.errors import InputError
from ragkit.memory import ChatHistories, Found

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def said(found: list[Found]) -> list[str]:
    return [one.kept.message.text for one in found]


def fill(histories: ChatHistories, clock: SimpleNamespace) -> None:
    call = {"name": "weather", "args": {"city": "Rome"}, "id": "c1", "type": "tool_call"}
    histories.session("elsewhere", user_id="ben").add_user_message("ben's")
    history = histories.session("s", user_id="ann")
    history.add_messages([HumanMessage("rain?"), AIMessage("", tool_calls=[call])])
    clock.now += HOUR
    history.add_messages([ToolMessage("yes \ud800", tool_call_id="c1"), AIMessage("It will.")])
    history.put_note("summary", 3, {"text": "about rain"})
    history.put_vectors("m", [2], np.ones((1, 3), np.float32))
    clock.now += HOUR
    history.put_note("summary", 4, {"text": "about rain, again"})
    histories.session("t", user_id="ann").add_user_message("thanks")


def test_each_message_and_note_of_one_user_is_a_row_of_json(histories: ChatHistories, clock: SimpleNamespace) -> None:
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
    assert [row.get("seq") for row in rows] == [2, 3, 4, 5, None, None, 6]
    assert list(histories.export(user_id="ann", session_id="t")) == rows[6:]


def test_what_was_exported_can_be_restored(histories: ChatHistories, clock: SimpleNamespace, tmp_path: Path) -> None:
    fill(histories, clock)
    rows = list(histories.export(user_id="ann"))

    with ChatHistories(tmp_path / "new" / "file") as others:
        others.session("s", user_id="cat").add_user_message("was here")
        assert others.restore(json.loads(json.dumps(rows))) == 5

        for name in "st":
            before, after = (place.session(name, user_id="ann") for place in (histories, others))
            assert after.messages == before.messages
            assert [kept.at for kept in after.after(0)] == [kept.at for kept in before.after(0)]
        restored = others.session("s", user_id="ann")
        upto = [note.upto_seq for note in restored.notes("summary")]
        assert upto == [kept.seq for kept in restored.after(0)[1:3]]
        assert said(others.search("rain", user_id="ann")) == ["rain?"]
        assert others.sessions("ann") == histories.sessions("ann")


def test_long_sessions_come_page_by_page(histories: ChatHistories) -> None:
    history = histories.session("s")
    history.add_messages([HumanMessage(str(number)) for number in range(600)])
    rows = histories.export(user_id="")
    first = next(rows)
    history.add_user_message("added meanwhile")

    assert first["message"]["content"] == "0"
    assert [row["seq"] for row in rows] == list(range(2, 602))


def test_a_note_on_what_was_said_during_the_export_does_not_come(
    histories: ChatHistories, monkeypatch: pytest.MonkeyPatch
) -> None:
    history, reading = histories.session("s"), histories._file.reading
    history.add_user_message("a")
    history.put_note("summary", 1, {"of": "a"})

    def summed_up() -> AbstractContextManager[sqlite3.Connection]:
        history.add_user_message("b")
        history.put_note("summary", history.last(1)[0].seq, {"of": "a and b"})
        return reading()

    rows = histories.export(user_id="")
    got = [next(rows)]
    with monkeypatch.context() as patch:
        reads = iter([reading, summed_up])  # the end of the messages; the notes
        patch.setattr(histories._file, "reading", lambda: next(reads, reading)())
        got += rows

    assert [row.get("content") for row in got] == [None, {"of": "a"}]
    with ChatHistories() as others:
        assert others.restore(got) == 1


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
        {**GOOD, "user_id": None}, {**GOOD, "user_id": "\ud800"}, {**GOOD, "session_id": "\ud800"},
        {**GOOD, "note": "x"},
        {**GOOD, "at": "0001-01-01T00:00:00+14:00"}, {**GOOD, "at": "9999-12-31T23:59:59-14:00"},
        {**GOOD, "note": None, "upto_seq": 0, "content": {}}, {**GOOD, "note": "\ud800", "upto_seq": 0, "content": {}},
        {**GOOD, "note": "x", "upto_seq": 0, "content": "text"}, {**GOOD, "note": "x", "upto_seq": 0, "content": [1]},
        {**GOOD, "message": {"type": "human", "content": 3}},
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
