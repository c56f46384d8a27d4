from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from ragkit.errors import LoadError
from ragkit.ingest.document import SourceFile
from ragkit.ingest.loaders.rst import load_rst

Source = Callable[..., SourceFile]


def load(source: Source, text: str) -> str:
    return load_rst(source("a.rst"), text.encode()).text


def test_sections_are_headings_and_the_first_is_the_title(source: Source) -> None:
    document = load_rst(source("a.rst"), b"=====\nTitle\n=====\n\nText *so*.\n\nSub\n---\n\nMore ``code``.\n")
    assert document.text == "# Title\n\nText so.\n\n## Sub\n\nMore code."
    assert (document.title, document.markdown) == ("Title", True)


def test_the_leading_fields_are_metadata(source: Source) -> None:
    document = load_rst(source("a.rst"), b"Title\n=====\n\n:Author: Ann\n:Version: 3\n\nText.\n\n:later: stays\n")
    assert document.metadata == {"Author": "Ann", "Version": "3"}
    assert document.text == "# Title\n\nText.\n\nlater: stays"


def test_lists_tables_and_code_become_markdown(source: Source) -> None:
    text = "1. one\n2. two\n\n   - in\n\n== ==\na  b\n== ==\n1  2\n== ==\n\n"
    text += "::\n\n  x = 1\n\n.. code-block:: python\n\n  y = 2\n"
    assert load(source, text) == (
        "1. one\n2. two\n  - in\n\n| a | b |\n| --- | --- |\n| 1 | 2 |\n\n```\nx = 1\n```\n\n```\ny = 2\n```"
    )


def test_what_only_sphinx_knows_gives_its_text(source: Source) -> None:
    text = (
        "See :func:`~a.b.go`, :ref:`here <x>` and :class:`!C`.\n\n.. toctree::\n   a\n\n"
        ".. py:function:: f(a)\n   :async:\n\n"
        "   Does it.\n\n   .. seealso:: *That.*\n\n.. automodule:: m\n\n.. testcode::\n\n   x\n"
    )
    assert load(source, text) == "See go, here and C.\n\nf(a)\n\nDoes it.\n\nThat.\n\n```\nx\n```"


def test_substitutions_are_put_in_but_not_the_day_of_reading(source: Source) -> None:
    text = ".. |n| replace:: *name*\n.. |d| date::\n\nMy |n| and |d| and |none|."
    assert load(source, text) == "My name and d and none."


def test_footnotes_stand_where_they_are_written(source: Source) -> None:
    assert load(source, "Text [1]_.\n\n.. [1] A note.\n") == "Text .\n\n1: A note."


@pytest.mark.parametrize(
    "directive",
    [
        ".. include:: {0}",
        ".. literalinclude:: {0}",
        ".. raw:: html\n   :file: {0}",
        ".. csv-table::\n   :file: {0}",
        ".. code::\n   :include: {0}",
        ".. raw:: html\n\n   secret",
    ],
)
def test_no_other_file_is_read(source: Source, directive: str, tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text("secret,words")
    found = load(source, "Text.\n\n" + directive.format(tmp_path / "secret.txt") + "\n")
    assert "secret,words" not in found
    assert found.startswith("Text.")


def test_roles_of_one_file_are_unknown_to_the_next(source: Source) -> None:
    from docutils.parsers.rst import roles

    before = dict(roles._roles)
    load(source, ".. role:: mine\n.. default-role:: literal\n\n:mine:`x` `y`")
    assert roles._roles == before


def test_nothing_is_printed(tmp_path: Path) -> None:
    (tmp_path / "a.rst").write_text("Title\n==\n\n*open |open\n\n.. nothing::\n\n:no:`x`\n\n==== ===\nbroken\n")
    code = (
        "import sys; from pathlib import Path; from ragkit.ingest.document import SourceFile\n"
        "from ragkit.ingest.loaders.rst import load_rst; p = Path(sys.argv[1])\n"
        "load_rst(SourceFile(p, '', 'a.rst', 'a.rst'), p.read_bytes())"
    )
    run = subprocess.run(
        [sys.executable, "-Wdefault", "-c", code, tmp_path / "a.rst"], capture_output=True, text=True, check=True
    )
    assert (run.stdout, run.stderr) == ("", "")


@pytest.mark.usefixtures("hang_guard")
@pytest.mark.parametrize(
    "text",
    [
        "".join(" " * depth + "- x\n\n" for depth in range(0, 1200, 2)),
        "x" * 20_000,
        ".. _a:\n\n" * 20_000,
        "*a " * 3000,
        "a\n\nb\n=\n" * 20_000,
        "words \n" * 100_000,
    ],
)
def test_what_docutils_cannot_read_is_plain_text(source: Source, text: str) -> None:
    document = load_rst(source("a.rst"), text.encode())
    assert (document.text, document.markdown) == (text, False)


@pytest.mark.parametrize("data", [b"", b" \n"])
def test_a_file_without_text_is_refused(source: Source, data: bytes) -> None:
    with pytest.raises(LoadError, match="the file holds no text"):
        load_rst(source("a.rst"), data)


def test_a_file_of_nothing_but_comments_is_its_own_text(source: Source) -> None:
    assert load(source, ".. only a comment\n") == ".. only a comment\n"
