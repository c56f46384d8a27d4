from __future__ import annotations

from pathlib import Path

import pytest

from evals.choosing import chat_model, function_named, spread
from ragkit.errors import ConfigError

CODE = """
from ragkit.testing.scripts import ScriptedModel

NUMBER = 3

def small():
    return ScriptedModel([], name="small")
"""


def test_items_are_spread_evenly() -> None:
    assert spread(list(range(10)), 3) == [0, 3, 6]
    assert spread([1, 2], 5) == [1, 2]
    assert spread([1, 2], None) == [1, 2]


@pytest.mark.parametrize("most", [0, -1])
def test_a_part_of_nothing_is_refused(most: int) -> None:
    with pytest.raises(ConfigError, match=f"at least one item must be measured, got {most}"):
        spread([1, 2], most)


def test_a_model_is_made_by_the_function_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "models_of_a_test.py").write_text(CODE, encoding="utf-8")
    (tmp_path / "broken_models_of_a_test.py").write_text("import nothing_of_the_kind\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    assert chat_model("models_of_a_test:small").card == {"name": "small"}
    for name in ("large", "NUMBER"):
        with pytest.raises(ConfigError, match=f"models_of_a_test has no function {name}: name one that gives"):
            chat_model(f"models_of_a_test:{name}")
    with pytest.raises(ModuleNotFoundError, match="nothing_of_the_kind"):  # the fault is inside of the module
        chat_model("broken_models_of_a_test:small")


def test_a_model_is_named_by_a_spec(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-not-a-real-key-000")
    assert chat_model("openai:gpt-4.1-mini").card["name"] == "openai:gpt-4.1-mini"
    monkeypatch.delenv("OPENAI_API_KEY")
    with pytest.raises(ConfigError, match=r"openai:gpt-4\.1-mini needs a key: set OPENAI_API_KEY"):
        chat_model("openai:gpt-4.1-mini")


@pytest.mark.parametrize("module", ["no_such_models", "no_such_models.of_mine"])
def test_a_module_that_is_not_there_is_named(module: str) -> None:
    with pytest.raises(ConfigError, match=f"there is no module {module} to import the condenser from"):
        function_named(f"{module}:small", "condenser")


@pytest.mark.parametrize("name", ["models", "models:", ":small"])
def test_a_name_of_another_form_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match="expected MODULE:FUNCTION"):
        chat_model(name)
