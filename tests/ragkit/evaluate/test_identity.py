from __future__ import annotations

import hashlib
import platform
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from ragkit.errors import ConfigError
from ragkit.evaluate.identity import PACKAGES, first_difference, identity, versions


def _identity(**changes: Any) -> dict[str, Any]:
    plain: dict[str, Any] = {"command": "eval", "dataset": "d", "config": {}, "inputs": {}, "seeds": {}}
    return identity(**(plain | changes))


def test_an_identity_holds_the_sha256_of_each_input_and_not_its_path(tmp_path: Path) -> None:
    (tmp_path / "qrels.tsv").write_bytes(b"q d 1\n")
    document = _identity(inputs={"qrels": tmp_path / "qrels.tsv"})
    assert document["inputs"] == {"qrels": {"sha256": hashlib.sha256(b"q d 1\n").hexdigest()}}
    assert str(tmp_path) not in str(document)


def test_an_identity_is_what_json_reads_back() -> None:
    assert _identity(config={"k": (1, 2), 3: None})["config"] == {"k": [1, 2], "3": None}


def test_versions_are_of_python_and_of_what_is_installed() -> None:
    found = versions()
    assert found["python"] == platform.python_version()
    assert found["numpy"] == version("numpy")
    assert set(found) <= {"python", *PACKAGES}
    assert list(versions(["numpy", "no-such-package"])) == ["python", "numpy"]


def test_what_only_draws_reports_does_not_make_another_run() -> None:
    assert not {"matplotlib", "Jinja2", "rich"} & set(PACKAGES)


@pytest.mark.parametrize("config", [{"a": float("nan")}, {"a": {1}}, {"a": Path("x")}])
def test_a_configuration_that_is_not_json_is_refused(config: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="the configuration of eval is not JSON"):
        _identity(config=config)


def test_an_input_that_is_no_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"the input corpus is not a file: .*nowhere"):
        _identity(inputs={"corpus": tmp_path / "nowhere"})
    with pytest.raises(ConfigError, match="the input corpus is not a file"):
        _identity(inputs={"corpus": tmp_path})


def test_the_first_difference_is_named_by_its_path() -> None:
    old = {"command": "eval", "config": {"mode": "bm25", "model": {"name": "a"}}}
    new = {"command": "eval", "config": {"mode": "bm25", "model": {"name": "b"}}}
    assert first_difference(old, new) == ("config.model.name", '"a"', '"b"')


def test_a_difference_inside_of_a_list_of_objects_is_named_by_its_place() -> None:
    old = {"systems": [{"name": "a", "k": 1}, {"name": "b", "k": 1}], "measures": ["F1"]}
    new = {"systems": [{"name": "a", "k": 1}, {"name": "b", "k": 2}], "measures": ["F1", "EM"]}
    assert first_difference(old, new) == ("systems.1.k", "1", "2")
    assert first_difference(old, new | {"systems": old["systems"]}) == ("measures", '["F1"]', '["F1", "EM"]')


def test_long_values_are_shown_where_they_differ() -> None:
    key, before, after = first_difference({"prompt": "x" * 200 + " yes"}, {"prompt": "x" * 200 + " no"}) or ("",) * 3
    assert (key, before[0], after[0]) == ("prompt", "…", "…")
    assert before.endswith('x yes"')
    assert after.endswith('x no"')
    assert max(len(before), len(after)) <= 80


def test_a_key_that_is_there_once_differs_from_nothing() -> None:
    assert first_difference({"a": {}}, {"a": {"b": 1}}) == ("a", "{}", "nothing")
    assert first_difference({}, {"seeds": {"bootstrap": 1}}) == ("seeds.bootstrap", "nothing", "1")
    assert first_difference({"k": 1}, {}) == ("k", "1", "nothing")


def test_the_order_of_keys_is_no_difference() -> None:
    assert first_difference({"a": 1, "b": {"c": 2, "d": 3}}, {"b": {"d": 3, "c": 2}, "a": 1}) is None
