"""What importing costs and what it must not bring along, seen from a fresh interpreter."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages

import pytest

import ragkit

HEAVY = (
    "torch",
    "transformers",
    "sentence_transformers",
    "openai",
    "faiss",
    "openvino",
    "tantivy",
    "langchain_core",
    "pydantic",
    "numpy",
)


def loaded_after(statement: str) -> set[str]:
    program = f"import sys\n{statement}\nprint('\\n'.join(sys.modules))"
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    return set(run.stdout.split())


def test_importing_ragkit_loads_no_heavy_package() -> None:
    assert loaded_after("import ragkit").isdisjoint(HEAVY)


def test_importing_the_command_line_loads_no_heavy_package() -> None:
    assert loaded_after("import ragkit.cli").isdisjoint(HEAVY)


def test_importing_the_rooms_around_a_model_loads_no_heavy_package() -> None:
    assert loaded_after("import ragkit.prompts, ragkit.memory, ragkit.models").isdisjoint(HEAVY)


@pytest.mark.parametrize("room", ["ragkit.memory", "ragkit.models", "ragkit.prompts"])
def test_every_name_of_a_room_that_loads_late_is_there_and_described(room: str) -> None:
    module = import_module(room)
    assert module.__all__ == sorted(module.__all__)
    assert [name for name in module.__all__ if not getattr(module, name).__doc__] == []
    with pytest.raises(AttributeError, match=f"module '{room}' has no attribute 'Nothing'"):
        module.Nothing  # noqa: B018


def test_opening_the_road_to_search_loads_neither_torch_nor_langchain() -> None:
    loaded = loaded_after("import ragkit; ragkit.open; ragkit.Collection")
    assert loaded.isdisjoint({"torch", "transformers", "sentence_transformers", "langchain_core", "pydantic", "openai"})


@pytest.mark.parametrize("name", ragkit.__all__)
def test_every_public_name_is_there_and_described(name: str) -> None:
    assert getattr(ragkit, name).__doc__


def test_public_names_are_sorted() -> None:
    assert ragkit.__all__ == sorted(ragkit.__all__)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'ragkit' has no attribute 'Nothing'"):
        ragkit.Nothing  # noqa: B018


def test_every_room_has_a_signpost() -> None:
    rooms = [info.name for info in walk_packages(ragkit.__path__, "ragkit.") if info.ispkg]
    assert [room for room in rooms if not import_module(room).__doc__] == []


def test_nothing_imports_pickle() -> None:
    sources = Path(ragkit.__file__).parent.rglob("*.py")
    imported = re.compile(r"^\s*(?:import|from) (?:pickle|dill|cloudpickle|joblib|shelve|marshal)\b", re.MULTILINE)
    assert [path.name for path in sources if imported.search(path.read_text(encoding="utf-8"))] == []
