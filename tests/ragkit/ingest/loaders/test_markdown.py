from __future__ import annotations

from collections.abc import Callable
from datetime import date

import pytest

from ragkit.errors import LoadError
from ragkit.ingest.document import SourceFile
from ragkit.ingest.loaders.markdown import front_matter, load_markdown

Source = Callable[..., SourceFile]


def test_front_matter_becomes_metadata_and_leaves_the_text(source: Source) -> None:
    document = load_markdown(
        source("a.md"), b"---\r\ntitle: A Day\r\nyear: 2020\r\ntags: [x, y]\r\n---\r\n# Morning\r\n"
    )
    assert document.text == "# Morning\n"
    assert document.title == "A Day"
    assert document.metadata == {"year": 2020, "tags": ["x", "y"]}
    assert document.markdown


def test_a_title_that_is_no_text_becomes_text(source: Source) -> None:
    assert load_markdown(source("a.md"), b"---\ntitle: 1984\n---\nx").title == "1984"


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("intro\n\n## The *second* kind ##\n\n# Later", "The *second* kind"),
        ("A line\n======\n\ntext", "A line"),
        ("```\n# a comment\n```\n\n# True title", "True title"),
        ("- item\n---\n\n#hashtag", ""),
        ("| a | b |\n| --- | --- |\n", ""),
    ],
)
def test_the_first_heading_is_the_title(source: Source, text: str, title: str) -> None:
    assert load_markdown(source("a.md"), text.encode()).title == title


def test_dates_keep_their_kind() -> None:
    assert front_matter("---\nday: 2024-02-29\n---\n", path="a.md") == ({"day": date(2024, 2, 29)}, "")


@pytest.mark.parametrize("text", ["no block", "----\nx\n----\n", "---\nnever closed\n", "text\n---\na: 1\n---\n"])
def test_text_without_a_block_stays_whole(text: str) -> None:
    assert front_matter(text, path="a.md") == ({}, text)


def test_an_empty_block_is_left_out() -> None:
    assert front_matter("---\n---\ntext", path="a.md") == ({}, "text")


def test_text_between_thematic_breaks_is_text() -> None:
    assert front_matter("---\nJust words.\n---\nmore", path="a.md") == ({}, "---\nJust words.\n---\nmore")


@pytest.mark.parametrize("block", ["a: [1, 2", "a: b: c", "day: 2024-13-45", "[" * 2000])
def test_a_broken_block_is_reported(source: Source, block: str) -> None:
    with pytest.raises(LoadError, match=r"a\.md: the front matter is not valid YAML"):
        load_markdown(source("a.md"), f"---\n{block}\n---\ntext".encode())


def test_a_block_runs_no_code(source: Source) -> None:
    with pytest.raises(LoadError, match="not valid YAML"):
        load_markdown(source("a.md"), b"---\na: !!python/object/apply:os.getcwd []\n---\ntext")


def test_nothing_beyond_the_block_is_refused(source: Source) -> None:
    with pytest.raises(LoadError, match="no text beyond its front matter"):
        load_markdown(source("a.md"), b"---\na: 1\n---\n\n")


def test_an_empty_file_is_refused(source: Source) -> None:
    with pytest.raises(LoadError, match=r"the file holds no text$"):
        load_markdown(source("a.md"), b"")
