from __future__ import annotations

import pickle
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from langchain_core.caches import BaseCache
from langchain_core.language_models import FakeListChatModel
from langchain_core.messages import AIMessage
from langchain_core.outputs import ChatGeneration, Generation
from langchain_tests.integration_tests import AsyncCacheTestSuite, SyncCacheTestSuite

from ragkit.errors import ConfigError, StoreError
from ragkit.models.wrappers.sqlite_cache import CacheWarning, SQLiteCache


class TestAsLangChainCache(SyncCacheTestSuite):
    @pytest.fixture
    def cache(self, tmp_path: Path) -> BaseCache:
        return SQLiteCache(tmp_path / "replies.sqlite3")


class TestAsAsyncLangChainCache(AsyncCacheTestSuite):
    @pytest.fixture
    async def cache(self, tmp_path: Path) -> BaseCache:
        return SQLiteCache(tmp_path / "replies.sqlite3")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "sub" / "replies.sqlite3"


def _said(text: str) -> list[Generation]:
    return [Generation(text=text)]


def _execute(path: Path, statement: str, *values: object) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(path)) as db, db:
        return db.execute(statement, values).fetchall()


def test_replies_outlive_the_process_that_kept_them(path: Path) -> None:
    reply = [ChatGeneration(message=AIMessage("Hi", tool_calls=[{"name": "f", "args": {"a": 1}, "id": "1"}]))]
    SQLiteCache(path).update("prompt", "model", reply)

    assert SQLiteCache(path).lookup("prompt", "model") == reply


def test_prompt_and_model_are_kept_apart(path: Path) -> None:
    cache = SQLiteCache(path)
    cache.update("ab", "c", _said("one"))

    assert cache.lookup("a", "bc") is None
    assert cache.lookup("ab", "c") == _said("one")


def test_neither_prompt_nor_model_stand_in_the_file(path: Path) -> None:
    cache = SQLiteCache(path)
    cache.update("a secret prompt", "model with a key", _said("reply"))

    whole = b"".join(file.read_bytes() for file in path.parent.iterdir())

    assert b"secret" not in whole
    assert b"with a key" not in whole
    assert repr(cache) == f"SQLiteCache('{path}', max_bytes=268435456)"


def test_a_model_uses_it_as_langchains_own_cache(path: Path) -> None:
    replies = ["first", "second"]

    one = FakeListChatModel(responses=replies, cache=SQLiteCache(path))

    assert [one.invoke("a").content, one.invoke("a").content, one.invoke("b").content] == ["first", "first", "second"]


def test_what_was_not_used_for_longest_leaves_first(path: Path) -> None:
    cache = SQLiteCache(path, max_bytes=3 * 1200)
    for name in ("a", "b", "c"):
        cache.update(name, "m", _said(name * 1000))
    assert cache.lookup("a", "m") is not None

    cache.update("d", "m", _said("d" * 1000))

    kept = [name for name in ("a", "b", "c", "d") if cache.lookup(name, "m") is not None]
    assert kept == ["a", "c", "d"]


def test_the_file_stays_near_its_bound(path: Path) -> None:
    cache = SQLiteCache(path, max_bytes=100_000)

    for number in range(60):
        cache.update(str(number), "m", _said("x" * 5_000))

    (total,) = _execute(path, "SELECT bytes FROM total")[0]
    (counted, rows) = _execute(path, "SELECT sum(bytes), count(*) FROM replies")[0]
    assert total == counted
    assert total <= 100_000
    assert rows == 19
    assert path.stat().st_size < 2 * 100_000
    assert cache.lookup("59", "m") is not None


def test_a_reply_used_of_late_is_read_without_writing(path: Path) -> None:
    cache = SQLiteCache(path)
    for name in ("a", "b", "c"):
        cache.update(name, "m", _said(name))
    before = _execute(path, "SELECT key, used FROM replies")

    assert cache.lookup("c", "m") == _said("c")

    assert _execute(path, "SELECT key, used FROM replies") == before


def test_a_new_file_that_another_holds_is_waited_for(path: Path) -> None:
    path.parent.mkdir()
    with closing(sqlite3.connect(path, isolation_level=None, check_same_thread=False)) as other:
        other.execute("BEGIN")
        other.execute("SELECT count(*) FROM sqlite_master").fetchone()
        letting_go = threading.Timer(0.2, other.execute, ["COMMIT"])
        letting_go.start()

        cache = SQLiteCache(path)

        letting_go.join()
    cache.update("p", "m", _said("x"))
    assert cache.lookup("p", "m") == _said("x")


def test_a_reply_kept_again_takes_its_room_once(path: Path) -> None:
    cache = SQLiteCache(path)
    for _ in range(5):
        cache.update("p", "m", _said("x" * 100))

    assert _execute(path, "SELECT count(*), sum(bytes) = (SELECT bytes FROM total) FROM replies") == [(1, 1)]


def test_a_reply_larger_than_all_is_not_kept_and_takes_its_elder_with_it(path: Path) -> None:
    cache = SQLiteCache(path, max_bytes=1000)
    cache.update("p", "m", _said("small"))
    cache.update("p", "m", _said("x" * 2000))

    assert cache.lookup("p", "m") is None


def test_a_bound_must_be_positive(path: Path) -> None:
    with pytest.raises(ConfigError, match="max_bytes must be at least 1, got 0"):
        SQLiteCache(path, max_bytes=0)


def test_a_reply_that_is_no_json_is_told_and_not_kept(path: Path) -> None:
    cache = SQLiteCache(path)

    with pytest.warns(CacheWarning, match="the reply was not kept: a bytes is no JSON value"):
        cache.update("p", "m", [Generation(text="x", generation_info={"raw": b"x"})])
    assert cache.lookup("p", "m") is None


