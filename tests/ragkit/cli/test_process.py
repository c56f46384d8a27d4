"""The command as a process of its own: exit codes, pipes, terminals, Ctrl-C."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ragkit.store.collection import Collection

RAGKIT = [sys.executable, "-m", "ragkit"]


@pytest.fixture
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith("RAGKIT_")}
    return kept | {"RAGKIT_CACHE": str(tmp_path_factory.getbasetemp() / "cache")}


def test_exit_codes_reach_the_shell(store: Path, environment: dict[str, str]) -> None:
    def code(*arguments: object) -> int:
        return subprocess.run([*RAGKIT, *map(str, arguments)], env=environment, capture_output=True).returncode

    assert code("info", "--store", store) == 0
    assert code("show", "nothing", "--store", store) == 1
    assert code("search", "x", "--store", store, "-k", 0) == 2


def test_a_reader_that_leaves_is_no_error(store: Path, environment: dict[str, str]) -> None:
    command = " ".join([*RAGKIT, "search", "moon", "--store", str(store)])
    run = subprocess.run(["sh", "-c", f"{command} | head -n 1"], env=environment, capture_output=True, text=True)
    assert run.stdout.startswith("1. ")
    assert run.stderr == ""


def test_warnings_never_stand_in_the_json(tmp_path: Path, environment: dict[str, str]) -> None:
    german = "Der Mond umkreist die Erde in siebenundzwanzig Tagen, und sein Licht ist das Licht der Sonne.\n"
    (tmp_path / "mond.txt").write_text(german, encoding="utf-8")
    command = [*RAGKIT, "index", str(tmp_path / "mond.txt"), "--store", str(tmp_path / "store"), "--json"]
    run = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert json.loads(run.stdout)["added"] == 1
    assert "multilingual" in run.stderr
    assert run.stderr.count("\n") == 1


def test_progress_is_drawn_on_a_terminal_only(docs: Path, tmp_path: Path, environment: dict[str, str]) -> None:
    main_end, terminal = pty.openpty()
    command = [*RAGKIT, "index", str(docs), "--store", str(tmp_path / "store")]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=terminal, text=True) as run:
        os.close(terminal)
        drawn = b""
        while True:
            try:
                drawn += os.read(main_end, 4096)
            except OSError:  # the terminal is closed when its last writer has left
                break
        assert run.stdout is not None
        printed = run.stdout.read()
    os.close(main_end)
    assert b"Indexing" in drawn
    assert "Indexing" not in printed
    assert printed.startswith("3 added")


def documents_in(store: Path) -> int:
    if not (store / "manifest.json").is_file():
        return 0
    with Collection.open(store, read_only=True) as collection:
        return len(collection)


def test_ctrl_c_keeps_what_was_finished(tmp_path: Path, environment: dict[str, str]) -> None:
    folder = tmp_path / "docs"
    folder.mkdir()
    for number in range(3000):
        text = f"Document {number} tells of the number {number} and of nothing else at all. " * 6
        (folder / f"{number:04}.txt").write_text(text, encoding="utf-8")
    command = [*RAGKIT, "index", str(folder), "--store", str(tmp_path / "store")]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as run:
        while not documents_in(tmp_path / "store"):
            assert run.poll() is None
            time.sleep(0.02)
        run.send_signal(signal.SIGINT)
        _, told = run.communicate(timeout=60)
    assert run.returncode == 130
    assert told == "ragkit: stopped before it was done; what was finished is kept.\n"
    assert 0 < documents_in(tmp_path / "store") < 3000
