from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ragkit.cli import main
from ragkit.embed.model_files import packaged_model

DOCUMENTS = {
    "moon.md": "---\nyear: 2021\nlang: en\n---\n# The Moon\n\nThe Moon orbits the Earth in 27.3 days.\n\n"
    "## Landing\n\nNeil Armstrong was the first person to walk on the Moon. He landed in July 1969.\n",
    "sun.txt": "The Sun is a star. The Sun turns hydrogen into helium in its core. Sunlight needs 499 seconds.\n",
    "rows.jsonl": '{"_id": "mars", "title": "Mars", "text": "Mars has two moons, Phobos and Deimos.", "year": 1999}\n',
}


@dataclass(frozen=True)
class Ran:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@pytest.fixture
def ragkit(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> Callable[..., Ran]:
    """Run the command line in this process."""
    monkeypatch.setenv("RAGKIT_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))

    def run(*arguments: object) -> Ran:
        capsys.readouterr()
        with pytest.raises(SystemExit) as leave:
            main([str(argument) for argument in arguments])
        out, err = capsys.readouterr()
        return Ran(int(leave.value.code or 0), out, err)

    return run


@pytest.fixture(scope="session")
def docs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cli") / "docs"
    folder.mkdir()
    for name, text in DOCUMENTS.items():
        (folder / name).write_text(text, encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def store(docs: Path) -> Path:
    """A collection of the documents above; tests read it only."""
    folder = docs.parent / "store"
    with pytest.raises(SystemExit) as leave:
        main(["index", str(docs), "--store", str(folder)])
    assert leave.value.code == 0
    return folder


@pytest.fixture(scope="session")
def other_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The packaged model with other weights: a real model that is not the one a collection was built with."""
    files = packaged_model()
    assert files is not None
    folder = tmp_path_factory.mktemp("models") / "other"
    shutil.copytree(files.folder, folder)
    weights = folder / "model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-4:] = b"\x00\x00\x00\x00"
    weights.write_bytes(bytes(content))
    return folder
