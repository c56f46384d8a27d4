"""What every test may ask for: real data where it is at hand, and a network that is shut."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="session")
def data() -> Path:
    """The folder of real collections; tests that need it are skipped where it is missing."""
    folder = Path(os.environ.get("RAGKIT_DATA") or ROOT / "../shared/data")
    if not folder.is_dir():
        pytest.skip(f"real data is not at hand: {folder} is missing (set RAGKIT_DATA)")
    return folder
