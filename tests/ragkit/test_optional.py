from __future__ import annotations

import pytest

from ragkit._optional import require
from ragkit.errors import MissingExtraError


def test_an_absent_package_becomes_advice() -> None:
    advice = r"A reader of stars needs no_such_package: pip install 'ragkit\[stars\]'"
    with (
        pytest.raises(MissingExtraError, match=advice),
        require(feature="A reader of stars", package="no_such_package", extra="stars"),
    ):
        import no_such_package  # noqa: F401


def test_a_broken_package_shows_its_own_error() -> None:
    with (
        pytest.raises(ModuleNotFoundError, match="No module named 'something_inside'"),
        require(feature="A reader of stars", package="starlight", extra="stars"),
    ):
        raise ModuleNotFoundError("No module named 'something_inside'", name="something_inside")


def test_a_package_that_is_there_passes() -> None:
    with require(feature="JSON", package="json", extra="none"):
        import json

    assert json.loads("1") == 1