@pytest.mark.parametrize(
    "content",
    [b"not a database at all, but long enough to be looked at" * 20, pickle.dumps({"a": 1}) * 100],
    ids=["text", "pickle"],
)
def test_a_foreign_file_is_refused_in_a_sentence(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "foreign"
    path.write_bytes(content)

    with pytest.raises(
        StoreError, match=r"foreign cannot be used as a cache of replies: file is not a database; delete"
    ):
        SQLiteCache(path)
    assert path.read_bytes() == content


def test_a_database_of_something_else_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "other"
    _execute(path, "CREATE TABLE mine (x)")

    with pytest.raises(StoreError, match="cannot be used as a cache of replies: it holds something else"):
        SQLiteCache(path)
    assert _execute(path, "SELECT name FROM sqlite_master") == [("mine",)]


def test_a_file_of_another_version_is_told(path: Path) -> None:
    SQLiteCache(path)
    _execute(path, "PRAGMA user_version = 99")

    with pytest.raises(StoreError, match="made by another version of ragkit"):
        SQLiteCache(path)


def test_a_folder_in_the_files_place_is_told(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="unable to open database file"):
        SQLiteCache(tmp_path)


def test_a_file_torn_under_way_is_told_and_the_work_goes_on(path: Path) -> None:
    cache = SQLiteCache(path)
    cache.update("p", "m", _said("x" * 10_000))
    path.write_bytes(path.read_bytes()[:5000] + b"\xff" * 5000)

    with pytest.warns(CacheWarning, match="the model is asked"):
        assert cache.lookup("p", "m") is None
    path.write_bytes(b"x" * 5000)
    with pytest.warns(CacheWarning, match="the reply was not kept"):
        cache.update("q", "m", _said("y"))
    with pytest.raises(StoreError, match="file is not a database"):
        cache.clear()


@pytest.mark.parametrize("change", ["reply = x'00'", "crc = crc + 1"])
def test_a_damaged_reply_is_told_and_forgotten(path: Path, change: str) -> None:
    cache = SQLiteCache(path)
    cache.update("p", "m", _said("x"))
    _execute(path, f"UPDATE replies SET {change}")

    with pytest.warns(CacheWarning, match="a reply in it is damaged: the model is asked"):
        assert cache.lookup("p", "m") is None
    assert _execute(path, "SELECT count(*) FROM replies") == [(0,)]


def test_a_reply_of_another_form_is_told_and_forgotten(path: Path) -> None:
    cache = SQLiteCache(path)
    cache.update("p", "m", _said("x"))
    import zlib

    _execute(path, "UPDATE replies SET reply = ?, crc = ?", b"{}", zlib.crc32(b"{}"))

    with pytest.warns(CacheWarning, match=r"a reply in it cannot be read \(not a list of replies\)"):
        assert cache.lookup("p", "m") is None


def test_a_deleted_file_is_made_anew(path: Path) -> None:
    cache = SQLiteCache(path)
    cache.update("p", "m", _said("x"))
    for file in path.parent.iterdir():
        file.unlink()

    assert cache.lookup("p", "m") is None
    cache.update("p", "m", _said("y"))
    assert cache.lookup("p", "m") == _said("y")


def test_surrogates_survive(path: Path) -> None:
    cache = SQLiteCache(path)
    cache.update("\ud800", "m", _said("\udfff"))

    assert cache.lookup("\ud800", "m") == _said("\udfff")


def test_threads_share_one_cache(path: Path) -> None:
    cache = SQLiteCache(path, max_bytes=20_000)
    wrong: list[object] = []

    def work(worker: int) -> None:
        for number in range(25):
            name = f"{number % 10}"
            cache.update(name, "m", _said(name * 500))
            found = cache.lookup(name, "m")
            if found is not None and found != _said(name * 500):
                wrong.append((worker, name, found))

    threads = [threading.Thread(target=work, args=(worker,)) for worker in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert wrong == []
    assert _execute(path, "SELECT sum(bytes) = (SELECT bytes FROM total) FROM replies") == [(1,)]


_WORKER = """
import sys, warnings
warnings.simplefilter("error")
from langchain_core.outputs import Generation
from ragkit.models.wrappers.sqlite_cache import SQLiteCache
from itertools import count
sys.stdin.readline()
cache = SQLiteCache(sys.argv[1], max_bytes=20_000)
for number in count() if sys.argv[2] == "killed" else range(40):
    name = str(number % 10)
    if number == 20:
        print("at work", flush=True)
    cache.update(name, "m", [Generation(text=name * 500)])
    found = cache.lookup(name, "m")
    if found is not None and found[0].text != name * 500:
        sys.exit(3)
cache.update(sys.argv[2], "m", [Generation(text=sys.argv[2])])
"""


def test_processes_share_one_file_from_its_first_moment_and_one_is_killed(path: Path) -> None:
    command = [sys.executable, "-c", _WORKER, str(path)]
    pipes: Any = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    workers = [subprocess.Popen([*command, name], **pipes) for name in ("own 0", "own 1", "killed")]

    for worker in workers:
        worker.stdin.write(b"go\n")
        worker.stdin.flush()
    *others, victim = workers
    assert victim.stdout.readline() == b"at work\n"
    victim.kill()
    told = [worker.communicate(timeout=120)[1].decode() for worker in workers]

    assert ([worker.returncode for worker in others], told) == ([0, 0], ["", "", ""])
    cache = SQLiteCache(path)
    assert [cache.lookup(f"own {n}", "m") for n in range(2)] == [_said(f"own {n}") for n in range(2)]
    assert _execute(path, "PRAGMA integrity_check") == [("ok",)]
    assert _execute(path, "SELECT sum(bytes) = (SELECT bytes FROM total) FROM replies") == [(1,)]
