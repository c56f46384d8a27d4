"""What every test may ask for: real data where it is at hand, and a network that is shut."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

# The suite is red for a change's own fault only: the same examples each time. `sh scripts/test slow` draws new ones.
settings.register_profile("repeatable", derandomize=True)
settings.load_profile("repeatable")

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="session")
def data() -> Path:
    """The folder of real collections; tests that need it are skipped where it is missing."""
    folder = Path(os.environ.get("RAGKIT_DATA") or ROOT / "../shared/data")
    if not folder.is_dir():
        pytest.skip(f"real data is not at hand: {folder} is missing (set RAGKIT_DATA)")
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
