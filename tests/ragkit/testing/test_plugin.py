"""The plugin as a user has it: pytest runs a small suite of its own."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from ragkit.evaluate.baseline import write_baseline
from ragkit.evaluate.comparison.measured import measured_rows, read_measured
from ragkit.evaluate.outcome import Row
from ragkit.testing.plugin import Quality

pytest_plugins = ["pytester"]

PLUGIN = "ragkit.testing.plugin"
ROOT = Path(__file__).parents[3]
SUITE = """
from pathlib import Path

from ragkit.evaluate.outcome import Row

def rows(value):
    return [Row(id=str(place), outcomes={"nDCG@10": value, "other": 0.5}) for place in range(20)]

def test_quality(ragkit_quality):
    value = float(Path("value").read_text(encoding="utf-8"))
    ragkit_quality.check(rows(value), baseline="baselines/x.json", measures=["nDCG@10"], min_effect=0.05)
"""


def pytest_run(pytester: pytest.Pytester, value: float, *options: str) -> tuple[int, str]:
    (pytester.path / "test_it.py").write_text(SUITE, encoding="utf-8")
    # The plugins that are installed here besides have settings of their own.
    ini = "[pytest]\nfilterwarnings = error\nasyncio_default_fixture_loop_scope = function\n"
    (pytester.path / "pytest.ini").write_text(ini, encoding="utf-8")
    (pytester.path / "value").write_text(str(value), encoding="utf-8")
    ran = pytester.runpytest_inprocess("-q", "--strict-markers", "--strict-config", *options)
    return int(ran.ret), ran.stdout.str()


def test_pytest_finds_the_plugin_by_itself_once_ragkit_is_installed() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["entry-points"]["pytest11"] == {"ragkit": PLUGIN}


def test_a_loss_fails_with_the_table(pytester: pytest.Pytester) -> None:
    assert pytest_run(pytester, 0.8, "--ragkit-update-baselines")[0] == 0
    assert list(read_measured(pytester.path / "baselines" / "x.json").measures) == ["nDCG@10"]
    code, told = pytest_run(pytester, 0.7)
    assert code == 1
    assert "Quality was lost: nDCG@10." in told
    assert "0.8000  0.7000  -0.1000" in told
    assert "If the loss is meant, write the baseline anew with --ragkit-update-baselines." in told
    assert "test_it.py:" not in told.split("short test summary")[0]  # no traceback into the plugin


def test_loading_the_plugin_loads_neither_numpy_nor_a_room_of_ragkit() -> None:
    code = (
        "import sys, ragkit.testing.plugin\n"
        "print(sorted(name for name in sys.modules if name.startswith('ragkit.') or name == 'numpy'))"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    own = ["ragkit.testing", "ragkit.testing.cassettes", "ragkit.testing.cassettes.fixtures", PLUGIN]
    assert ran.stdout.strip() == str(own)


ROWS = [Row(id=str(place), outcomes={"x": 0.5}) for place in range(20)]
WORSE = [Row(id=str(place), outcomes={"x": 0.3}) for place in range(20)]


@pytest.fixture
def quality(tmp_path: Path) -> Quality:
    write_baseline(measured_rows(ROWS), tmp_path / "x.json")
    return Quality(tmp_path, update=False)


def test_what_did_not_lose_gives_its_comparison(quality: Quality, tmp_path: Path) -> None:
    for measured in (ROWS, measured_rows(ROWS), tmp_path / "x.json", str(tmp_path / "x.json")):
        comparison = quality.check(measured, baseline="x.json")
        assert comparison is not None
        assert comparison.measures[0].paired.ties == 20


def test_a_loss_fails(quality: Quality) -> None:
    with pytest.raises(pytest.fail.Exception, match=r"Quality was lost: x\."):
        quality.check(WORSE, baseline="x.json")


def test_a_baseline_that_is_missing_fails(quality: Quality) -> None:
    with pytest.raises(pytest.fail.Exception, match="There is no baseline at"):
        quality.check(ROWS, baseline="y.json")


def test_wrong_use_fails_with_its_sentence(quality: Quality, tmp_path: Path) -> None:
    with pytest.raises(pytest.fail.Exception, match="There is no run and no baseline at"):
        quality.check(tmp_path / "none", baseline="x.json")


def test_updating_writes_and_compares_nothing(tmp_path: Path) -> None:
    assert Quality(tmp_path, update=True).check(WORSE, baseline="deep/x.json") is None
    assert read_measured(tmp_path / "deep" / "x.json").measures == {"x": 0.3}
