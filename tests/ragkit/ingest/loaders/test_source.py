from __future__ import annotations

from collections.abc import Callable

import pytest

from ragkit.errors import LoadError
from ragkit.ingest.document import SourceFile
from ragkit.ingest.loaders.source import SYNTAX_BY_SUFFIX, load_source
from ragkit.text.syntax import SYNTAXES

Source = Callable[..., SourceFile]


def test_code_stays_as_it_is_written(source: Source) -> None:
    document = load_source(source("a/b.py"), b"def f():\r\n\treturn 1\r\n")
    assert document.text == "def f():\n\treturn 1\n"
    assert (document.title, document.syntax, document.markdown) == ("b.py", "python", False)


@pytest.mark.parametrize(
    ("name", "title"),
    [("a/b/__init__.py", "b/__init__.py"), ("index.ts", "index.ts"), ("src/Main.java", "src/Main.java")],
)
def test_a_name_that_says_nothing_is_shown_with_its_folder(source: Source, name: str, title: str) -> None:
    assert load_source(source(name), b"x").title == title


def test_a_file_without_a_word_is_a_document_without_text(source: Source) -> None:
    assert load_source(source("__init__.py"), b"").text == ""


def test_binary_is_refused(source: Source) -> None:
    with pytest.raises(LoadError, match="holds NUL bytes"):
        load_source(source("a.py"), b"\0\1")


def test_every_suffix_has_a_syntax_that_exists() -> None:
    assert set(SYNTAX_BY_SUFFIX.values()) <= set(SYNTAXES)
