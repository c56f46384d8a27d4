from __future__ import annotations

import pytest

from ragkit import errors
from ragkit.errors import LoadError, ModelError, OutputParseError, RagkitError, shorten


@pytest.mark.parametrize(
    ("name", "builtin"),
    [
        ("InputError", ValueError),
        ("WhereError", ValueError),
        ("ConfigError", ValueError),
        ("MissingExtraError", ImportError),
        ("LoadError", ValueError),
        ("DocumentNotFoundError", LookupError),
        ("StoreNotFoundError", FileNotFoundError),
        ("IndexMismatchError", ValueError),
        ("ModelError", RuntimeError),
        ("OutputParseError", RuntimeError),
    ],
)
def test_each_error_is_also_the_builtin_a_caller_would_catch(name: str, builtin: type[Exception]) -> None:
    assert issubclass(getattr(errors, name), (RagkitError, builtin))
    assert issubclass(getattr(errors, name), builtin)


def test_a_load_error_carries_path_and_reason() -> None:
    error = LoadError("a.pdf", "the PDF is encrypted")
    assert (error.path, error.reason, str(error)) == ("a.pdf", "the PDF is encrypted", "a.pdf: the PDF is encrypted")


def test_an_output_that_cannot_be_read_is_carried_whole() -> None:
    error = OutputParseError("the reply is no JSON", "Sure! " * 100)
    assert isinstance(error, ModelError)
    assert (str(error), error.raw_output) == ("the reply is no JSON", "Sure! " * 100)


def test_a_long_value_is_cut() -> None:
    assert shorten("x" * 200) == "x" * 79 + "…"
    assert shorten("short") == "short"
