from __future__ import annotations

from pathlib import Path

import pytest

import ragkit
from ragkit.settings import Settings

DOCUMENTS = {
    "moon.md": "---\nyear: 2021\n---\n# The Moon\n\n"
    "The Moon orbits the Earth in 27.3 days. Its gravity raises the tides.\n\n"
    "## Landing\n\nNeil Armstrong was the first person to walk on the Moon. He landed in July 1969.\n",
    "sun.txt": "The Sun is a star. The Sun turns hydrogen into helium\nin its core. Sunlight needs 499 seconds.\n",
    "scores.md": "# Scores\n\nEven the name macro F1 is ambiguous. "
    "The F1 score is the harmonic mean of precision and recall.\n\n"
    "- Macro F1 averages over classes.\n- Micro F1 counts every decision once.\n",
}


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="session")
def settings(cache: Path) -> Settings:
    return Settings(cache=cache)


@pytest.fixture(scope="session")
def rag(tmp_path_factory: pytest.TempPathFactory, settings: Settings) -> ragkit.Rag:
    """A collection of the documents above; tests read it only."""
    folder = tmp_path_factory.mktemp("answers")
    (folder / "docs").mkdir()
    for name, text in DOCUMENTS.items():
        (folder / "docs" / name).write_text(text, encoding="utf-8")
    rag = ragkit.open(folder / "store", settings=settings)
    rag.sync(folder / "docs")
    return rag
