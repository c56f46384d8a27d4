"""SQLite as a record that outlives a kill."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from ragkit.disk import sqlite
from ragkit.disk.sqlite import connect, damage_found, damage_named, migrate, transaction
from ragkit.errors import InputError, StoreDamagedError, StoreError

_MIGRATIONS = ("CREATE TABLE a (x)", "CREATE TABLE b (y); INSERT INTO b VALUES (1)")


def test_connection_uses_wal_full_sync_and_foreign_keys(tmp_path: Path) -> None:
    with closing(connect(tmp_path / "a.sqlite")) as db:
        assert db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert db.execute("PRAGMA synchronous").fetchone() == (2,)
        assert db.execute("PRAGMA foreign_keys").fetchone() == (1,)


def test_file_that_is_no_database_is_named_as_damaged(tmp_path: Path) -> None:
    path = tmp_path / "a.sqlite"
    path.write_bytes(b"not a database" * 100)
    with pytest.raises(StoreDamagedError, match=r"a\.sqlite is damaged \(file is not a database\): restore it"):
        connect(path)


def test_missing_file_is_not_created_for_reading(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="cannot be used: unable to open database file"):
        connect(tmp_path / "a.sqlite", read_only=True)
    assert list(tmp_path.iterdir()) == []


def test_read_only_connection_refuses_changes(tmp_path: Path) -> None:
    path = tmp_path / "odd ?#% name.sqlite"
    with closing(connect(path)) as db:
        migrate(db, _MIGRATIONS)
    with closing(connect(path, read_only=True)) as db:
        assert db.execute("SELECT y FROM b").fetchall() == [(1,)]
        with pytest.raises(sqlite3.OperationalError, match="readonly"):
            db.execute("DELETE FROM b")


def test_folder_that_cannot_be_written_is_read_as_unchanging(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.sqlite"
    with closing(connect(path)) as db:
        migrate(db, _MIGRATIONS)
    # Tests may run as root, whom no permission stops; so the system's answer is replaced.
    monkeypatch.setattr(sqlite.os, "access", lambda *_: False)
    with closing(connect(path, read_only=True)) as db:
        assert db.execute("SELECT y FROM b").fetchall() == [(1,)]
        assert [item.name for item in tmp_path.iterdir()] == ["a.sqlite"]


def test_what_may_not_be_written_is_told_so(tmp_path: Path) -> None:
    connect(tmp_path / "a").close()
    told = "readonly database; check that it and its folder may be written"
    with (
        closing(connect(tmp_path / "a", read_only=True)) as db,
        pytest.raises(StoreError, match=told),
        damage_named(tmp_path / "a"),
    ):
        db.execute("CREATE TABLE t (x)")


def test_database_of_another_application_is_refused_and_not_changed(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "a")) as db:
        db.execute("CREATE TABLE mine (x)")
    before = (tmp_path / "a").read_bytes()

    with pytest.raises(StoreError, match="a holds something else: name another file"):
        connect(tmp_path / "a", application=7)
    assert (tmp_path / "a").read_bytes() == before
    with closing(connect(tmp_path / "new", application=7)) as db:
        migrate(db, ["PRAGMA application_id = 7; CREATE TABLE t (x)"])
    connect(tmp_path / "new", application=7).close()


def test_migrations_run_once_and_in_order(tmp_path: Path) -> None:
    with closing(connect(tmp_path / "a.sqlite")) as db:
        migrate(db, _MIGRATIONS[:1])
        migrate(db, _MIGRATIONS)
        migrate(db, _MIGRATIONS)
        assert db.execute("SELECT y FROM b").fetchall() == [(1,)]
        assert db.execute("PRAGMA user_version").fetchone() == (2,)


def test_migration_that_fails_leaves_nothing(tmp_path: Path) -> None:
    with closing(connect(tmp_path / "a.sqlite")) as db:
        with pytest.raises(sqlite3.OperationalError, match="no such table: nowhere"):
            migrate(db, ["CREATE TABLE a (x); INSERT INTO nowhere VALUES (1)"])
        assert db.execute("SELECT name FROM sqlite_master").fetchall() == []
        assert db.execute("PRAGMA user_version").fetchone() == (0,)


def test_migration_that_cannot_begin_leaves_nothing(tmp_path: Path) -> None:
    with closing(connect(tmp_path / "a.sqlite")) as db, closing(connect(tmp_path / "a.sqlite")) as other:
        db.execute("PRAGMA busy_timeout = 0")
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            migrate(db, _MIGRATIONS)
        other.execute("ROLLBACK")


def test_newer_layout_is_refused(tmp_path: Path) -> None:
    with closing(connect(tmp_path / "a.sqlite")) as db:
        migrate(db, _MIGRATIONS)
        with pytest.raises(StoreError, match="layout 2, this ragkit reads up to 1: upgrade ragkit"):
            migrate(db, _MIGRATIONS[:1])


def _run(db: sqlite3.Connection, *statements: str) -> None:
    with transaction(db, write=True):
        for statement in statements:
            db.execute(statement)


def test_transaction_takes_all_or_nothing(tmp_path: Path) -> None:
    with closing(connect(tmp_path / "a.sqlite")) as db:
        migrate(db, _MIGRATIONS)
        with pytest.raises(sqlite3.OperationalError, match="no such table"):
            _run(db, "INSERT INTO b VALUES (2)", "INSERT INTO nowhere VALUES (2)")
        _run(db, "INSERT INTO b VALUES (3)")
        assert db.execute("SELECT y FROM b").fetchall() == [(1,), (3,)]


def test_transaction_that_ended_itself_is_left_alone(tmp_path: Path) -> None:
    with closing(connect(tmp_path / "a.sqlite")) as db:
        with pytest.raises(sqlite3.OperationalError, match="no transaction is active"):
            _run(db, "ROLLBACK")
        assert not db.in_transaction


class _Interrupted(sqlite3.Connection):
    """Ctrl-C comes when a transaction has begun, before the caller knows."""

    def execute(self, sql: str, *parameters: Any) -> sqlite3.Cursor:
        cursor = super().execute(sql, *parameters)
        if sql.startswith("BEGIN"):
            raise KeyboardInterrupt
        return cursor


def test_interrupt_at_the_beginning_leaves_no_transaction() -> None:
    with closing(sqlite3.connect(":memory:", isolation_level=None, factory=_Interrupted)) as db:
        with pytest.raises(KeyboardInterrupt):
            _run(db)
        assert not db.in_transaction


def test_transaction_inside_another_is_refused_and_ends_nothing(tmp_path: Path) -> None:
    with closing(connect(tmp_path / "a.sqlite")) as db, transaction(db, write=True):
        db.execute("CREATE TABLE a (x)")
        with pytest.raises(sqlite3.OperationalError, match="within a transaction"):
            _run(db)
        assert db.in_transaction


def test_reader_sees_one_state_while_a_writer_commits(tmp_path: Path) -> None:
    path = tmp_path / "a.sqlite"
    with closing(connect(path)) as writer, closing(connect(path)) as reader:
        migrate(writer, _MIGRATIONS)
        with transaction(reader, write=False):
            before = reader.execute("SELECT count(*) FROM b").fetchone()
            writer.execute("INSERT INTO b VALUES (2)")
            assert reader.execute("SELECT count(*) FROM b").fetchone() == before
        assert reader.execute("SELECT count(*) FROM b").fetchone() == (2,)


def test_mistakes_of_the_caller_are_not_called_damage() -> None:
    with pytest.raises(sqlite3.IntegrityError), damage_named(Path("a")):
        raise sqlite3.IntegrityError


def _fail() -> None:
    raise KeyError(62)


def test_error_that_comes_of_damaged_pages_is_called_damage(tmp_path: Path) -> None:
    path = tmp_path / "a.sqlite"
    with closing(connect(path)) as db:
        migrate(db, ["CREATE TABLE a (x); CREATE INDEX b ON a (x); INSERT INTO a VALUES (1)"])
        with pytest.raises(KeyError), damage_found(db, path):
            _fail()
        db.execute("PRAGMA foreign_keys = OFF")
        db.execute("CREATE TABLE c (a REFERENCES d (id))")
        db.execute("CREATE TABLE d (id INTEGER PRIMARY KEY)")
        db.execute("INSERT INTO c VALUES (7)")
        with (
            pytest.raises(StoreDamagedError, match=r"a\.sqlite is damaged \(its rows contradict each other, KeyError"),
            damage_found(db, path),
        ):
            _fail()


def test_text_that_is_not_the_json_that_was_written_is_damage(tmp_path: Path) -> None:
    with (
        closing(connect(tmp_path / "a.sqlite")) as db,
        pytest.raises(StoreDamagedError, match="JSONDecodeError"),
        damage_found(db, tmp_path / "a.sqlite"),
    ):
        json.loads("{")


def test_mistake_of_a_caller_of_a_damaged_file_stays_one(tmp_path: Path) -> None:
    with (
        closing(connect(tmp_path / "a.sqlite")) as db,
        pytest.raises(InputError, match="no such thing"),
        damage_found(db, tmp_path / "a.sqlite"),
    ):
        raise InputError("no such thing")


def test_a_schema_that_is_no_text_is_damage_and_is_not_shown(tmp_path: Path) -> None:
    path = tmp_path / "a.sqlite"
    with closing(connect(path)) as db:
        db.execute("CREATE TABLE secret (x INTEGER) STRICT")
    path.write_bytes(path.read_bytes().replace(b"x INTEGER", b"x INT\xffGER"))

    with pytest.raises(StoreDamagedError, match=r"a\.sqlite is damaged \(a text in it is no text\): restore it"):
        connect(path)
