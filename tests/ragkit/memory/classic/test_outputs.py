"""The classic names give what LangChain's own classes gave (`scenarios.py` recorded it), but where it is said here."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import ragkit.memory.classic as classic

HERE = Path(__file__).parent


def _scenarios() -> ModuleType:
    spec = importlib.util.spec_from_file_location("classic_scenarios", HERE / "scenarios.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


scenarios = _scenarios()
RECORDED: dict[str, Any] = json.loads((HERE / "outputs.json").read_text(encoding="utf-8"))
# LangChain's shows a message without text after `clear`, which servers refuse.
WITHOUT_EMPTY_MESSAGES = ("summary, messages", "summary, as a person's")

pytestmark = pytest.mark.filterwarnings("ignore:of the outputs")


def expected(name: str) -> Any:
    recorded = RECORDED[name]
    if name in WITHOUT_EMPTY_MESSAGES:
        assert recorded["loaded"][-1]["history"][0][1] == ""
        return {**recorded, "loaded": [*recorded["loaded"][:-1], {"history": []}]}
    return recorded


@pytest.mark.parametrize("name", scenarios.SCENARIOS)
def test_they_give_what_langchains_own_gave(name: str) -> None:
    assert scenarios.play(classic, name) == expected(name)


@pytest.mark.parametrize("name", scenarios.SCENARIOS)
async def test_the_async_twins_do_the_same(name: str) -> None:
    assert await scenarios.aplay(classic, name) == expected(name)


def test_every_scenario_was_recorded() -> None:
    assert list(scenarios.SCENARIOS) == list(RECORDED)
