"""What every test may ask for: real data where it is at hand, and a network that is shut."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import settings

# The suite is red for a change's own fault only: the same examples each time. `sh scripts/test slow` draws new ones.
settings.register_profile("repeatable", derandomize=True)
settings.load_profile("repeatable")

ROOT = Path(__file__).parents[1]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--rewrite-goldens", action="store_true", help="write files under tests/golden anew")


@pytest.fixture(scope="session")
def data() -> Path:
    """The folder of real collections; tests that need it are skipped where it is missing."""
    folder = Path(os.environ.get("RAGKIT_DATA") or ROOT / "../shared/data")
    if not folder.is_dir():
        pytest.skip(f"real data is not at hand: {folder} is missing (set RAGKIT_DATA)")
    return folder


@pytest.fixture(scope="session")
def copy_model() -> Path:
    """A folder with a very small chat model that calls tools, trained once per machine and version of its scripts."""
    scripts = [ROOT / "tests/models" / name for name in ("copy_model.py", "conversations.py")]
    cache = ROOT / ".cache/models"
    cache.mkdir(parents=True, exist_ok=True)
    (cache / ".gitignore").write_text("*\n")
    folder = cache / f"copy-{sha256(b''.join(script.read_bytes() for script in scripts)).hexdigest()[:16]}"
    with folder.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # suites that run side by side train it once
        if not folder.is_dir():
            half = folder.with_suffix(".half")
            subprocess.run([sys.executable, scripts[0], half], check=True, timeout=1800)
            half.rename(folder)
    return folder


@pytest.fixture
def hang_guard() -> Iterator[None]:
    """End a test that would run for hours: for inputs on which worse than linear work never ends. No measurement."""

    def stop(*_: object) -> None:
        raise TimeoutError("still running after 120 s: is the work on this input worse than linear?")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(120)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)
