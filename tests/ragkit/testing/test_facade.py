from __future__ import annotations

import subprocess
import sys

import pytest

import ragkit.testing


def test_every_name_of_the_facade_is_there() -> None:
    assert ragkit.testing.__all__ == sorted(ragkit.testing.__all__)
    for name in ragkit.testing.__all__:
        assert getattr(ragkit.testing, name).__module__.startswith("ragkit.testing."), name
    assert set(ragkit.testing.__all__) <= set(dir(ragkit.testing))
    with pytest.raises(AttributeError, match=r"module 'ragkit\.testing' has no attribute 'Nothing'"):
        _ = ragkit.testing.Nothing


def test_importing_the_facade_loads_no_framework() -> None:
    code = "import sys, ragkit.testing; print(sorted({'langchain_core', 'vcr', 'pytest'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
