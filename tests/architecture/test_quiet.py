"""`index`, `search` and `ask` make no connection, start no process and write outside store and cache nothing."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

WATCH = """
import os, sys

allowed = sys.argv[1].split(os.pathsep)
trespasses = []

def watch(event, arguments):
    if event in {"socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto", "subprocess.Popen",
                 "os.fork", "os.forkpty", "os.exec", "os.posix_spawn", "os.spawn", "os.system"}:
        trespasses.append(f"{event} {arguments!r:.200}")
    if event == "open" and isinstance(arguments[0], (str, bytes, os.PathLike)):
        path, mode, flags = os.fsdecode(arguments[0]), arguments[1], arguments[2]
        writing = any(letter in (mode or "") for letter in "wax+") or bool((flags or 0) & (os.O_WRONLY | os.O_RDWR))
        inside = any(os.path.abspath(path).startswith(folder) for folder in allowed)
        if writing and not inside and path != os.devnull:
            trespasses.append(f"open {path} {mode} {flags}")
    if event in {"os.mkdir", "os.rename", "os.remove"} and not any(
        os.path.abspath(os.fsdecode(arguments[0])).startswith(folder) for folder in allowed
    ):
        trespasses.append(f"{event} {arguments[0]}")

sys.addaudithook(watch)
sys.dont_write_bytecode = True
from ragkit.cli import main

code = 0
try:
    main(sys.argv[2:])
except SystemExit as leave:
    code = leave.code
print("TORCH" if "torch" in sys.modules else "NO TORCH", file=sys.stderr)
print("TRESPASSES", trespasses, file=sys.stderr)
sys.exit(code or (3 if trespasses else 0))
"""


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Path:
    house = tmp_path_factory.mktemp("house")
    (house / "home").mkdir()
    (house / "docs").mkdir()
    (house / "docs" / "moon.md").write_text("# The Moon\n\nThe Moon orbits the Earth in 27.3 days.\n", encoding="utf-8")
    (house / "docs" / "page.html").write_text(
        "<html><body><article><h1>Tides</h1><p>The pull of the Moon raises two tides a day in most seas.</p></article>"
        "</body></html>",
        encoding="utf-8",
    )
    return house


def run_watched(house: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("RAGKIT_", "HF_"))}
    environment |= {"HOME": str(house / "home"), "RAGKIT_CACHE": str(house / "cache"), "CI": "true"}
    allowed = os.pathsep.join([str(house / "store"), str(house / "cache")])
    return subprocess.run(
        [sys.executable, "-c", WATCH, allowed, *arguments],
        capture_output=True, text=True, cwd=house, env=environment, timeout=120, check=False,
    )  # fmt: skip


def test_the_commands_keep_to_themselves(house: Path) -> None:
    for arguments in (
        ("index", "docs", "--store", "store"),
        ("search", "How long does the Moon take?", "--store", "store"),
        ("ask", "In how many days does the Moon orbit the Earth?", "--store", "store"),
    ):
        run = run_watched(house, *arguments)
        assert run.returncode == 0, run.stderr
        assert "TRESPASSES []" in run.stderr
        assert "NO TORCH" in run.stderr
        assert [path.name for path in (house / "home").rglob("*")] == []


def test_the_watch_itself_sees_a_trespass(house: Path) -> None:
    watched = WATCH.replace("from ragkit.cli import main", "main = lambda arguments: open(arguments[0], 'w').close()")
    run = subprocess.run(
        [sys.executable, "-c", watched, str(house / "store"), str(house / "home-made")],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert run.returncode == 3
    assert "open" in run.stderr
    (house / "home-made").unlink()
