from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from ragkit.cli.doctor import _EXTRAS

_PYPROJECT = Path(__file__).parents[3] / "pyproject.toml"


@pytest.mark.parametrize("extra", _EXTRAS)
def test_every_package_of_an_extra_is_looked_for(extra: str) -> None:
    declared = tomllib.loads(_PYPROJECT.read_text("utf-8"))["project"]["optional-dependencies"][extra]
    names = [re.split(r"[<>=\[;]", line)[0] for line in declared]
    assert list(_EXTRAS[extra]) == sorted(name for name in names if name != "ragkit")
