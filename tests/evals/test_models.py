from __future__ import annotations

from pathlib import Path

import pytest

from evals.models import chat_model
from ragkit.errors import ConfigError


def test_a_model_is_made_by_the_function_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code = (
        "from ragkit.testing.scripts import ScriptedModel\ndef small():\n    return ScriptedModel([], name='small')\n"
    )
    (tmp_path / "models_of_a_test.py").write_text(code, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    assert chat_model("models_of_a_test:small").card == {"name": "small"}
    with pytest.raises(ConfigError, match="models_of_a_test has no large: name a function"):
        chat_model("models_of_a_test:large")


def test_a_module_that_is_not_there_is_named() -> None:
    with pytest.raises(ConfigError, match="there is no module no_such_models"):
        chat_model("no_such_models:small")


@pytest.mark.parametrize("name", ["models", "models:", ":small"])
def test_a_name_of_another_form_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match="expected MODULE:FUNCTION"):
        chat_model(name)
