"""What retention deletes, and that an erasure leaves no byte."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage

from ragkit.errors import InputError, StoreError
from ragkit.memory import ChatHistories, Found
from ragkit.memory.histories import file as file_module
from ragkit.memory.histories.erasing import Removed, delete_older

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)

# In text, as a word of the index, in a call, a note, a name: each must go. The word is none that a stemmer changes.
SECRET = "xyzzyquux"
FORMS = [SECRET.encode(), SECRET.encode("utf-16-le"), SECRET.encode("utf-16-be"), "秘密の言葉".encode()]
VECTOR = np.array([[0.123, 0.456, 0.789, 0.321]], np.float32)


def left(folder: Path) -> list[str]:
    """Name the files in which a byte of the secret stands."""
    forms = [*FORMS, VECTOR.tobytes()]
    return [file.name for file in sorted(folder.rglob("*")) if any(form in file.read_bytes() for form in forms)]


def fill(histories: ChatHistories, user: str, sessions: int = 3) -> None:
    for number in range(sessions):
        history = histories.session(f"{SECRET} {number}", user_id=user)
        for turn in range(20):
            call = {"name": "look_up", "args": {"of": f"{SECRET} {turn}"}, "id": f"c{turn}", "type": "tool_call"}
            history.add_messages(
                [
                    HumanMessage(f"{turn} 秘密の言葉 {SECRET} " + "long " * (turn * 40)),
                    AIMessage("", tool_calls=[call]),
                    ToolMessage("found", tool_call_id=f"c{turn}", artifact={"raw": SECRET}),
                ]
            )
            last = history.last(1)[0].seq
            history.put_note("summary", last, {"text": f"about {SECRET}"})
            history.put_vectors("m", [last], VECTOR)


def fill_others(histories: ChatHistories) -> None:
    for number in range(60):
        histories.session(f"s{number % 3}", user_id="ben").add_user_message(
            f"ben's message {number} " + "y" * number * 9
        )


def said(found: list[Found]) -> list[str]:
    return [one.kept.message.text for one in found]


class TestRetention:
    def test_what_is_older_goes_with_its_words_vectors_and_notes(
        self, histories: ChatHistories, clock: SimpleNamespace
    ) -> None:
        history = histories.session("s", user_id="ann")
        history.add_messages([HumanMessage("old rain"), AIMessage("old sun")])
        clock.now += 2 * HOUR
        history.add_messages([HumanMessage("new rain"), AIMessage("new sun")])
        history.put_vectors("m", [1, 3], np.ones((2, 2), np.float32))
        history.put_note("summary", 2, {"text": "of old rain"})

        assert histories.expire(HOUR) == Removed(0, 2)

        assert [m.text for m in history.messages] == ["new rain", "new sun"]
        assert len(history) == 2
        assert said(histories.search("old rain", user_id="ann")) == ["new rain"]
        assert history.vectors("m").seqs == [3]
        assert history.notes("summary") == []
        assert histories.sessions()[0].first == clock.now

    def test_a_message_of_exactly_this_age_stays(self, histories: ChatHistories, clock: SimpleNamespace) -> None:
        history = histories.session("s")
        history.add_user_message("x")
        history.put_note("summary", 1, {})
        clock.now += HOUR

        assert histories.expire(HOUR) == Removed(0, 0)
        assert history.note("summary") is not None

    def test_a_session_of_which_nothing_stays_is_gone(self, histories: ChatHistories, clock: SimpleNamespace) -> None:
        histories.session("s", user_id="ann").add_user_message("x")
        histories.session("s", user_id="ben").add_user_message("x")
        clock.now += HOUR

        assert histories.expire(timedelta(minutes=1), user_id="ann") == Removed(1, 1)
        assert histories.users() == ["ben"]
        assert histories.expire(timedelta(0)) == Removed(1, 1)

    def test_a_result_goes_with_its_call(self, histories: ChatHistories, clock: SimpleNamespace) -> None:
        history = histories.session("s")
        calls = [{"name": "add", "args": {}, "id": name, "type": "tool_call"} for name in "ab"]
        history.add_messages([HumanMessage("go"), AIMessage("", tool_calls=calls), ToolMessage("1", tool_call_id="a")])
        clock.now += HOUR
        history.add_messages([ToolMessage("2", tool_call_id="b"), AIMessage("done")])

        assert histories.expire(timedelta(minutes=1)) == Removed(0, 4)
        assert history.messages == [AIMessage("done")]

    def test_a_session_that_another_process_expired_meanwhile_stays_as_it_is(self, histories: ChatHistories) -> None:
        histories.session("s").add_user_message("x")
        with histories._file.writing() as db:
            assert delete_older(db, 1, 0) == Removed(0, 0)

    def test_any_age_can_be_asked_for(self, histories: ChatHistories) -> None:
        histories.session("s").add_user_message("x")

        assert histories.expire(timedelta.max) == Removed(0, 0)

    def test_an_age_below_zero_is_refused(self, histories: ChatHistories) -> None:
        with pytest.raises(InputError, match="older_than must be at least 0, got -1 day"):
            histories.expire(timedelta(days=-1))


class TestErasing:
    def test_no_byte_of_an_erased_user_is_left_in_the_folder(self, tmp_path: Path) -> None:
        with ChatHistories(tmp_path / "chats") as histories:
            fill_others(histories)
            fill(histories, f"{SECRET}@example.com")
            fill_others(histories)
            there = b"".join(file.read_bytes() for file in tmp_path.iterdir())
            assert all(form in there for form in (FORMS[0], FORMS[3], VECTOR.tobytes()))

            assert histories.erase_user(f"{SECRET}@example.com") == Removed(3, 180)

            assert left(tmp_path) == []
            assert histories.users() == ["ben"]
            assert sum(one.messages for one in histories.sessions()) == 120
        assert left(tmp_path) == []

    def test_no_byte_of_an_erased_session_is_left(self, tmp_path: Path) -> None:
        with ChatHistories(tmp_path / "chats") as histories:
            histories.session("kept", user_id="ann").add_user_message("kept")
            fill(histories, "ann", sessions=1)

            assert histories.erase_session(f"{SECRET} 0", user_id="ann") == Removed(1, 60)
            assert left(tmp_path) == []
            assert histories.session("kept", user_id="ann").messages == [HumanMessage("kept")]

    def test_erasing_also_takes_the_bytes_of_what_was_cleared_before(self, tmp_path: Path) -> None:
        with ChatHistories(tmp_path / "chats") as histories:
            fill(histories, "ann", sessions=1)
            histories.session(f"{SECRET} 0", user_id="ann").clear()
            assert left(tmp_path) != []

            assert histories.erase_user("ann") == Removed(0, 0)
            assert left(tmp_path) == []

    def test_erasing_also_takes_the_bytes_of_what_was_never_whole(self, tmp_path: Path) -> None:
        about = {"user_id": "ann", "session_id": "s", "at": "2026-11-21T12:00:00+00:00"}
        text = {"type": "human", "content": f"{SECRET} " + "x" * 100_000}
        rows = [{**about, "seq": seq, "message": text} for seq in range(1, 60)]  # more than SQLite holds back
        with ChatHistories(tmp_path / "chats") as histories:
            with pytest.raises(InputError, match="nothing was restored"):
                histories.restore([*rows, {**about, "note": "summary", "upto_seq": 99, "content": {}}])
            assert left(tmp_path) == ["chats-wal"]

            assert histories.erase_user("ann") == Removed(0, 0)
            assert left(tmp_path) == []

    @pytest.mark.parametrize("forget", ["clear", "notes"])
    def test_compacting_leaves_no_byte_of_what_was_forgotten(self, tmp_path: Path, forget: str) -> None:
        with ChatHistories(tmp_path / "chats") as histories:
            history = histories.session("s")
            history.add_user_message("x")
            history.put_note("summary", 1, {"text": SECRET})
            assert not histories.compact()
            if forget == "clear":
                history.clear()
            else:
                assert history.drop_notes("summary") == 1

            assert histories.compact()
            assert left(tmp_path) == []
            assert not histories.compact()

    def test_an_erasure_that_was_broken_off_is_finished_by_the_next(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with ChatHistories(tmp_path / "chats") as histories:
            fill(histories, "ann", sessions=1)
        with ChatHistories(tmp_path / "chats") as histories, closing(sqlite3.connect(tmp_path / "chats")) as reader:
            reader.execute("BEGIN")
            reader.execute("SELECT count(*) FROM messages").fetchone()
            with monkeypatch.context() as patch:
                patch.setattr(file_module, "_PATIENCE_S", 0.0)
                # a new one, whose connections are as impatient
                hasty = ChatHistories(tmp_path / "chats")
                with pytest.raises(StoreError, match="its bytes are still in the log, because others keep reading"):
                    hasty.erase_user("ann")
                hasty.close()
            assert histories.users() == []
            reader.execute("ROLLBACK")

            assert histories.compact()
            assert left(tmp_path) == []

    def test_in_memory_it_is_the_same(self) -> None:
        with ChatHistories() as histories:
            fill(histories, "ann", sessions=1)
            fill_others(histories)

            assert histories.erase_user("ann") == Removed(1, 60)
            assert histories.users() == ["ben"]

    def test_compacting_keeps_everything_else(self, tmp_path: Path) -> None:
        with ChatHistories(tmp_path / "chats") as histories:
            fill(histories, "ann")
            fill_others(histories)
            before = list(histories.export(user_id="ann"))
            histories.erase_user("ben")

            assert list(histories.export(user_id="ann")) == before
            assert len(histories.search("look found", user_id="ann", k=99)) == 60
