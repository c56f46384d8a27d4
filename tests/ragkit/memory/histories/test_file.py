"""What stays on the disk, what it costs, and threads, forks and files that are shared."""

from __future__ import annotations

import os
import random
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage

from ragkit.errors import StoreDamagedError, StoreError, StoreFullError, StoreLockedError
from ragkit.memory import ChatHistories
from ragkit.memory.histories import file as file_module


class _Steps:
    """How many steps SQLite's machine takes for something."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._count, self._connect = 0, file_module.connect
        monkeypatch.setattr(file_module, "connect", self._counting)

    def of(self, work: Callable[[], Any]) -> int:
        before = self._count
        work()
        return self._count - before

    def _counting(self, path: Path, **options: Any) -> sqlite3.Connection:
        db = self._connect(path, **options)
        db.set_progress_handler(self._step, 1)
        return db

    def _step(self) -> int:
        self._count += 1
        return 0


class TestCost:
    """In steps of SQLite's machine, for a clock tells of other things too."""

    def test_opening_and_appending_costs_the_same_after_ten_turns_and_ten_thousand(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        told = [HumanMessage("Will it rain?"), AIMessage("It will.")]
        for turns in (10, 10_000):
            with ChatHistories(tmp_path / str(turns)) as histories:
                histories.session("s", user_id="ann").add_messages(told * turns)
        steps = _Steps(monkeypatch)
        costs = []
        for turns in (10, 10_000):
            path, last = tmp_path / str(turns), turns * 2
            cost = {"open": steps.of(lambda path=path: ChatHistories(path).close())}
            with ChatHistories(path) as histories:
                history = histories.session("s", user_id="ann")
                cost["append"] = steps.of(lambda h=history: h.add_messages(told))
                cost["last"] = steps.of(lambda h=history: h.last(16))
                cost["walk"] = steps.of(lambda h=history: list(islice(h.newest_first(), 5)))
                cost["after"] = steps.of(lambda h=history, last=last: h.after(last))
                cost["get"] = steps.of(lambda h=history, last=last: h.get([1, 2, last]))
                cost["len"] = steps.of(lambda h=history: len(h))
                cost["note"] = steps.of(lambda h=history, last=last: h.put_note("summary", last, {}, after=0))
                cost["notes"] = steps.of(lambda h=history: h.note("summary"))
                cost["another session"] = steps.of(lambda h=histories: h.session("t").add_messages(told))
            costs.append(cost)
        few, many = costs

        assert {name: count for name, count in many.items() if count > few[name] * 1.05 + 20 and name != "walk"} == {}
        assert many["walk"] <= few["walk"] * 64 / 20 + 50  # it reads by pages of 64, and ten turns are 20 messages
        assert all(0 < count < 3000 for count in many.values())

    def test_appending_writes_no_more_to_the_disk_in_a_long_conversation(self, tmp_path: Path) -> None:
        chance = random.Random(1)

        def turn() -> list[BaseMessage]:
            said = " ".join(f"word{int(chance.paretovariate(0.3)) % 5_000}" for _ in range(60))
            return [HumanMessage(said), AIMessage(said)]

        written = []
        for turns in (20, 1_000):
            path = tmp_path / str(turns)
            with ChatHistories(path) as histories:
                histories.session("s").add_messages([one for _ in range(turns) for one in turn()])
            with ChatHistories(path) as histories:
                histories.session("s").add_messages(turn())
                written.append(Path(f"{path}-wal").stat().st_size)

        assert written[1] < written[0] * 2


class TestSharing:
    def test_threads_lose_nothing_and_keep_each_ones_order(self, tmp_path: Path) -> None:
        for path in (tmp_path / "chats", None):
            with ChatHistories(path) as histories, ThreadPoolExecutor(6) as pool:

                def work(thread: int, histories: ChatHistories = histories) -> None:
                    for number in range(15):
                        histories.session(f"s{number % 3}").add_messages(
                            [HumanMessage(f"{thread} {number} a"), AIMessage(f"{thread} {number} b")]
                        )

                list(pool.map(work, range(6)))
                told = [m.text for name in ("s0", "s1", "s2") for m in histories.session(name).messages]
                assert sorted(told) == sorted(f"{t} {n} {x}" for t in range(6) for n in range(15) for x in "ab")
                assert all(a[:-1] == b[:-1] for a, b in zip(told[::2], told[1::2], strict=True))
                for thread in range(6):
                    mine = [m.text for m in histories.session("s0").messages if m.text.startswith(f"{thread} ")]
                    assert mine == [f"{thread} {n} {x}" for n in range(0, 15, 3) for x in "ab"]

    def test_two_objects_of_one_file_see_the_same(self, tmp_path: Path) -> None:
        with ChatHistories(tmp_path / "chats") as one, ChatHistories(tmp_path / "chats") as two:
            one.session("s").add_user_message("a")
            two.session("s").add_user_message("b")
            assert [m.text for m in one.session("s").messages] == ["a", "b"]
            one.erase_user("")
            assert two.sessions() == []

    def test_who_waits_too_long_for_another_writer_is_told(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(file_module, "_PATIENCE_S", 0.01)
        with ChatHistories(tmp_path / "chats") as histories, closing(sqlite3.connect(tmp_path / "chats")) as other:
            other.execute("BEGIN IMMEDIATE")

            with pytest.raises(StoreLockedError, match=r"is written by others all the time: waited 0\.01 s; try again"):
                histories.session("s").add_user_message("x")
            assert histories.sessions() == []

    def test_a_new_file_that_many_make_at_once_is_made_once(self, tmp_path: Path) -> None:
        barrier = threading.Barrier(8)

        def make(number: int) -> None:
            barrier.wait()
            with ChatHistories(tmp_path / "new" / "chats") as histories:
                histories.session("s").add_user_message(str(number))

        with ThreadPoolExecutor(8) as pool:
            list(pool.map(make, range(8)))
        with ChatHistories(tmp_path / "new" / "chats") as histories:
            assert sorted(m.text for m in histories.session("s").messages) == list("01234567")

    @pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
    @pytest.mark.parametrize("where", ["file", None])
    def test_a_forked_child_and_its_parent_both_go_on(self, tmp_path: Path, where: str | None) -> None:
        with ChatHistories(where and tmp_path / where) as histories:
            history = histories.session("s")
            history.add_user_message("before")

            def work() -> str:
                history.add_user_message("child")
                return " ".join(m.text for m in history.messages)

            assert _in_a_child(work) == "before child"
            history.add_user_message("parent")
            told = [m.text for m in history.messages]
            # a child has a copy of what is in memory
            assert told == (["before", "child", "parent"] if where else ["before", "parent"])

    @pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
    def test_a_child_forked_in_the_middle_of_a_read_is_told(self, tmp_path: Path) -> None:
        with ChatHistories(tmp_path / "chats") as histories:
            histories.session("s").add_user_message("x")
            with histories._file.reading() as db:
                answer = _in_a_child(lambda: str(len(histories.session("s").messages)))
                assert db.execute("SELECT count(*) FROM messages").fetchone() == (1,)

            assert "was in use when this process was forked: fork before it is read or written" in answer
            assert len(histories.session("s")) == 1


def _in_a_child(work: Callable[[], str]) -> str:
    told = os.pipe()
    if not (child := os.fork()):
        try:
            answer = work()
        except BaseException as error:  # noqa: BLE001  # the parent looks at it
            answer = str(error)
        os.write(told[1], answer.encode())
        os._exit(0)
    os.close(told[1])
    with os.fdopen(told[0], encoding="utf-8") as pipe:
        answer = pipe.read()
    os.waitpid(child, 0)
    return answer


class TestPlace:
    def test_the_folder_is_made_and_the_file_is_reopened(self, tmp_path: Path) -> None:
        path = tmp_path / "a b" / "c?d#%20.sqlite"
        with ChatHistories(str(path)) as histories:
            histories.session("s").add_messages([SystemMessage("kept")])
            assert repr(histories) == f"ChatHistories({str(path)!r})"

        with ChatHistories(path) as histories:
            assert histories.session("s").messages == [SystemMessage("kept")]

    def test_two_in_memory_are_apart(self) -> None:
        one, two = ChatHistories(), ChatHistories(":memory:")
        one.session("s").add_user_message("x")

        assert two.sessions() == []
        assert repr(two) == "ChatHistories(':memory:')"

    @pytest.mark.parametrize("path", ["file", None])
    def test_a_closed_one_says_so(self, tmp_path: Path, path: str | None) -> None:
        histories = ChatHistories(path and tmp_path / path)
        history = histories.session("s")
        histories.close()
        histories.close()

        with pytest.raises(StoreError, match="is closed: open it again"):
            history.add_user_message("x")

    def test_another_programs_database_is_left_alone(self, tmp_path: Path) -> None:
        with sqlite3.connect(tmp_path / "a") as db:
            db.execute("CREATE TABLE mine (x)")
        db.close()
        before = (tmp_path / "a").read_bytes()

        with pytest.raises(StoreError, match="a holds something else: name another file"):
            ChatHistories(tmp_path / "a")
        assert (tmp_path / "a").read_bytes() == before

    def test_a_file_of_a_newer_version_is_left_alone(self, tmp_path: Path) -> None:
        ChatHistories(tmp_path / "a").close()
        with sqlite3.connect(tmp_path / "a") as db:
            db.execute("PRAGMA user_version = 99")
        db.close()

        with pytest.raises(StoreError, match="upgrade ragkit"):
            ChatHistories(tmp_path / "a")

    def test_a_relative_path_means_the_same_file_in_another_working_folder(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        with ChatHistories("a") as histories:
            (tmp_path / "elsewhere").mkdir()
            monkeypatch.chdir(tmp_path / "elsewhere")
            histories.session("s").add_user_message("x")

            assert histories.session("s").messages == [HumanMessage("x")]

    def test_a_folder_is_no_file(self, tmp_path: Path) -> None:
        with pytest.raises(StoreError, match="cannot be used: unable to open database file"):
            ChatHistories(tmp_path)

    def test_a_file_is_no_folder(self, tmp_path: Path) -> None:
        (tmp_path / "a").write_text("")
        with pytest.raises(StoreError, match=r"cannot be used: (Not a directory|File exists)"):
            ChatHistories(tmp_path / "a" / "b")

    def test_a_file_that_was_deleted_meanwhile_takes_nothing(self, tmp_path: Path) -> None:
        with ChatHistories(tmp_path / "a") as histories:
            history = histories.session("s")
            history.add_user_message("x")
            for file in tmp_path.iterdir():
                file.unlink()

            with pytest.raises(StoreError, match="was deleted or replaced while it was open: open it again"):
                history.add_user_message("y")

    def test_a_full_disk_is_named_and_what_was_acknowledged_is_kept(self, tmp_path: Path) -> None:
        with ChatHistories(tmp_path / "chats") as histories:
            history = histories.session("s")
            history.add_user_message("before")
            with histories._file.reading() as db:
                db.execute("PRAGMA max_page_count = 40")

            with pytest.raises(StoreFullError, match=r"the disk is full.* what was acknowledged is kept"):
                history.add_user_message("x" * 500_000)
            assert [m.text for m in history.messages] == ["before"]


class TestDamage:
    def test_what_is_no_database_is_named(self, tmp_path: Path) -> None:
        (tmp_path / "a").write_bytes(b"no database at all " * 99)

        with pytest.raises(
            StoreDamagedError, match=r"a is damaged \(file is not a database\): restore it from a backup"
        ):
            ChatHistories(tmp_path / "a")

    def test_what_is_left_of_a_cut_file_is_named(self, tmp_path: Path) -> None:
        (tmp_path / "a").write_bytes(b"SQLite format 3\0")

        with pytest.raises(StoreDamagedError, match=r"a is damaged \(16 bytes are left of it\)"):
            ChatHistories(tmp_path / "a")

    def test_a_changed_message_is_noticed(self, tmp_path: Path) -> None:
        with ChatHistories(tmp_path / "a") as histories:
            histories.session("s").add_messages([HumanMessage("the sum is 100 dollars"), HumanMessage("fine")])
        content = (tmp_path / "a").read_bytes()
        assert content.count(b"100 dollars") == 1
        (tmp_path / "a").write_bytes(content.replace(b"100 dollars", b"900 dollars"))

        with ChatHistories(tmp_path / "a") as histories:
            assert histories.session("s").last(1)[0].message.text == "fine"
            with pytest.raises(
                StoreDamagedError, match=r"message 1 is damaged .*restore the file from a backup"
            ) as caught:
                _ = histories.session("s").messages
            assert "dollars" not in str(caught.value)

    @given(st.data())
    @settings(max_examples=25, deadline=None)
    def test_garbage_anywhere_gives_what_was_said_or_a_sentence(
        self, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
    ) -> None:
        path = tmp_path_factory.mktemp("garbled") / "a"
        told: list[BaseMessage] = [HumanMessage(f"message {number} " + "x" * 500) for number in range(40)]
        with ChatHistories(path) as histories:
            histories.session("s").add_messages(told)
        content = bytearray(path.read_bytes())
        place = data.draw(st.integers(0, len(content) - 1))
        content[place : place + 64] = data.draw(st.binary(min_size=64, max_size=64))
        path.write_bytes(content)

        try:
            with ChatHistories(path) as histories:
                read = histories.session("s").messages
                histories.search("message", user_id="")
                histories.erase_user("")
        except StoreError:
            return
        assert read in (told, [])  # [] if the garbage hit the session's name
