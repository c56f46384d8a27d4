"""Several processes write two users' sessions at once, and some are killed in the middle of it."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from langchain_core.messages import HumanMessage

from ragkit.memory import ChatHistories

_USERS = ("ann", "ben")

_WRITE = """
import os, sys
from langchain_core.messages import AIMessage, HumanMessage
from ragkit.memory import ChatHistories

path, acknowledged, name, rounds = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
first = int(name[1]) * 100  # one begins with each user's sessions
told = os.open(acknowledged, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
with ChatHistories(path) as histories:
    for number in range(rounds):
        user, session = ("ann", "ben")[(first + number) // 100 % 2], number % 100
        text = f"{user} {session} {name} {number}"
        history = histories.session(str(session), user_id=user)
        history.add_messages([HumanMessage(text + " asked"), AIMessage(text + " answered")])
        os.write(told, (text + "\\n").encode())
"""

_ERASE = """
import os, sys
from ragkit.memory import ChatHistories

told = os.open(sys.argv[2], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
with ChatHistories(sys.argv[1]) as histories:
    for number in range(10_000):
        histories.session("gone", user_id="cat").add_user_message("xyzzyquux " * 200)
        histories.erase_user("cat")
        os.write(told, b"erased\\n")
"""


def test_what_was_acknowledged_is_kept_and_nothing_crosses_users(tmp_path: Path) -> None:
    path, chance = tmp_path / "chats", random.Random(6)
    lasting = [_start(_WRITE, tmp_path, name, 150) for name in ("w0", "w1")]
    killed = [_start(_WRITE, tmp_path, name, 10**6) for name in ("k0", "k1")]
    killed.append(_start(_ERASE, tmp_path, "e0", 0))
    for process, name in zip(killed, ("k0", "k1", "e0"), strict=True):
        _wait_for(tmp_path / f"{name}.told", 25 if name != "e0" else 3)
        time.sleep(chance.random() * 0.05)
        process.send_signal(signal.SIGKILL)
        process.wait(timeout=60)
    assert [process.wait(timeout=120) for process in lasting] == [0, 0]

    with closing(sqlite3.connect(path)) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    with ChatHistories(path) as histories:
        kept = _kept(histories)
        for name in ("w0", "w1", "k0", "k1"):
            told = (tmp_path / f"{name}.told").read_text(encoding="utf-8").splitlines()
            assert all(kept[f"{text} {said}"] == 1 for text in told for said in ("asked", "answered"))
            mine = [text for text in kept if text.split()[2] == name]
            # at most the one pair that was written, and not told when its writer was killed
            assert len(mine) - 2 * len(told) in ((0,) if name[0] == "w" else (0, 2))
        assert set(kept.values()) == {1}
        assert len([one for one in histories.sessions() if one.user_id in _USERS]) == 200
        for user in _USERS:
            found = histories.search("asked", user_id=user, k=100_000)
            assert {hit.kept.message.text.split()[0] for hit in found} == {user}
            assert len(found) == sum(text.startswith(user) and text.endswith("asked") for text in kept)
        histories.erase_user("cat")
    assert not any(b"xyzzyquux" in file.read_bytes() for file in tmp_path.iterdir())


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_killed_again_and_again_the_file_stays_whole_and_an_erasure_can_be_finished(tmp_path: Path) -> None:
    told, chance = tmp_path / "told", random.Random(66)
    with ChatHistories(tmp_path / "chats") as histories:
        histories.session("kept", user_id="ann").add_messages([HumanMessage("kept " * 300)] * 300)
    for number in range(200):
        workers = [_forked(_append, tmp_path, number), _forked(_erase, tmp_path, number)]
        time.sleep(chance.uniform(0.02, 0.15))
        for worker in workers:
            os.kill(worker, signal.SIGKILL)
            os.waitpid(worker, 0)
        with closing(sqlite3.connect(tmp_path / "chats")) as db:
            assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    acknowledged = told.read_text(encoding="utf-8").splitlines()
    with ChatHistories(tmp_path / "chats") as histories:
        kept = Counter(message.text for message in histories.session("s", user_id="ann").messages)
        assert len(acknowledged) > 200
        assert all(kept[text] == 1 for text in acknowledged)
        assert len(histories.session("kept", user_id="ann")) == 300
        histories.erase_user("cat")
        assert not any(b"xyzzyquux" in file.read_bytes() for file in tmp_path.iterdir())


def _forked(work: Callable[[Path, int], None], folder: Path, number: int) -> int:
    child = os.fork()
    if not child:
        try:
            work(folder, number)
        finally:
            os._exit(1)
    return child


def _append(folder: Path, number: int) -> None:
    told = os.open(folder / "told", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    with ChatHistories(folder / "chats") as histories:
        for turn in range(10**6):
            text = f"{number} {turn}"
            histories.session("s", user_id="ann").add_user_message(text)
            os.write(told, f"{text}\n".encode())


def _erase(folder: Path, number: int) -> None:
    with ChatHistories(folder / "chats") as histories:
        for _ in range(10**6):
            histories.session("gone", user_id="cat").add_user_message("xyzzyquux " * 500)
            histories.erase_user("cat")


def _start(script: str, folder: Path, name: str, rounds: int) -> subprocess.Popen[bytes]:
    arguments = [str(folder / "chats"), str(folder / f"{name}.told"), name, str(rounds)]
    return subprocess.Popen([sys.executable, "-c", script, *arguments])


def _wait_for(told: Path, lines: int) -> None:
    deadline = time.monotonic() + 120
    while not told.exists() or told.read_bytes().count(b"\n") < lines:
        assert time.monotonic() < deadline, f"{told.name} does not come"
        time.sleep(0.01)


def _kept(histories: ChatHistories) -> Counter[str]:
    """Give every message that is kept, and check that each stands in its session, whole and in its writer's order."""
    kept: Counter[str] = Counter()
    for session in histories.sessions():
        if session.user_id == "cat":
            continue
        messages = histories.session(session.session_id, user_id=session.user_id).messages
        assert len(messages) == session.messages
        assert all(m.text.split()[:2] == [session.user_id, session.session_id] for m in messages)
        pairs = [(a.text, b.text) for a, b in zip(messages[::2], messages[1::2], strict=True)]
        assert all(a.removesuffix(" asked") == b.removesuffix(" answered") for a, b in pairs)
        by_writer: dict[str, list[int]] = {}
        for asked, _ in pairs:
            _, _, name, number, _ = asked.split()
            by_writer.setdefault(name, []).append(int(number))
        assert all(numbers == sorted(numbers) for numbers in by_writer.values())
        kept.update(m.text for m in messages)
    return kept
